// The writer and the mailbox before it: what happens when the store cannot keep up, or cannot be
// written at all.
#include "collectord/writer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "daemon_process.hpp"
#include "fake_probe.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

constexpr SessionId kSession{1};

TEST(Mailbox, SaysWhenItIsFullAndWhenThereIsRoomAgain) {
    int room = 0;
    Mailbox mailbox([&room] { ++room; });
    const auto megabyte = [] {
        return BytesItem{kSession, {}, std::vector<std::uint8_t>(1U << 20U)};
    };
    std::size_t put = 1;
    while (mailbox.put(megabyte())) {
        ++put;
    }
    EXPECT_EQ(put, Mailbox::kMaxBytes >> 20U);
    EXPECT_FALSE(mailbox.put(megabyte())) << "taken all the same: it was read already";
    while (mailbox.load().bytes > Mailbox::kMaxBytes / 2) {
        EXPECT_EQ(room, 0) << "not for every byte";
        ASSERT_TRUE(mailbox.take());
    }
    EXPECT_EQ(room, 1);
    while (mailbox.take()) {
    }
    EXPECT_EQ(room, 1) << "once";
    EXPECT_EQ(mailbox.load().bytes, 0U);
}

TEST(Mailbox, WakesForAWishAlsoWhenItemsMustWait) {
    Mailbox mailbox([] {});
    mailbox.put(GoneItem{});
    const auto soon = [] { return Mailbox::Clock::now() + std::chrono::milliseconds(1); };
    EXPECT_FALSE(mailbox.wait(soon(), false).status_wanted);
    mailbox.want_status();
    EXPECT_TRUE(mailbox.wait(Mailbox::Clock::now() + std::chrono::hours(1), false).status_wanted);
    EXPECT_FALSE(mailbox.wait(soon(), false).status_wanted) << "once";
    mailbox.stop(StopLevel::kNow);
    mailbox.stop(StopLevel::kFinish);
    EXPECT_EQ(mailbox.wait(Mailbox::Clock::now() + std::chrono::hours(1), false).stop,
              StopLevel::kNow)
        << "no way back";
}

class WriterTest : public testing::Test {
  protected:
    [[nodiscard]] std::filesystem::path path() const { return folder.path() / "db.sqlite3"; }
    [[nodiscard]] Reports reports() {
        Reports made;
        made.send = [this](SessionId, std::vector<std::uint8_t>) { ++sent; };
        made.close = [](SessionId, const std::string&) {};
        made.status = [this](Status status) {
            const std::lock_guard lock(mutex);
            last_status = std::move(status);
        };
        made.over = [](const std::vector<proto::ProcessId>&) {};
        made.ended = [this](std::string why) {
            const std::lock_guard lock(mutex);
            problem = std::move(why);
            has_ended = true;
        };
        return made;
    }
    [[nodiscard]] std::string trouble() {
        mailbox.want_status();
        const std::lock_guard lock(mutex);
        return last_status.trouble;
    }
    void send(const Frames& bytes) { mailbox.put(BytesItem{kSession, probe.id, bytes}); }
    [[nodiscard]] std::int64_t stored() {
        SQLite::Database reader(path().string(), SQLite::OPEN_READONLY, 5000);
        return number_in(reader, "SELECT ifnull(sum(stored), 0) FROM process");
    }

    TemporaryFolder folder;
    Mailbox mailbox{[] {}};
    std::mutex mutex;
    Status last_status;
    std::string problem;
    std::atomic<bool> has_ended = false;
    std::atomic<int> sent = 0;
    FakeProbe probe;
};

/// A reader that never ends would let the log grow for ever.
TEST_F(WriterTest, PausesWhenTheLogIsTooLongAndGoesOnWhenTheReaderEnds) {
    WriterLimits limits;
    limits.checkpoint_bytes = 64U << 10U;
    limits.wal_bytes = 256U << 10U;
    Writer writer(path(), store::open_store(path()), mailbox, reports(), limits);
    writer.start();
    mailbox.put(HelloItem{kSession, probe.hello(), 4711});
    ASSERT_TRUE(eventually([&] { return sent > 0; }));

    SQLite::Database reader(path().string(), SQLite::OPEN_READONLY, 5000);
    reader.exec("BEGIN");
    static_cast<void>(number_in(reader, "SELECT count(*) FROM process"));
    probe.traces = {image_of(1, "large")};
    FakeRing ring(1, 1, 4096);
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        ring.finish(ring.start(
            1, {0x91, 0xCE, static_cast<std::uint8_t>(i * 7919U >> 8U),
                static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i * 104'729U >> 16U), 1}));
    }
    probe.rings = {ring};
    const auto messages = probe.messages({});
    std::size_t next = 0;
    EXPECT_TRUE(eventually([&] {
        if (next < messages.size()) {
            send(messages[next++]);
        }
        return trouble().find("write-ahead log") != std::string::npos;
    }));
    EXPECT_LT(std::filesystem::file_size(path().string() + "-wal"), 4U * limits.wal_bytes);
    reader.exec("COMMIT");
    for (; next < messages.size(); ++next) {
        send(messages[next]);
    }
    EXPECT_TRUE(eventually([&] { return stored() == 200'000; }));
    EXPECT_TRUE(eventually([&] { return trouble().empty(); }));
    mailbox.stop(StopLevel::kFinish);
    writer.join();
    EXPECT_EQ(problem, "");
}

TEST_F(WriterTest, StoppedAtOnceItAcknowledgesNothingMore) {
    WriterLimits limits;
    limits.commit_every = std::chrono::hours(1);
    Writer writer(path(), store::open_store(path()), mailbox, reports(), limits);
    writer.start();
    mailbox.put(HelloItem{kSession, probe.hello(), 4711});
    ASSERT_TRUE(eventually([&] { return sent == 1; })) << "the welcome";
    FakeRing ring(1, 1);
    ring.finish(ring.start(1));
    probe.traces = {image_of(1, "GET /")};
    probe.rings = {ring};
    for (const Frames& message : probe.messages({})) {
        send(message);
    }
    ASSERT_TRUE(eventually([&] { return mailbox.load().items == 0; }));
    mailbox.stop(StopLevel::kNow);
    writer.join();
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(stored(), 0);
    EXPECT_TRUE(has_ended);
}

TEST_F(WriterTest, AStoreThatIsDamagedEndsIt) {
    Writer writer(path(), store::open_store(path()), mailbox, reports());
    {
        // A table that it needs is gone: no waiting will bring it back.
        SQLite::Database other(path().string(), SQLite::OPEN_READWRITE, 5000);
        other.exec("DROP TABLE ring; DROP TABLE process");
    }
    writer.start();
    mailbox.put(HelloItem{kSession, probe.hello(), 4711});
    EXPECT_TRUE(eventually([&] { return has_ended.load(); }));
    writer.join();
    EXPECT_NE(problem, "");
}

}  // namespace
}  // namespace kolo::collectord::test

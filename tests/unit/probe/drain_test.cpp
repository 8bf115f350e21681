// The drain against a collector that the test plays itself, over a real socket.
#include "probe/drain.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "probe/settings.hpp"
#include "proto/codes.hpp"
#include "tests/unit/probe/fake_collector.hpp"
#include "tests/unit/probe/recording.hpp"

namespace kolo::probe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class DrainTest : public ::testing::Test {
  protected:
    DrainTest() {
        settings_.folder = folder_.path() + "/.kolo";
        settings_.socket = settings_.folder + "/collector.sock";
        settings_.collector = CollectorMode::kRequire;
        settings_.version = "0.1.0";
        settings_.argv = {"manage.py", "runserver"};
        std::filesystem::create_directory(settings_.folder);
    }

    [[nodiscard]] std::unique_ptr<Drain> make_drain() {
        return std::make_unique<Drain>(recording_.arena(), recording_.rings(), settings_,
                                       recording_.id(), std::nullopt);
    }

    /// Runs a blocking call of the drain's while the test plays the collector.
    template <typename Call>
    [[nodiscard]] std::future<bool> in_background(Call call) {
        return std::async(std::launch::async, call);
    }

    TemporaryFolder folder_;
    Recording recording_;
    Settings settings_;
    FakeStore store_;
};

TEST_F(DrainTest, GreetsWithWhoItIsAndWithItsArena) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    const proto::Hello hello = session.greet();

    EXPECT_EQ(hello.protocol, proto::kProtocolVersion);
    EXPECT_EQ(hello.process, recording_.id());
    EXPECT_EQ(hello.pid, static_cast<std::uint64_t>(getpid()));
    EXPECT_GT(hello.start_time, 0U);
    EXPECT_FALSE(hello.boot_id.empty());
    EXPECT_EQ(hello.argv, settings_.argv);
    ASSERT_EQ(hello.clocks.size(), 2U);
    EXPECT_LE(hello.clocks[0].monotonic_ns, hello.clocks[1].monotonic_ns);

    struct stat file {};
    ASSERT_EQ(fstat(session.arena(), &file), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(file.st_size), hello.arena_bytes);
    EXPECT_EQ(fcntl(session.arena(), F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);

    EXPECT_FALSE(drain->status().connected);
    session.welcome(store_);
    EXPECT_TRUE(drain->wait_connected(seconds(10)));
    EXPECT_TRUE(drain->status().ever_connected);
    EXPECT_EQ(drain->status().error, "");
}

TEST_F(DrainTest, CarriesATraceToItsAcknowledgedEnd) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);

    Thread thread = recording_.make_thread();
    recording_.define_code(1, "index");
    const auto trace = recording_.begin_trace();
    for (int i = 0; i < 20'000; ++i) {  // several blocks
        ASSERT_TRUE(thread.call(1, trace));
    }
    thread.park();
    recording_.end_trace(trace);
    drain->wake();

    auto flushed = in_background([&] { return drain->flush(seconds(10)); });
    ASSERT_TRUE(session.serve(store_, [&] { return !store_.closed.empty(); }));
    EXPECT_TRUE(flushed.get());

    EXPECT_EQ(store_.complaint, "");
    EXPECT_EQ(store_.events(1).size(), thread.events());
    EXPECT_EQ(store_.rings.at(1).emitted, thread.events());
    EXPECT_EQ(proto::decode_codes(store_.codes).definitions.at(0).name, "index");
    EXPECT_EQ(store_.traces.at(to_integer(trace)).state, 2U);
    EXPECT_FALSE(recording_.holds(trace)) << "an acknowledged end frees the slot";
}

TEST_F(DrainTest, SaysByeWhenAllIsStored) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    Thread thread = recording_.make_thread();
    const auto trace = recording_.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    thread.finish();
    recording_.end_trace(trace);

    auto down = in_background([&] { return drain->shutdown(seconds(10)); });
    EXPECT_FALSE(session.serve(store_, [] { return false; })) << "the probe closes after its bye";
    EXPECT_TRUE(down.get());
    EXPECT_TRUE(store_.bye);
    EXPECT_EQ(store_.complaint, "");
    EXPECT_EQ(store_.events(1).size(), 2U);
    EXPECT_EQ(store_.closed.count(to_integer(trace)), 1U);
    EXPECT_FALSE(store_.clocks.empty()) << "a clock pair comes with the bye";
    EXPECT_FALSE(drain->status().connected);
}

TEST_F(DrainTest, SurvivesCollectorsThatDieUnderLoad) {
    constexpr int kCollectors = 8;
    auto drain = make_drain();
    drain->ensure_running();
    Thread thread = recording_.make_thread();
    const auto trace = recording_.begin_trace();
    std::atomic<bool> enough{false};
    std::thread application([&] {
        while (!enough.load(std::memory_order_relaxed)) {  // relaxed: only ends the loop
            static_cast<void>(thread.call(1, trace));
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
        thread.finish();
    });
    for (int killed = 0; killed < kCollectors; ++killed) {
        FakeCollector collector(settings_.socket);
        FakeSession session = collector.accept();
        static_cast<void>(session.greet());
        store_.expect_resume();
        session.welcome(store_);
        // Some messages are stored; the last one only in part, and not acknowledged.
        const std::size_t until = store_.messages + static_cast<std::size_t>(killed);
        session.serve(store_, [&] { return store_.messages >= until; });
        store_.commits_left = static_cast<std::uint64_t>(killed);
        if (const auto frame = session.next()) {
            store_.take(*frame);
        }
        store_.commits_left = UINT64_MAX;
    }
    enough.store(true, std::memory_order_relaxed);  // relaxed: only ends the loop
    application.join();
    recording_.end_trace(trace);

    FakeCollector collector(settings_.socket);
    auto down = in_background([&] { return drain->shutdown(seconds(10)); });
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    store_.expect_resume();
    session.welcome(store_);
    session.serve(store_, [] { return false; });
    EXPECT_TRUE(down.get());
    EXPECT_EQ(store_.complaint, "");
    EXPECT_EQ(store_.events(1).size(), thread.events()) << "nothing lost, nothing doubled";
    EXPECT_EQ(store_.rings.at(1).emitted, thread.events());
}

TEST_F(DrainTest, DropsAConnectionThatAcknowledgesWhatWasNeverSent) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    Thread thread = recording_.make_thread();
    const auto trace = recording_.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    const std::uint32_t free_before = recording_.arena().free_blocks();

    std::vector<proto::Ack> lies(6);
    lies[0].rings = {{proto::RingNumber{1}, {0, 4096}}};  // beyond what was sent
    lies[1].rings = {{proto::RingNumber{1}, {7, 0}}};     // a block that does not exist
    lies[2].rings = {{proto::RingNumber{99}, {0, 8}}};    // a ring that does not exist
    lies[3].codes_offset = 1U << 20U;                     // codes that do not exist
    lies[4].closed = {trace};                             // an end that was never told
    lies[5].bye = true;                                   // a bye that was never said
    for (const proto::Ack& lie : lies) {
        FakeSession session = collector.accept();
        static_cast<void>(session.greet());
        session.welcome(FakeStore{});
        std::vector<std::uint8_t> bytes;
        proto::append_ack(bytes, lie);
        session.send(bytes);
        while (session.next()) {
        }
        EXPECT_TRUE(session.has_ended());
        EXPECT_EQ(recording_.arena().free_blocks(), free_before);
        EXPECT_TRUE(recording_.holds(trace));
    }
    // An honest one is served all the same.
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    EXPECT_TRUE(session.serve(store_, [&] { return store_.events(1).size() == 2; }));
    EXPECT_EQ(store_.complaint, "");
}

TEST_F(DrainTest, DropsAConnectionThatTalksNonsense) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    std::vector<std::vector<std::uint8_t>> nonsense(4);
    nonsense[0] = {0xFF, 0xFF, 0xFF, 0xFF, 65, 0, 0, 0};              // a frame of 4 GB
    nonsense[1] = {4, 0, 0, 0, 64, 0, 0, 0, 0xC1, 0xC1, 0xC1, 0xC1};  // a welcome that is none
    proto::append_ack(nonsense[2], proto::Ack{});                     // an ack before the welcome
    proto::Welcome claim;
    claim.codes_offset = 8;  // codes that were never sent
    proto::append_welcome(nonsense[3], claim);
    for (const auto& bytes : nonsense) {
        FakeSession session = collector.accept();
        static_cast<void>(session.greet());
        session.send(bytes);
        while (session.next()) {
        }
        EXPECT_TRUE(session.has_ended());
    }
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    EXPECT_TRUE(drain->wait_connected(seconds(10)));
}

TEST_F(DrainTest, DoesNotComeBackToACollectorThatRefusesForGood) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    ::testing::internal::CaptureStderr();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    std::vector<std::uint8_t> bytes;
    proto::append_refused(bytes, {proto::RefusalReason::kProtocol, "speaks version 2"});
    session.send(bytes);
    EXPECT_FALSE(drain->wait_connected(seconds(10)));
    const auto begun = Clock::now();
    Thread thread = recording_.make_thread();
    ASSERT_TRUE(thread.call(1, recording_.begin_trace()));
    EXPECT_FALSE(drain->shutdown(seconds(60)));
    EXPECT_LT(Clock::now() - begun, seconds(30)) << "what cannot come is not waited for";
    EXPECT_FALSE(collector.is_called_within(milliseconds(100)));
    const std::string warning = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(warning.find("speaks version 2"), std::string::npos) << warning;
    EXPECT_EQ(warning.find('\n'), warning.size() - 1) << "one line";
}

TEST_F(DrainTest, ComesBackToACollectorThatIsBusy) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    for (const auto reason : {proto::RefusalReason::kBusy, proto::RefusalReason::kStopping}) {
        FakeSession session = collector.accept();
        static_cast<void>(session.greet());
        std::vector<std::uint8_t> bytes;
        proto::append_refused(bytes, {reason, "not now"});
        session.send(bytes);
    }
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    EXPECT_TRUE(drain->wait_connected(seconds(10)));
}

TEST_F(DrainTest, ReachesASocketWhosePathIsLongerThanAnAddress) {
    std::string deep = settings_.folder;
    for (int i = 0; i < 12; ++i) {
        deep += "/a-folder-with-a-long-name";
        std::filesystem::create_directory(deep);
    }
    settings_.socket = deep + "/collector.sock";
    ASSERT_GT(settings_.socket.size(), 200U);
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    EXPECT_TRUE(drain->wait_connected(seconds(10)));
}

TEST_F(DrainTest, TellsAtOnceThatNobodyIsThereWhenNoneMayBeStarted) {
    auto drain = make_drain();
    drain->ensure_running();
    const auto begun = Clock::now();
    EXPECT_FALSE(drain->wait_connected(seconds(60)));
    EXPECT_LT(Clock::now() - begun, seconds(30));
    EXPECT_NE(drain->status().error.find(settings_.socket), std::string::npos)
        << drain->status().error;
    // What was recorded is not waited for either, and one that starts later is found.
    FakeCollector collector(settings_.socket);
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    EXPECT_TRUE(drain->wait_connected(seconds(10)));
    EXPECT_EQ(drain->status().error, "");
}

TEST_F(DrainTest, NeverConnectsWhenTheCollectorIsOff) {
    FakeCollector collector(settings_.socket);
    settings_.collector = CollectorMode::kOff;
    auto drain = make_drain();
    drain->ensure_running();
    Thread thread = recording_.make_thread();
    ASSERT_TRUE(thread.call(1, recording_.begin_trace()));
    EXPECT_FALSE(drain->wait_connected(seconds(60)));
    EXPECT_FALSE(drain->flush(seconds(60)));
    EXPECT_FALSE(drain->shutdown(seconds(60)));
    EXPECT_FALSE(collector.is_called_within(milliseconds(50)));
}

TEST_F(DrainTest, StopsForAForkAndGoesOnOverTheSameConnection) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    ASSERT_TRUE(drain->wait_connected(seconds(10)));
    Thread thread = recording_.make_thread();
    const auto trace = recording_.begin_trace();
    for (int fork = 0; fork < 50; ++fork) {
        const auto begun = Clock::now();
        drain->stop();
        // The limit is a millisecond; the rest is for a machine that has other things to do.
        EXPECT_LT(Clock::now() - begun, milliseconds(100));
        ASSERT_TRUE(thread.call(1, trace));
        drain->ensure_running();
        drain->wake();
    }
    // A thread that had not ended in time is replaced as soon as it has.
    const auto rerun = [&] { return (drain->ensure_running(), drain->flush(seconds(5))); };
    auto flushed = in_background(rerun);
    ASSERT_TRUE(session.serve(store_, [&] { return store_.events(1).size() == 100; }));
    EXPECT_TRUE(flushed.get());
    EXPECT_EQ(store_.complaint, "");
    EXPECT_FALSE(collector.is_called_within(milliseconds(0)));
}

TEST_F(DrainTest, LeavesNothingOpenInAForkedChild) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    ASSERT_TRUE(drain->wait_connected(seconds(10)));
    drain->stop();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        drain->abandon();
        int inherited = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code error;
            const std::string target = std::filesystem::read_symlink(entry.path(), error);
            inherited += target.find("eventfd") != std::string::npos ? 1 : 0;
        }
        pause();
        _exit(inherited);
    }
    // The child lives, and yet the collector sees the end of the parent's connection.
    drain.reset();
    while (session.next()) {
    }
    EXPECT_TRUE(session.has_ended());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

TEST_F(DrainTest, SleepsWhileNothingIsLiveAndIsWokenByATrace) {
    FakeCollector collector(settings_.socket);
    auto drain = make_drain();
    drain->ensure_running();
    FakeSession session = collector.accept();
    static_cast<void>(session.greet());
    session.welcome(store_);
    ASSERT_TRUE(drain->wait_connected(seconds(10)));
    EXPECT_FALSE(session.next_within(milliseconds(200))) << "an idle process says nothing";
    const auto trace = recording_.begin_trace();
    drain->wake();
    EXPECT_TRUE(session.serve(store_, [&] { return store_.traces.count(to_integer(trace)) == 1; }));
}

TEST_F(DrainTest, RunsWithAllSignalsBlocked) {
    auto drain = make_drain();
    drain->ensure_running();
    EXPECT_FALSE(drain->wait_connected(seconds(10)));  // it runs by now
    bool found = false;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(task.path() / "status");
        std::string line;
        std::getline(status, line);
        if (line.find("kolo-drain") == std::string::npos) {
            continue;
        }
        found = true;
        while (std::getline(status, line) && !line.starts_with("SigBlk:")) {
        }
        // KILL, STOP and the two that the C library keeps for itself cannot be blocked.
        const std::uint64_t blocked = std::stoull(line.substr(7), nullptr, 16);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE}) {
            EXPECT_NE(blocked & (1ULL << static_cast<unsigned>(number - 1)), 0U) << number;
        }
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace kolo::probe

// Exactly once: whatever was acknowledged is there, whatever was not is sent again, and nothing is
// there twice.
#include <gtest/gtest.h>

#include "collectord/ingest.hpp"
#include "fake_probe.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

constexpr SessionId kFirst{1};
constexpr SessionId kSecond{2};

/// Two threads, two traces that alternate in one of them, several small blocks, calls that span
/// blocks.
[[nodiscard]] FakeProbe busy_probe() {
    FakeProbe probe;
    probe.traces = {image_of(1, "GET /"), image_of(2, "GET /cart/")};
    FakeRing first(1, 1, 256);
    first.thread("MainThread");
    const auto outer = first.start(1);
    for (int i = 0; i < 9; ++i) {
        const auto inner = first.start(2, {0x91, 0x2A});
        first.finish(inner, i % 3 == 0);
        first.context(i % 2 == 0 ? 2 : 1);
        const auto other = first.start(3);
        first.unknown();
        first.finish(other);
    }
    first.context(1);
    first.finish(outer);
    FakeRing second(2, 2, 512);
    second.thread("worker");
    for (int i = 0; i < 12; ++i) {
        second.finish(second.start(4));
    }
    second.drop(3);
    probe.rings = {first, second};
    probe.traces[0].emitted = 0;
    probe.counts.lost[0] = 3;
    probe.closed = {1, 2};
    return probe;
}

struct Rows {
    std::vector<StoredEvent> first;
    std::vector<StoredEvent> second;
    std::string process;
    std::string traces;
    std::string rings;
    std::string threads;
    std::string codes;
    friend bool operator==(const Rows&, const Rows&) = default;
};

[[nodiscard]] Rows rows_of(SQLite::Database& database) {
    const auto all = [&database](const std::string& columns, const std::string& from) {
        return text_in(database, "SELECT ifnull(group_concat(line, x'0A'), '') FROM (SELECT " +
                                     columns + " AS line FROM " + from + ")");
    };
    return {
        events_of(database, 1),
        events_of(database, 2),
        all("format('%d %d %d %s %s', emitted, stored, unknown_records, state, accounting)",
            "process"),
        all("format('%d %s %d %d %d', number, status, stored, activations, unwinds)",
            "trace ORDER BY number"),
        all("format('%d %d %d %d', ring, sequence, \"offset\", emitted)", "ring ORDER BY ring"),
        all("format('%d %s', ring, name)", "thread ORDER BY ring"),
        all("format('%s %d', qualname, sum(activations))",
            "code LEFT JOIN trace_code ON code_id = code.id GROUP BY code.id ORDER BY code.id")};
}

void send(Ingest& ingest, SessionId session, const FakeProbe& probe, const Frames& bytes) {
    const auto wrong = ingest.received(session, probe.id, bytes);
    ASSERT_FALSE(wrong) << *wrong;
}

TEST(Resume, StoresWhatWasRecorded) {
    const FakeProbe probe = busy_probe();
    SQLite::Database database = memory_store();
    Ingest ingest(database);
    const auto welcome = ingest.hello(kFirst, probe.hello(), 4711);
    for (const Frames& message : probe.messages(welcome)) {
        send(ingest, kFirst, probe, message);
    }
    static_cast<void>(ingest.commit());
    const Rows rows = rows_of(database);
    EXPECT_EQ(rows.first.size() + rows.second.size(),
              probe.rings[0].emitted() + probe.rings[1].emitted() - 3);
    EXPECT_EQ(number_in(database, "SELECT emitted FROM process"),
              number_in(database, "SELECT stored + (SELECT sum(events) FROM loss) FROM process"));
}

/// The collector is killed after each record: once with everything up to there committed, once with
/// the last commit some records back. A new one resumes from the store.
TEST(Resume, AfterAKillAtEveryRecordBoundaryNothingIsLostOrDoubled) {
    const FakeProbe probe = busy_probe();
    SQLite::Database whole = memory_store();
    {
        Ingest ingest(whole);
        const auto welcome = ingest.hello(kFirst, probe.hello(), 4711);
        for (const Frames& message : probe.messages(welcome)) {
            send(ingest, kFirst, probe, message);
        }
        static_cast<void>(ingest.commit());
    }
    const Rows expected = rows_of(whole);
    const std::size_t cuts = probe.messages({}, true).size();
    ASSERT_GT(cuts, 60U);
    for (const std::size_t behind : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
        for (std::size_t cut = 0; cut <= cuts; ++cut) {
            SQLite::Database database = memory_store();
            {
                Ingest killed(database);
                const auto welcome = killed.hello(kFirst, probe.hello(), 4711);
                const auto messages = probe.messages(welcome, true);
                for (std::size_t i = 0; i < cut; ++i) {
                    if (i + behind == cut) {
                        static_cast<void>(killed.commit());
                    }
                    send(killed, kFirst, probe, messages[i]);
                }
                if (behind == 0) {
                    static_cast<void>(killed.commit());
                }
            }
            Ingest next(database);
            const auto welcome = next.hello(kSecond, probe.hello(), 4711);
            for (const Frames& message : probe.messages(welcome, cut % 2 == 0)) {
                send(next, kSecond, probe, message);
            }
            static_cast<void>(next.commit());
            ASSERT_EQ(rows_of(database), expected)
                << "killed after message " << cut << ", committed " << behind << " messages before";
        }
    }
}

/// The same collector, but a new connection: what is in the model and not yet committed is not
/// taken twice.
TEST(Resume, AReconnectInTheMiddleOfATransactionDoublesNothing) {
    const FakeProbe probe = busy_probe();
    SQLite::Database whole = memory_store();
    Ingest once(whole);
    for (const Frames& message : probe.messages(once.hello(kFirst, probe.hello(), 4711))) {
        send(once, kFirst, probe, message);
    }
    static_cast<void>(once.commit());
    const std::size_t cuts = probe.messages({}, true).size();
    for (std::size_t cut = 0; cut <= cuts; cut += 3) {
        SQLite::Database database = memory_store();
        Ingest ingest(database);
        const auto messages = probe.messages(ingest.hello(kFirst, probe.hello(), 4711), true);
        for (std::size_t i = 0; i < cut; ++i) {
            send(ingest, kFirst, probe, messages[i]);
        }
        ingest.disconnected(kFirst, probe.id);
        for (const Frames& message : probe.messages(ingest.hello(kSecond, probe.hello(), 4711))) {
            send(ingest, kSecond, probe, message);
        }
        static_cast<void>(ingest.commit());
        ASSERT_EQ(rows_of(database), rows_of(whole)) << "cut after message " << cut;
    }
}

/// A probe cuts a collector off that acknowledges what was not sent over this connection.
TEST(Resume, AcknowledgesOnlyWhatCameOverThisConnection) {
    const FakeProbe probe = busy_probe();
    SQLite::Database database = memory_store();
    Ingest ingest(database);
    for (const Frames& message : probe.messages(ingest.hello(kFirst, probe.hello(), 4711))) {
        send(ingest, kFirst, probe, message);
    }
    ingest.disconnected(kFirst, probe.id);
    const auto welcome = ingest.hello(kSecond, probe.hello(), 4711);
    EXPECT_TRUE(welcome.rings.empty()) << "nothing is committed yet";
    EXPECT_TRUE(ingest.commit().empty()) << "committed, but not sent over this connection";

    std::uint64_t codes = 0;
    std::map<proto::RingNumber, proto::Position> acknowledged;
    const auto messages = probe.messages(welcome, true);
    std::map<std::uint32_t, proto::Position> sent;
    for (const Frames& message : messages) {
        const auto head = proto::load<proto::FrameHead>(message, 0);
        if (head.type == static_cast<std::uint16_t>(proto::MessageType::kBlock)) {
            const auto block = proto::load<proto::BlockMessage>(message, sizeof head);
            sent[block.start.ring] = {block.start.sequence, block.offset + block.bytes};
        }
        send(ingest, kSecond, probe, message);
        for (const CommittedAck& committed : ingest.commit()) {
            codes = committed.ack.codes_offset;
            for (const proto::RingPosition& ring : committed.ack.rings) {
                ASSERT_LE(ring.position, sent[proto::to_integer(ring.ring)]);
                ASSERT_GT(ring.position, acknowledged[ring.ring]) << "never back, never twice";
                acknowledged[ring.ring] = ring.position;
            }
        }
    }
    EXPECT_EQ(codes, probe.code_bytes().size());
    for (const FakeRing& ring : probe.rings) {
        const FakeBlock& last = ring.blocks().back();
        EXPECT_EQ(acknowledged[proto::RingNumber{ring.number()}],
                  (proto::Position{last.start.sequence,
                                   static_cast<std::uint32_t>(last.records.size())}));
    }
}

/// Its blocks are acknowledged and gone; what it dropped since is still told.
TEST(Resume, ACountWithoutRecordsNeedsNoBlock) {
    FakeProbe probe = busy_probe();
    SQLite::Database database = memory_store();
    Ingest ingest(database);
    for (const Frames& message : probe.messages(ingest.hello(kFirst, probe.hello(), 4711))) {
        send(ingest, kFirst, probe, message);
    }
    static_cast<void>(ingest.commit());
    const std::int64_t before = number_in(database, "SELECT emitted FROM process");
    static_cast<void>(ingest.hello(kSecond, probe.hello(), 4711));
    const FakeRing& ring = probe.rings[0];
    const FakeBlock& last = ring.blocks().back();
    Frames count;
    proto::append_frame(
        count, proto::MessageType::kBlock,
        proto::BlockMessage{last.start, static_cast<std::uint32_t>(last.records.size()), 0,
                            ring.emitted() + 7});
    send(ingest, kSecond, probe, count);
    static_cast<void>(ingest.commit());
    EXPECT_EQ(number_in(database, "SELECT emitted FROM process"), before + 7);
}

TEST(Resume, AcknowledgesOnlyWhatIsCommitted) {
    const FakeProbe probe = busy_probe();
    SQLite::Database database = memory_store();
    Ingest ingest(database);
    for (const Frames& message : probe.messages(ingest.hello(kFirst, probe.hello(), 4711))) {
        send(ingest, kFirst, probe, message);
    }
    const auto before = Ingest(database).hello(kSecond, probe.hello(), 4711);
    EXPECT_EQ(before.codes_offset, 0U);
    EXPECT_TRUE(before.rings.empty());

    const auto acks = ingest.commit();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_EQ(acks[0].session, kFirst);
    EXPECT_EQ(acks[0].ack.codes_offset, probe.code_bytes().size());
    EXPECT_EQ(acks[0].ack.rings.size(), 2U);
    EXPECT_EQ(acks[0].ack.closed.size(), 2U);
    EXPECT_FALSE(acks[0].ack.bye);
    EXPECT_TRUE(ingest.commit().empty()) << "nothing moved since";
}

TEST(Resume, AnythingElseThanTheNextBytesOfARingIsRefused) {
    FakeProbe probe = busy_probe();
    SQLite::Database database = memory_store();
    Ingest ingest(database);
    static_cast<void>(ingest.hello(kFirst, probe.hello(), 4711));
    const FakeBlock& second_block = probe.rings[0].blocks()[1];
    std::vector<Frames> messages;
    FakeProbe::add_block(messages, probe.rings[0].blocks()[0], false);
    FakeProbe::add_block(messages, probe.rings[0].blocks()[2], false);
    send(ingest, kFirst, probe, messages[0]);
    EXPECT_TRUE(ingest.received(kFirst, probe.id, messages[1])) << "a gap";
    EXPECT_FALSE(ingest.received(kFirst, probe.id, messages[0]))
        << "that connection is done with: passed over";
    static_cast<void>(ingest.hello(kSecond, probe.hello(), 4711));
    messages.clear();
    FakeProbe::add_block(messages, second_block, true);
    EXPECT_TRUE(ingest.received(kSecond, probe.id, messages[1])) << "the middle of a block";
}

}  // namespace
}  // namespace kolo::collectord::test

// What each message does to the store, and what no message may do.
#include "collectord/ingest.hpp"

#include <gtest/gtest.h>

#include "fake_probe.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

constexpr SessionId kSession{1};

class IngestTest : public testing::Test {
  protected:
    void say_hello() { static_cast<void>(ingest.hello(kSession, probe.hello(), 4711)); }
    [[nodiscard]] std::optional<std::string> send(const Frames& bytes) {
        return ingest.received(kSession, probe.id, bytes);
    }
    void send_all() {
        for (const Frames& message : probe.messages({})) {
            const auto wrong = send(message);
            ASSERT_FALSE(wrong) << *wrong;
        }
    }
    template <typename Body>
    [[nodiscard]] std::optional<std::string> send(proto::MessageType type, const Body& body,
                                                  proto::Bytes tail = {}) {
        Frames frame;
        proto::append_frame(frame, type, body, tail);
        return send(frame);
    }
    void commit() { static_cast<void>(ingest.commit()); }
    [[nodiscard]] std::int64_t number(const std::string& query) {
        return number_in(database, query);
    }
    [[nodiscard]] std::string text(const std::string& query) { return text_in(database, query); }

    SQLite::Database database = memory_store();
    Ingest ingest{database};
    FakeProbe probe;
};

/// A ring of trace 1 with `calls` calls.
[[nodiscard]] FakeRing calls_of(std::uint32_t ring_number, std::uint64_t trace, int calls) {
    FakeRing ring(ring_number, trace);
    for (int i = 0; i < calls; ++i) {
        ring.finish(ring.start(1 + static_cast<std::uint32_t>(i) % 4), i % 5 == 0);
    }
    return ring;
}

TEST_F(IngestTest, AHelloMakesTheProcessKnown) {
    say_hello();
    commit();
    EXPECT_EQ(text("SELECT format('%d %d %s %s %s %s %s %s', pid, own_pid, host, python, "
                   "implementation, version, "
                   "state, accounting) FROM process"),
              "4711 4711 host 3.11.2 CPython 0.1.0 connected exact");
    EXPECT_EQ(number("SELECT count(*) FROM clock"), 2);
}

TEST_F(IngestTest, CodesAreStoredOnceHoweverOftenTheyAreSent) {
    say_hello();
    const auto codes = probe.code_bytes();
    const std::size_t first = proto::encode_code(probe.codes[0]).size();
    EXPECT_FALSE(
        send(proto::MessageType::kCodes, proto::CodesMessage{0}, proto::Bytes(codes).first(first)));
    EXPECT_FALSE(send(proto::MessageType::kCodes, proto::CodesMessage{0}, codes))
        << "the first again, and the rest";
    commit();
    EXPECT_EQ(
        text("SELECT group_concat(qualname || ':' || first_line || ':' || variables, ' ') FROM "
             "code"),
        R"(shop.f1:10:["marker","local"] shop.f2:20:["marker","local"] shop.f3:30:["marker","local"] )"
        R"(shop.f4:40:["marker","local"])");
    EXPECT_EQ(static_cast<std::size_t>(number("SELECT codes_offset FROM process")), codes.size());
}

TEST_F(IngestTest, CodesWithAGapOrCutOffAreRefused) {
    say_hello();
    const auto codes = probe.code_bytes();
    EXPECT_TRUE(send(proto::MessageType::kCodes, proto::CodesMessage{8}, codes))
        << "the first 8 bytes are missing";
    say_hello();
    EXPECT_TRUE(
        send(proto::MessageType::kCodes, proto::CodesMessage{0}, proto::Bytes(codes).first(12)));
}

TEST_F(IngestTest, ATraceIsOpenUntilItsCloseIsTold) {
    probe.traces = {image_of(1, "GET /")};
    probe.rings = {calls_of(1, 1, 10)};
    say_hello();
    send_all();
    commit();
    EXPECT_EQ(text("SELECT format('%s %s %d', status, duration_ns IS NULL, is_merged) FROM trace"),
              "open 1 0");
    EXPECT_EQ(number("SELECT count(*) FROM trace_code"), 0) << "written when the trace closes";
    EXPECT_EQ(number("SELECT codec FROM chunk"), 0);

    proto::TraceImage ended = image_of(1, "200 GET /", proto::SlotState::kEnded);
    ended.emitted = 20;
    ended.lost[0] = 2;
    ended.lost[1] = 1;
    EXPECT_FALSE(send(proto::MessageType::kTrace, ended));
    EXPECT_FALSE(send(proto::MessageType::kTraceClosed, proto::TraceClosedMessage{1}));
    const auto acks = ingest.commit();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_EQ(acks[0].ack.closed, std::vector{proto::TraceNumber{1}});
    EXPECT_EQ(text("SELECT format('%s %s %d %d %d %d %d %d', name, status, duration_ns, emitted, "
                   "stored, activations, "
                   "unwinds, is_merged) FROM trace"),
              "200 GET / complete 2000000 20 20 10 2 1");
    EXPECT_EQ(
        text("SELECT group_concat(reason || '=' || events, ' ') FROM loss WHERE trace_key = 1"),
        "ring_full=2 start_dropped=1");
    EXPECT_EQ(text("SELECT group_concat(codec) FROM chunk"), "1");
    EXPECT_EQ(text("SELECT group_concat(qualname || '=' || activations, ' ') FROM trace_code JOIN "
                   "code ON code.id = "
                   "code_id ORDER BY number"),
              "shop.f1=3 shop.f2=3 shop.f3=2 shop.f4=2");
}

TEST_F(IngestTest, WhatComesAfterTheCloseIsStoredToo) {
    probe.traces = {image_of(1, "GET /", proto::SlotState::kEnded)};
    FakeRing ring(1, 1);
    const auto slow = ring.start(1);
    probe.rings = {ring};
    probe.closed = {1};
    say_hello();
    send_all();
    commit();
    ring.finish(slow);
    std::vector<Frames> messages;
    FakeProbe::add_block(messages, ring.blocks()[0], true);
    EXPECT_FALSE(send(messages[1]));
    commit();
    EXPECT_EQ(events_of(database, 1).size(), 2U);
    EXPECT_EQ(text("SELECT format('%s %d %d', status, stored, is_merged) FROM trace"),
              "complete 2 1");
    EXPECT_EQ(text("SELECT group_concat(activations) FROM trace_code"), "1");
}

TEST_F(IngestTest, ALargeOpenTraceIsPackedAsItGrows) {
    probe.traces = {image_of(1, "large")};
    probe.rings = {calls_of(1, 1, 200'000)};
    say_hello();
    int since_commit = 0;
    for (const Frames& message : probe.messages({})) {
        ASSERT_FALSE(send(message));
        if (++since_commit == 3) {
            commit();
            since_commit = 0;
        }
    }
    commit();
    EXPECT_EQ(text("SELECT status FROM trace"), "open");
    EXPECT_GT(number("SELECT count(*) FROM chunk WHERE codec = 1"), 1);
    EXPECT_LT(number("SELECT ifnull(sum(raw_bytes), 0) FROM chunk WHERE codec = 0"),
              static_cast<std::int64_t>(kGroupBytes));
    EXPECT_EQ(events_of(database, 1).size(), 400'000U);
    EXPECT_EQ(number("SELECT sum(events) FROM chunk"), 400'000);
}

TEST_F(IngestTest, KindsOfALaterVersionAreKeptAndCounted) {
    probe.traces = {image_of(1, "GET /")};
    FakeRing ring(1, 1);
    ring.unknown();
    ring.finish(ring.start(1));
    ring.unknown();
    probe.rings = {ring};
    say_hello();
    send_all();
    commit();
    EXPECT_EQ(number("SELECT unknown_records FROM process"), 2);
    EXPECT_EQ(number("SELECT raw_bytes FROM chunk"),
              static_cast<std::int64_t>(sizeof(proto::SliceHeader) + 32));
    Frames of_later_type;
    proto::append_frame(of_later_type, static_cast<proto::MessageType>(55));
    EXPECT_FALSE(send(of_later_type));
}

TEST_F(IngestTest, EventsOfATraceThatNobodyToldAreCountedAsLost) {
    probe.rings = {calls_of(1, 77, 3), calls_of(2, 0, 2)};
    say_hello();
    send_all();
    commit();
    EXPECT_EQ(text("SELECT format('%d %d', emitted, stored) FROM process"), "10 0");
    EXPECT_EQ(
        text("SELECT group_concat(reason || '=' || events) FROM loss WHERE trace_key IS NULL"),
        "unreadable=10");
}

TEST_F(IngestTest, RecordsThatDoNotDecodeEndTheirBlockAndNoOther) {
    probe.traces = {image_of(1, "GET /")};
    FakeRing ring(1, 1, 64);
    ring.finish(ring.start(1));
    ring.garbage();
    for (int i = 0; i < 10; ++i) {
        ring.finish(ring.start(2));
    }
    probe.rings = {ring};
    say_hello();
    send_all();
    commit();
    EXPECT_EQ(text("SELECT accounting FROM process"), "unknown");
    EXPECT_GT(number("SELECT stored FROM process"), 2) << "blocks after it";
    EXPECT_LT(number("SELECT stored FROM process"), number("SELECT emitted FROM process"));
    EXPECT_NO_THROW(static_cast<void>(events_of(database, 1))) << "what is stored decodes";
}

TEST_F(IngestTest, CountsAreAbsolute) {
    say_hello();
    proto::CountsMessage counts{};
    counts.emitted_blockless = 5;
    counts.traces_refused = 2;
    counts.codes_lost = 1;
    counts.lost[0] = 5;
    EXPECT_FALSE(send(proto::MessageType::kCounts, counts));
    EXPECT_FALSE(send(proto::MessageType::kCounts, counts));
    counts.emitted_blockless = 6;
    counts.lost[0] = 6;
    EXPECT_FALSE(send(proto::MessageType::kCounts, counts));
    commit();
    EXPECT_EQ(text("SELECT format('%d %d %d %d', emitted, emitted_blockless, traces_refused, "
                   "codes_lost) FROM process"),
              "6 6 2 1");
    EXPECT_EQ(number("SELECT events FROM loss"), 6);
}

TEST_F(IngestTest, ABrokenStreamIsRefused) {
    const auto refused = [&](const Frames& bytes) {
        say_hello();
        return send(bytes).has_value();
    };
    EXPECT_TRUE(refused(Frames(64, 0xFF))) << "a frame of 4 GB";
    EXPECT_FALSE(refused(Frames{1, 0})) << "not yet a frame";
    for (const auto type :
         {proto::MessageType::kCodes, proto::MessageType::kTrace, proto::MessageType::kBlock}) {
        Frames empty;
        proto::append_frame(empty, type);
        EXPECT_TRUE(refused(empty)) << "too short: " << static_cast<int>(type);
    }
    Frames hello;
    proto::append_hello(hello, probe.hello());
    EXPECT_TRUE(refused(hello)) << "a second hello";
}

TEST_F(IngestTest, BlocksWhoseSizesCannotBeAreRefused) {
    const FakeRing ring = calls_of(1, 1, 2);
    const FakeBlock& block = ring.blocks()[0];
    const auto size = static_cast<std::uint32_t>(block.records.size());
    const auto refused = [&](proto::BlockMessage head, proto::Bytes records) {
        say_hello();
        return send(proto::MessageType::kBlock, head, records).has_value();
    };
    EXPECT_TRUE(refused({block.start, 0, size + 8, 0}, block.records))
        << "more announced than sent";
    EXPECT_TRUE(refused({block.start, proto::kBlockCapacity, size, 0}, block.records))
        << "beyond the block";
    EXPECT_TRUE(refused({block.start, UINT32_MAX - 7, size, 0}, block.records))
        << "an offset that wraps";
    EXPECT_TRUE(refused({block.start, 4, size, 0}, block.records)) << "in the middle of a word";
    EXPECT_TRUE(refused({block.start, 8, size, 0}, block.records))
        << "a ring that begins in the middle";
    proto::BlockStart no_ring = block.start;
    no_ring.ring = 0;
    EXPECT_TRUE(refused({no_ring, 0, size, 0}, block.records));
    commit();
    EXPECT_EQ(number("SELECT count(*) FROM ring"), 0);
}

TEST_F(IngestTest, TracesThatCannotBeAreRefused) {
    const auto refused = [&](const proto::TraceImage& image) {
        say_hello();
        return send(proto::MessageType::kTrace, image).has_value();
    };
    EXPECT_TRUE(refused(image_of(0, "no number")));
    proto::TraceImage bad_id = image_of(1, "x");
    bad_id.fields.id[5] = '\'';
    EXPECT_TRUE(refused(bad_id));
    EXPECT_FALSE(refused(image_of(1, "x")));
    proto::TraceImage other_id = image_of(2, "x");
    other_id.fields.number = 1;
    EXPECT_TRUE(refused(other_id)) << "a trace does not change its id";
    proto::TraceImage same_id = image_of(1, "x");
    same_id.fields.number = 2;
    EXPECT_TRUE(refused(same_id)) << "and shares it with none, committed or not";
    commit();
    EXPECT_TRUE(refused(same_id));
    proto::TraceImage strange = image_of(3, std::string(proto::kTraceNameBytes, '\xFF'));
    strange.fields.name_bytes = 5000;
    strange.fields.kind = 99;
    EXPECT_FALSE(refused(strange)) << "names and kinds are shown as they can be";
    commit();
    EXPECT_EQ(text("SELECT kind FROM trace WHERE number = 3"), "unknown");
    EXPECT_EQ(number("SELECT length(name) FROM trace WHERE number = 3"), proto::kTraceNameBytes);
}

TEST_F(IngestTest, AByeEndsTheProcessWhenItsConnectionEnds) {
    probe.traces = {image_of(1, "done", proto::SlotState::kEnded), image_of(2, "left")};
    say_hello();
    send_all();
    Frames bye;
    proto::append_frame(bye, proto::MessageType::kBye);
    EXPECT_FALSE(send(bye));
    EXPECT_TRUE(ingest.is_urgent());
    const auto acks = ingest.commit();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_TRUE(acks[0].ack.bye);
    ingest.disconnected(kSession, probe.id);
    commit();
    EXPECT_EQ(text("SELECT state || ' ' || accounting FROM process"), "ended exact");
    EXPECT_EQ(text("SELECT group_concat(status) FROM trace"), "complete,interrupted");
    EXPECT_TRUE(ingest.model().processes.empty()) << "forgotten";
}

TEST_F(IngestTest, ACommitThatFailsIsDoneAgainAsItWas) {
    probe.traces = {image_of(1, "GET /", proto::SlotState::kEnded)};
    probe.rings = {calls_of(1, 1, 20'000)};
    probe.closed = {1};
    database.exec("PRAGMA max_page_count = " + std::to_string(number("PRAGMA page_count")));
    say_hello();
    send_all();
    for (int attempt = 0; attempt < 3; ++attempt) {
        EXPECT_THROW(commit(), SQLite::Exception) << "the disk is full";
        EXPECT_TRUE(ingest.has_changes());
        EXPECT_EQ(number("SELECT count(*) FROM process"), 0);
    }
    database.exec("PRAGMA max_page_count = 100000");
    const auto acks = ingest.commit();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_EQ(acks[0].ack.rings.size(), 1U);
    EXPECT_EQ(events_of(database, 1).size(), 40'000U);
    EXPECT_EQ(number("SELECT sum(activations) FROM trace_code"), 20'000);
    EXPECT_EQ(text("SELECT status FROM trace"), "complete");
}

TEST_F(IngestTest, AWelcomeTellsWhichEndsAreStored) {
    probe.traces = {image_of(1, "closed", proto::SlotState::kEnded), image_of(2, "open")};
    probe.closed = {1};
    say_hello();
    send_all();
    EXPECT_TRUE(ingest.hello(kSession, probe.hello(), 4711).closed.empty()) << "not committed yet";
    commit();
    EXPECT_EQ(ingest.hello(kSession, probe.hello(), 4711).closed,
              std::vector{proto::TraceNumber{1}});
}

/// A probe cuts a collector off that says an end is stored which was never told.
TEST_F(IngestTest, AWelcomeTellsNoEndThatOnlyTheCollectorMade) {
    probe.traces = {image_of(1, "ended", proto::SlotState::kEnded)};
    say_hello();
    send_all();
    ingest.disconnected(kSession, probe.id);
    ingest.died(probe.id, probe.arena(), [] {});
    commit();
    EXPECT_EQ(text("SELECT status FROM trace"), "complete");
    EXPECT_TRUE(ingest.hello(kSession, probe.hello(), 4711).closed.empty())
        << "it was not dead after all";
}

TEST_F(IngestTest, WhoeverWasConnectedToAKilledCollectorIsNotConnectedToItsSuccessor) {
    say_hello();
    commit();
    Ingest successor{database};
    EXPECT_EQ(successor.recall_awaited().size(), 1U);
    static_cast<void>(successor.commit());
    EXPECT_EQ(text("SELECT state FROM process"), "disconnected");
    static_cast<void>(successor.hello(kSession, probe.hello(), 4711));
    static_cast<void>(successor.commit());
    EXPECT_EQ(text("SELECT state FROM process"), "connected");
}

TEST_F(IngestTest, AProcessThatWasGivenUpMayComeBack) {
    probe.traces = {image_of(1, "GET /")};
    probe.rings = {calls_of(1, 1, 3)};
    say_hello();
    send_all();
    commit();
    ingest.disconnected(kSession, probe.id);
    ingest.settle_unknown(probe.id);
    commit();
    EXPECT_EQ(text("SELECT format('%s %s', state, accounting) FROM process"), "unknown unknown");
    EXPECT_EQ(text("SELECT status FROM trace"), "interrupted");
    say_hello();
    send_all();
    commit();
    EXPECT_EQ(text("SELECT state FROM process"), "connected");
    EXPECT_EQ(text("SELECT status FROM trace"), "open");
    EXPECT_EQ(events_of(database, 1).size(), 6U) << "and nothing twice";
}

}  // namespace
}  // namespace kolo::collectord::test

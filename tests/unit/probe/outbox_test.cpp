// The drain's cursors, without threads and sockets: every message goes straight into a store that
// checks what the protocol promises.
#include "probe/outbox.hpp"

#include <gtest/gtest.h>

#include "tests/unit/probe/fake_collector.hpp"
#include "tests/unit/probe/recording.hpp"

namespace kolo::probe {
namespace {

using proto::MessageType;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// An application, its outbox, and a clock that only the test moves.
struct Bench {
    Recording recording;
    Outbox outbox{recording.arena(), recording.rings()};
    TimePoint now = DrainClock::now();

    /// The frames of one whole round, appended in pieces of about `limit` bytes.
    [[nodiscard]] proto::FrameBuffer round(std::size_t limit = 1U << 30U, bool is_last = false) {
        outbox.look(now);
        proto::FrameBuffer frames;
        for (bool whole = false; !whole;) {
            std::vector<std::uint8_t> out;
            whole = outbox.append_round(out, limit, now, is_last);
            std::copy(out.begin(), out.end(), frames.prepare(out.size()).begin());
            frames.commit(out.size());
        }
        return frames;
    }
    [[nodiscard]] std::vector<MessageType> types_of_round() {
        std::vector<MessageType> types;
        auto frames = round();
        while (const auto frame = frames.next()) {
            types.push_back(frame->type);
        }
        return types;
    }
    void tell(FakeStore& store, std::size_t limit = 1U << 30U) {
        auto frames = round(limit);
        while (const auto frame = frames.next()) {
            store.take(*frame);
        }
    }
    [[nodiscard]] bool acknowledge(const FakeStore& store) {
        return outbox.acknowledge(store.ack(), now);
    }
    [[nodiscard]] bool welcome(FakeStore& store) {
        store.expect_resume();
        outbox.look(now);
        return outbox.welcome(store.welcome(), now);
    }
    /// Rounds and acknowledgements until all is settled.
    void settle(FakeStore& store) {
        outbox.look(now);
        for (int i = 0; i < 5 && !outbox.is_settled(); ++i) {
            tell(store);
            ASSERT_TRUE(acknowledge(store));
            outbox.look(now);
        }
        ASSERT_TRUE(outbox.is_settled());
    }
};

TEST(Outbox, TellsCodesAndTracesBeforeTheRecordsThatMentionThem) {
    Bench bench;
    Thread thread = bench.recording.make_thread();
    bench.recording.define_code(1, "index");
    ASSERT_TRUE(thread.call(1, bench.recording.begin_trace()));
    EXPECT_EQ(bench.types_of_round(),
              (std::vector{MessageType::kCodes, MessageType::kTrace, MessageType::kBlock}));
}

TEST(Outbox, TellsAnEndBehindAllOfItsRecords) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    bench.tell(store);
    ASSERT_TRUE(thread.call(1, trace));
    bench.recording.end_trace(trace);
    EXPECT_EQ(bench.types_of_round(),
              (std::vector{MessageType::kTrace, MessageType::kBlock, MessageType::kTraceClosed}));
}

TEST(Outbox, KeepsBlocksBackWhileASlotIsBeingWritten) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    bench.recording.hold_slot(trace, true);
    EXPECT_EQ(bench.types_of_round(), std::vector<MessageType>{});
    EXPECT_FALSE(bench.outbox.is_settled());
    bench.recording.hold_slot(trace, false);
    bench.tell(store);
    EXPECT_EQ(store.complaint, "");
    EXPECT_EQ(store.events(1).size(), 2U);
}

TEST(Outbox, SaysTheSameInSmallPieces) {
    Bench bench;
    FakeStore store;
    Thread first = bench.recording.make_thread();
    Thread second = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    for (int i = 0; i < 3000; ++i) {
        ASSERT_TRUE(first.call(1, trace) && second.call(2, trace));
    }
    bench.recording.end_trace(trace);
    bench.tell(store, 1);  // one frame a call
    bench.tell(store, 1);
    EXPECT_EQ(store.complaint, "");
    EXPECT_EQ(store.events(1).size() + store.events(2).size(), 12'000U);
    EXPECT_EQ(store.closed.count(to_integer(trace)), 1U);
}

/// Records over several blocks: calls within calls, values, ends of starts in earlier blocks.
void record_everything(Recording& recording, Thread& thread, proto::TraceNumber trace) {
    recording.define_code(1, "view");
    recording.define_code(2, "query");
    ASSERT_TRUE(thread.start(1, trace));
    ASSERT_TRUE(thread.start(2, trace, 9000));
    for (int i = 0; i < 12; ++i) {
        ASSERT_TRUE(thread.start(2, trace, 15'000));
        thread.end();
    }
    thread.end();
    thread.end();
    thread.finish();
    recording.end_trace(trace);
}

TEST(Outbox, ResumesAfterEveryCommitThatThereCanBeWithoutLossOrDoubling) {
    std::uint64_t cut = 0;
    for (bool killed = true; killed; ++cut) {
        SCOPED_TRACE(cut);
        Bench bench;
        Thread thread = bench.recording.make_thread();
        record_everything(bench.recording, thread, bench.recording.begin_trace());

        FakeStore store;
        store.commits_left = cut;
        bench.tell(store);
        bench.tell(store);
        killed = store.commits_left == 0;
        store.commits_left = UINT64_MAX;
        ASSERT_TRUE(bench.welcome(store));
        bench.settle(store);
        ASSERT_EQ(store.complaint, "");
        EXPECT_EQ(store.events(1).size(), thread.events());
        EXPECT_EQ(store.starts(), thread.starts());
        EXPECT_EQ(store.rings.at(1).emitted, thread.events());
        EXPECT_EQ(store.closed.size(), 1U);
        EXPECT_EQ(bench.recording.arena().free_blocks(),
                  bench.recording.arena().layout().block_count);
    }
    EXPECT_GT(cut, 30U);
}

TEST(Outbox, ResumesWhenOnlyTheAcknowledgementWasLost) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    record_everything(bench.recording, thread, bench.recording.begin_trace());
    bench.tell(store);
    bench.tell(store);
    const std::size_t events = store.events(1).size();
    ASSERT_TRUE(bench.welcome(store));
    bench.settle(store);
    EXPECT_EQ(store.complaint, "");
    EXPECT_EQ(store.events(1).size(), events);
}

TEST(Outbox, TellsANewStoreAllThatIsStillThere) {
    Bench bench;
    FakeStore old;
    FakeStore fresh;
    Thread thread = bench.recording.make_thread();
    bench.recording.define_code(1, "view");
    const auto trace = bench.recording.begin_trace();
    for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(thread.start(1, trace, 15'000));
        thread.end();
    }
    bench.tell(old);
    ASSERT_TRUE(bench.acknowledge(old));  // the first block is free from here on
    ASSERT_TRUE(bench.welcome(fresh));
    bench.tell(fresh);
    EXPECT_EQ(fresh.complaint, "");
    EXPECT_EQ(fresh.codes, old.codes);
    EXPECT_EQ(fresh.rings.at(1).blocks.begin()->first, 1U);
    EXPECT_TRUE(bench.acknowledge(fresh));
}

TEST(Outbox, FreesABlockOnlyWhenItIsAcknowledgedToItsFinalEnd) {
    Bench bench;
    FakeStore store;
    Arena& arena = bench.recording.arena();
    const std::uint32_t all = arena.free_blocks();
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.start(1, trace));
    thread.end();
    bench.tell(store);
    ASSERT_TRUE(bench.acknowledge(store));
    EXPECT_EQ(arena.free_blocks(), all - 1) << "its thread still writes into it";
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(thread.start(1, trace, 15'000));
        thread.end();
    }
    bench.tell(store);
    EXPECT_EQ(arena.free_blocks(), all - 2);
    ASSERT_TRUE(bench.acknowledge(store));
    EXPECT_EQ(arena.free_blocks(), all - 1);
    thread.finish();
    bench.tell(store);
    EXPECT_EQ(arena.free_blocks(), all);
    EXPECT_EQ(thread.shared().held.load(), 0U);
}

TEST(Outbox, TakesAParkedBlockBackWhenItHasRestedForASecond) {
    Bench bench;
    FakeStore store;
    Arena& arena = bench.recording.arena();
    const std::uint32_t all = arena.free_blocks();
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    thread.park();
    bench.tell(store);
    EXPECT_FALSE(bench.outbox.reclaim(bench.now + seconds(5)))
        << "what is not acknowledged rests for ever";
    EXPECT_EQ(arena.free_blocks(), all - 1);
    ASSERT_TRUE(bench.acknowledge(store));
    const auto due = bench.outbox.reclaim(bench.now);
    ASSERT_TRUE(due);
    EXPECT_EQ(arena.free_blocks(), all - 1);
    EXPECT_FALSE(bench.outbox.reclaim(*due));
    EXPECT_EQ(arena.free_blocks(), all);

    // The thread goes on in another block, with the ordinals and sequence where they were.
    thread.unpark();
    ASSERT_TRUE(thread.call(2, trace));
    thread.finish();
    bench.recording.end_trace(trace);
    bench.settle(store);
    EXPECT_EQ(store.complaint, "");
    const auto events = store.events(1);
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[2].id.ordinal, 1U);
    EXPECT_EQ(store.rings.at(1).position.sequence, 1U);
}

TEST(Outbox, LeavesARunningThreadItsBlock) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    ASSERT_TRUE(thread.start(1, bench.recording.begin_trace()));
    bench.tell(store);
    ASSERT_TRUE(bench.acknowledge(store));
    const std::uint32_t before = bench.recording.arena().free_blocks();
    static_cast<void>(bench.outbox.reclaim(bench.now + seconds(5)));
    EXPECT_EQ(bench.recording.arena().free_blocks(), before);
}

TEST(Outbox, TellsWhatWasEmittedAndDropped) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    bench.tell(store);
    thread.drop(trace);
    thread.drop(trace);
    bench.tell(store);
    EXPECT_EQ(store.rings.at(1).emitted, 4U);
    EXPECT_EQ(store.events(1).size(), 2U);
    EXPECT_EQ(store.complaint, "");
    // And to the next collector, though no block is left that would carry it.
    thread.finish();
    bench.tell(store);
    ASSERT_TRUE(bench.acknowledge(store));
    store.rings.at(1).emitted = 2;
    ASSERT_TRUE(bench.welcome(store));
    bench.tell(store);
    EXPECT_EQ(store.rings.at(1).emitted, 4U);
    EXPECT_EQ(store.complaint, "");
}

TEST(Outbox, TellsProcessWideCountsWhenTheyChange) {
    Bench bench;
    FakeStore store;
    EXPECT_EQ(bench.types_of_round(), std::vector<MessageType>{});
    bench.recording.arena().header().traces_refused.store(3);
    EXPECT_EQ(bench.types_of_round(), std::vector{MessageType::kCounts});
    EXPECT_EQ(bench.types_of_round(), std::vector<MessageType>{});
    ASSERT_TRUE(bench.welcome(store));
    bench.tell(store);
    EXPECT_EQ(store.counts.traces_refused, 3U) << "a new connection is told again";
}

TEST(Outbox, TellsCountersOfALiveTraceNowAndThenAndAtItsEnd) {
    Bench bench;
    FakeStore store;
    const auto trace = bench.recording.begin_trace();
    bench.tell(store);
    bench.recording.lose(trace, proto::LossReason::kRingFull);
    EXPECT_EQ(bench.types_of_round(), std::vector<MessageType>{});
    bench.now += kCountersEvery;
    EXPECT_EQ(bench.types_of_round(), std::vector{MessageType::kTrace});
    bench.recording.lose(trace, proto::LossReason::kRingFull);
    bench.recording.end_trace(trace);
    bench.tell(store);
    EXPECT_EQ(store.traces.at(to_integer(trace)).lost[0], 2U);
}

TEST(Outbox, ATraceClosesWhenNothingOfItRunsAnyMore) {
    Bench bench;
    FakeStore store;
    const auto trace = bench.recording.begin_trace();
    bench.recording.set_open_roots(trace, 1);
    bench.recording.end_trace(trace);
    bench.tell(store);
    bench.tell(store);
    EXPECT_TRUE(store.closed.empty());
    bench.recording.set_open_roots(trace, 0);
    bench.tell(store);
    EXPECT_EQ(store.closed.count(to_integer(trace)), 1U);
    ASSERT_TRUE(bench.acknowledge(store));
    EXPECT_FALSE(bench.recording.holds(trace));
}

TEST(Outbox, ATraceClosesHalfAMinuteAfterItsEndWhateverRuns) {
    Bench bench;
    FakeStore store;
    const auto trace = bench.recording.begin_trace();
    bench.recording.set_open_roots(trace, 1);
    bench.recording.end_trace(trace);
    bench.tell(store);
    bench.tell(store);
    bench.now += kCloseAfter;
    bench.tell(store);
    bench.tell(store);
    EXPECT_EQ(store.times_closed[to_integer(trace)], 1) << "once, while it stays as it is";
    ASSERT_TRUE(bench.acknowledge(store));
    EXPECT_TRUE(bench.recording.holds(trace)) << "what runs may still count into it";
    EXPECT_FALSE(bench.outbox.is_settled());
    EXPECT_TRUE(bench.outbox.is_at_rest()) << "and is no reason to stay awake";
    bench.recording.lose(trace, proto::LossReason::kTraceEnded);
    bench.recording.set_open_roots(trace, 0);
    bench.settle(store);
    EXPECT_FALSE(bench.recording.holds(trace));
    EXPECT_EQ(store.traces.at(to_integer(trace)).lost[2], 1U);
}

TEST(Outbox, WhatCannotBeTrueIsRefusedAndFreesNothing) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    bench.recording.define_code(1, "view");
    const auto trace = bench.recording.begin_trace();
    for (int i = 0; i < 9; ++i) {
        ASSERT_TRUE(thread.start(1, trace, 15'000));
        thread.end();
    }
    bench.tell(store);
    const proto::RingNumber ring{1};
    const auto end = store.rings.at(1).position;
    const std::uint32_t before = bench.recording.arena().free_blocks();
    std::vector<proto::RingPosition> lies = {
        {proto::RingNumber{2}, {0, 8}},
        {ring, {end.sequence, end.offset + 8}},
        {ring, {end.sequence + 1, 0}},
        {ring, {end.sequence, 65'400}},
        {ring, {0, 65'535}},
        {ring, {0, 12}},
        {ring, {UINT64_MAX, 0}},
    };
    for (const proto::RingPosition& lie : lies) {
        SCOPED_TRACE(std::to_string(lie.position.sequence) + ", " +
                     std::to_string(lie.position.offset));
        proto::Ack ack;
        ack.rings = {lie};
        EXPECT_FALSE(bench.outbox.acknowledge(ack, bench.now));
        proto::Welcome welcome;
        welcome.rings = {lie};
        EXPECT_FALSE(bench.outbox.welcome(welcome, bench.now));
        EXPECT_EQ(bench.recording.arena().free_blocks(), before);
    }
    proto::Welcome halves;
    halves.codes_offset = 12;  // in the middle of an entry
    EXPECT_FALSE(bench.outbox.welcome(halves, bench.now));
    proto::Welcome closes;
    closes.closed = {trace};
    EXPECT_FALSE(bench.outbox.welcome(closes, bench.now));
    closes.closed = {proto::TraceNumber{77}};
    EXPECT_FALSE(bench.outbox.welcome(closes, bench.now));
    ASSERT_TRUE(bench.acknowledge(store));
    proto::Ack back;
    back.rings = {{ring, {0, 8}}};
    EXPECT_FALSE(bench.outbox.acknowledge(back, bench.now)) << "an ack never goes back";
}

TEST(Outbox, AMarkIsReachedWhenAllBeforeItIsAcknowledged) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    bench.recording.define_code(1, "view");
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    bench.tell(store);
    const Mark mark = bench.outbox.mark();
    EXPECT_FALSE(bench.outbox.reached(mark));
    ASSERT_TRUE(thread.call(1, trace));  // after it: not waited for
    bench.outbox.look(bench.now);
    ASSERT_TRUE(bench.acknowledge(store));
    EXPECT_TRUE(bench.outbox.reached(mark));
    bench.recording.end_trace(trace);
    bench.tell(store);
    const Mark ended = bench.outbox.mark();
    EXPECT_FALSE(bench.outbox.reached(ended));
    bench.settle(store);
    EXPECT_TRUE(bench.outbox.reached(ended));
}

TEST(Outbox, ForgetsAFinishedRing) {
    Bench bench;
    FakeStore store;
    Thread thread = bench.recording.make_thread();
    const auto trace = bench.recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    thread.finish();
    bench.recording.end_trace(trace);
    bench.settle(store);
    EXPECT_TRUE(bench.outbox.reclaim(bench.now));
    EXPECT_FALSE(bench.outbox.reclaim(bench.now + seconds(2)));
    // A collector may still name it.
    EXPECT_TRUE(bench.acknowledge(store));
    EXPECT_TRUE(bench.welcome(store));
}

}  // namespace
}  // namespace kolo::probe

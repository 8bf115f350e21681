// What a ring promises its thread and its consumer, with a tiny arena and a real consumer thread.
#include "probe/ring.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "probe/outbox.hpp"
#include "probe/ticks.hpp"
#include "tests/unit/probe/fake_collector.hpp"
#include "tests/unit/probe/recording.hpp"

namespace kolo::probe {
namespace {

TEST(Ring, HoldsBackRoomForTheEndOfEverythingThatRuns) {
    Recording recording;
    Thread thread = recording.make_thread();
    const auto trace = recording.begin_trace();
    // Nobody takes anything away: starts go on until the ring may not have more blocks.
    std::uint64_t started = 0;
    while (thread.start(1, trace)) {
        ++started;
    }
    EXPECT_GT(started, 1000U);
    EXPECT_FALSE(thread.start(1, trace)) << "full is full";
    for (std::uint64_t i = 0; i < started; ++i) {
        ASSERT_NO_THROW(thread.end()) << "an outcome may not be dropped";
    }
    EXPECT_EQ(thread.events(), 2 * started);
}

TEST(Ring, TakesNoMoreThanHalfOfTheArena) {
    Recording recording;
    Thread greedy = recording.make_thread();
    Thread modest = recording.make_thread();
    const auto trace = recording.begin_trace();
    while (greedy.start(1, trace, 10'000)) {
        greedy.end();
    }
    EXPECT_LE(greedy.shared().held.load(), recording.arena().layout().block_count / 2);
    EXPECT_TRUE(modest.call(1, trace));
}

TEST(Ring, NothingChangesWhenNoRoomCanBeMade) {
    Recording recording;
    Thread thread = recording.make_thread();
    const auto trace = recording.begin_trace();
    while (thread.start(1, trace, 30'000)) {
        thread.end();
    }
    const std::uint8_t* tail = thread.ring().tail();
    const std::uint32_t room = thread.ring().room(0);
    const std::uint64_t ordinal = thread.ring().next_ordinal();
    EXPECT_FALSE(thread.start(1, trace, 60'000));
    EXPECT_EQ(thread.ring().tail(), tail);
    EXPECT_EQ(thread.ring().room(0), room);
    EXPECT_EQ(thread.ring().next_ordinal(), ordinal);
    EXPECT_TRUE(thread.start(1, trace)) << "what is small still fits";
    thread.end();
}

TEST(Ring, RefusesWhatIsLongerThanABlock) {
    Recording recording;
    Thread thread = recording.make_thread();
    EXPECT_FALSE(thread.ring().make_room(proto::kBlockCapacity + 8, 0));
    EXPECT_TRUE(thread.ring().make_room(proto::kBlockCapacity, 0));
}

TEST(Ring, ALongWaitIsAnElapsedRecord) {
    Recording recording;
    Thread thread = recording.make_thread();
    ASSERT_TRUE(thread.ring().make_room(64, 0));
    const proto::Ticks begun = read_ticks();
    EXPECT_LT(thread.ring().delta_to(begun), proto::kMaxDelta);
    const std::uint8_t* before = thread.ring().tail();
    EXPECT_EQ(thread.ring().delta_to(begun + (1ULL << 40U)), 0U);
    EXPECT_EQ(thread.ring().tail() - before, 8);
    EXPECT_EQ(proto::load<std::uint64_t>({before, 8}, 0) & 0xFFU,
              static_cast<std::uint64_t>(proto::RecordKind::kElapsed));
    EXPECT_EQ(thread.ring().delta_to(begun), 0U) << "time within a ring never runs back";
}

TEST(Ring, FinishedWithItsBlockAlreadyGoneItTouchesNothing) {
    Recording recording;
    Outbox outbox(recording.arena(), recording.rings());
    FakeStore store;
    TimePoint now = DrainClock::now();
    Thread thread = recording.make_thread();
    const auto trace = recording.begin_trace();
    ASSERT_TRUE(thread.call(1, trace));
    thread.park();
    // The consumer takes the parked block, and another ring gets it.
    outbox.look(now);
    std::vector<std::uint8_t> out;
    ASSERT_TRUE(outbox.append_round(out, SIZE_MAX, now, false));
    proto::Ack ack;
    ack.rings = {{thread.ring().number(), {0, 48}}};
    ASSERT_TRUE(outbox.acknowledge(ack, now));
    static_cast<void>(outbox.reclaim(now + kReclaimAfter));
    ASSERT_EQ(recording.arena().free_blocks(), recording.arena().layout().block_count);
    Thread other = recording.make_thread();
    ASSERT_TRUE(other.call(1, trace));
    thread.finish();
    EXPECT_EQ(thread.shared().parked.load(), proto::kNoBlock);
    EXPECT_EQ(recording.arena().free_blocks(), recording.arena().layout().block_count - 1);
}

/// Threads that record as fast as they can, and a consumer that takes everything away meanwhile.
TEST(Ring, LosesNothingToAConsumerThatRunsAlongside) {
    constexpr std::uint32_t kThreads = 3;
    constexpr int kRounds = 1000;
    Recording recording;
    const auto trace = recording.begin_trace();
    std::vector<Thread> writers;
    for (std::uint32_t i = 0; i < kThreads; ++i) {
        writers.push_back(recording.make_thread());
    }
    std::atomic<std::uint32_t> running{kThreads};
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
            Thread& writer = writers[i];
            std::mt19937 random(i);
            for (int round = 0; round < kRounds; ++round) {
                std::uint32_t depth = 0;
                const auto wanted = static_cast<std::uint32_t>(1 + random() % 20);
                while (depth < wanted && writer.start(1, trace, random() % 3 == 0 ? 500 : 0)) {
                    ++depth;
                }
                for (; depth > 0; --depth) {
                    writer.end();
                }
                if (random() % 4 == 0) {
                    writer.park();
                    std::this_thread::yield();
                    writer.unpark();
                }
            }
            writer.finish();
            running.fetch_sub(1, std::memory_order_release);  // release: the counts are final
        });
    }
    Outbox outbox(recording.arena(), recording.rings());
    FakeStore store;
    // A clock of its own, which runs so fast that parked blocks are taken back all the time.
    TimePoint now = DrainClock::now();
    bool done = false;
    while (!done) {
        done = running.load(std::memory_order_acquire) == 0;
        now += kReclaimAfter;
        outbox.look(now);
        std::vector<std::uint8_t> out;
        ASSERT_TRUE(outbox.append_round(out, SIZE_MAX, now, false));
        proto::FrameBuffer frames;
        std::copy(out.begin(), out.end(), frames.prepare(out.size()).begin());
        frames.commit(out.size());
        while (const auto frame = frames.next()) {
            store.take(*frame);
        }
        ASSERT_EQ(store.complaint, "");
        ASSERT_TRUE(outbox.acknowledge(store.ack(), now));
        static_cast<void>(outbox.reclaim(now + kReclaimAfter));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (std::uint32_t ring = 1; ring <= kThreads; ++ring) {
        const Thread& writer = writers[ring - 1];  // what it shared is gone by now
        EXPECT_EQ(store.rings.at(ring).emitted, writer.events());
        const auto events = store.events(ring);
        ASSERT_EQ(events.size(), writer.events());
        proto::Ordinal next = 0;
        std::vector<proto::Ordinal> open;
        for (const proto::Event& event : events) {
            if (event.kind == proto::EventKind::kStart) {
                ASSERT_EQ(event.id.ordinal, next++);
                open.push_back(event.id.ordinal);
            } else {
                ASSERT_EQ(event.id.ordinal, open.back()) << "every start gets its own end";
                open.pop_back();
            }
        }
        EXPECT_TRUE(open.empty());
    }
    EXPECT_EQ(recording.arena().free_blocks(), recording.arena().layout().block_count);
}

}  // namespace
}  // namespace kolo::probe

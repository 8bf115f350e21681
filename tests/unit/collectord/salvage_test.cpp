// A process that died: everything it had recorded is taken from its arena, once, and nothing in
// there is believed.
#include <gtest/gtest.h>

#include "collectord/arena_file.hpp"
#include "collectord/ingest.hpp"
#include "fake_probe.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

constexpr SessionId kSession{1};

[[nodiscard]] FakeProbe dying_probe() {
    FakeProbe probe;
    probe.traces = {image_of(1, "ended", proto::SlotState::kEnded), image_of(2, "running")};
    FakeRing first(1, 1, 512);
    for (int i = 0; i < 40; ++i) {
        first.finish(first.start(1, {0x91, 0x01}));
    }
    first.context(2);
    static_cast<void>(first.start(2));
    static_cast<void>(first.start(3));
    FakeRing second(2, 2, 512);
    for (int i = 0; i < 40; ++i) {
        second.finish(second.start(4));
    }
    probe.rings = {first, second};
    probe.traces[0].emitted = 80;
    probe.traces[1].emitted = 82;
    return probe;
}

[[nodiscard]] std::string process_in(SQLite::Database& store) {
    return text_in(store,
                   "SELECT format('%s %s %d %d', state, accounting, emitted, stored) FROM process");
}

class Salvage : public testing::Test {
  protected:
    void say_hello() { static_cast<void>(ingest.hello(kSession, probe.hello(), 4711)); }
    void die(const store::Descriptor& arena) {
        ingest.disconnected(kSession, probe.id);
        ingest.died(probe.id, arena, [] {});
        static_cast<void>(ingest.commit());
    }
    [[nodiscard]] std::string process() { return process_in(database); }
    [[nodiscard]] std::string statuses() {
        return text_in(database, "SELECT group_concat(status, ' ') FROM trace");
    }
    static void put(const store::Descriptor& arena, std::uint64_t offset, auto value) {
        ASSERT_EQ(::pwrite(arena.get(), &value, sizeof value, static_cast<off_t>(offset)),
                  static_cast<ssize_t>(sizeof value));
    }
    /// Where the i-th block that the fake probe wrote lies.
    [[nodiscard]] static std::uint64_t block_at(std::uint32_t i) {
        const proto::ArenaLayout layout = proto::plan_arena(proto::kMinArenaBytes);
        return layout.block_offset(layout.block_count - 1 - i);
    }

    SQLite::Database database = memory_store();
    Ingest ingest{database};
    FakeProbe probe = dying_probe();
};

TEST_F(Salvage, TakesEverythingOfAProcessThatSentNothing) {
    say_hello();
    die(probe.arena());
    EXPECT_EQ(process(), "crashed exact 162 162");
    EXPECT_EQ(statuses(), "complete crashed");
    EXPECT_EQ(events_of(database, 1).size(), 80U);
    EXPECT_EQ(events_of(database, 2).size(), 82U);
    EXPECT_EQ(number_in(database, "SELECT count(*) FROM code"), 4);
    EXPECT_TRUE(ingest.model().processes.empty());
}

TEST_F(Salvage, GoesOnWhereTheSocketEndedWhereverThatWas) {
    const auto messages = probe.messages({}, true);
    for (std::size_t sent = 0; sent <= messages.size(); ++sent) {
        SQLite::Database store = memory_store();
        Ingest fresh(store);
        static_cast<void>(fresh.hello(kSession, probe.hello(), 4711));
        for (std::size_t i = 0; i < sent; ++i) {
            ASSERT_FALSE(fresh.received(kSession, probe.id, messages[i]));
            if (i % 7 == 0) {
                static_cast<void>(fresh.commit());
            }
        }
        fresh.disconnected(kSession, probe.id);
        fresh.died(probe.id, probe.arena(), [&fresh] { static_cast<void>(fresh.commit()); });
        static_cast<void>(fresh.commit());
        ASSERT_EQ(process_in(store), "crashed exact 162 162") << "after " << sent << " messages";
        ASSERT_EQ(events_of(store, 2).size(), 82U);
    }
}

TEST_F(Salvage, ACrashedTraceLastsToItsLastEvent) {
    say_hello();
    die(probe.arena());
    const std::uint64_t last = std::max(probe.rings[0].ticks(), probe.rings[1].ticks());
    EXPECT_EQ(number_in(database, "SELECT duration_ns FROM trace WHERE number = 2"),
              static_cast<std::int64_t>(last - 1'000'000));
    EXPECT_EQ(number_in(database, "SELECT duration_ns FROM trace WHERE number = 1"), 2'000'000)
        << "its own end";
}

TEST_F(Salvage, AddsWhatAThreadHadCountedAndNotToldItsTrace) {
    probe.traces[1].emitted = 80;
    const store::Descriptor arena = probe.arena();
    const auto blocks = static_cast<std::uint32_t>(probe.rings[0].blocks().size());
    const std::uint64_t live = block_at(blocks - 1) + offsetof(proto::BlockHeader, live);
    put(arena, live + offsetof(proto::BlockLive, trace), std::uint64_t{2});
    put(arena, live + offsetof(proto::BlockLive, trace_emitted), std::uint64_t{2});
    say_hello();
    die(arena);
    EXPECT_EQ(text_in(database, "SELECT group_concat(emitted || '/' || stored, ' ') FROM trace"),
              "80/80 82/82");
}

TEST_F(Salvage, WithoutAnArenaNobodyKnows) {
    say_hello();
    for (const Frames& message : probe.messages({})) {
        ASSERT_FALSE(ingest.received(kSession, probe.id, message));
    }
    die({});
    EXPECT_EQ(process(), "unknown unknown 162 162");
    EXPECT_EQ(statuses(), "interrupted interrupted");
}

TEST_F(Salvage, AnArenaThatCannotBeReadIsAsGoodAsNone) {
    const store::Descriptor arena = probe.arena();
    put(arena, 0, std::uint64_t{0});  // no magic any more
    say_hello();
    die(arena);
    EXPECT_EQ(process(), "unknown unknown 0 0");
}

TEST_F(Salvage, AfterAByeThereIsNothingToTake) {
    say_hello();
    Frames bye;
    proto::append_frame(bye, proto::MessageType::kBye);
    ASSERT_FALSE(ingest.received(kSession, probe.id, bye));
    ingest.died(probe.id, probe.arena(), [] {});
    static_cast<void>(ingest.commit());
    EXPECT_EQ(process(), "ended exact 0 0");
}

TEST_F(Salvage, BlocksThatCannotBeAreLeftOut) {
    const store::Descriptor arena = probe.arena();
    const auto live = [](std::uint32_t i, std::size_t field) {
        return block_at(i) + offsetof(proto::BlockHeader, live) + field;
    };
    const auto second_of_second = static_cast<std::uint32_t>(probe.rings[0].blocks().size()) + 1;
    put(arena, live(second_of_second, offsetof(proto::BlockLive, written)), std::uint32_t{70'000});
    say_hello();
    die(arena);
    EXPECT_EQ(events_of(database, 1).size(), 80U) << "the other ring is whole";
    const std::size_t missing = probe.rings[1].blocks()[1].boundaries.size();
    EXPECT_EQ(events_of(database, 2).size(), 82U - missing)
        << "and so are the blocks behind the damaged one";
    EXPECT_EQ(text_in(database, "SELECT accounting FROM process"), "unknown")
        << "and it says that something is missing";
}

TEST_F(Salvage, AnArenaFullOfNoiseHurtsNobody) {
    std::uint32_t seed = 1;
    for (int round = 0; round < 50; ++round) {
        SQLite::Database store = memory_store();
        Ingest fresh(store);
        static_cast<void>(fresh.hello(kSession, probe.hello(), 4711));
        const store::Descriptor arena = probe.arena();
        const proto::ArenaLayout layout = proto::plan_arena(proto::kMinArenaBytes);
        for (int i = 0; i < 2000; ++i) {
            seed = seed * 1664525U + 1013904223U;
            // Anywhere behind the fixed part of the header: in live counters, codes, slots, the
            // written blocks.
            const std::uint64_t ranges[] = {192 + seed % 300, layout.codes_offset + seed % 500,
                                            layout.slots_offset + seed % 1024,
                                            block_at(seed % 8) + (seed >> 8U) % 700};
            put(arena, ranges[(seed >> 20U) % 4], static_cast<std::uint8_t>(seed >> 24U));
        }
        fresh.disconnected(kSession, probe.id);
        fresh.died(probe.id, arena, [] {});
        ASSERT_NO_THROW(static_cast<void>(fresh.commit()));
        ASSERT_NO_THROW(static_cast<void>(events_of(store, 1))) << "what is stored decodes";
        ASSERT_EQ(number_in(store, "SELECT count(*) FROM trace WHERE status = 'open'"), 0);
    }
}

TEST_F(Salvage, OnlyASealedMemfdIsAnArena) {
    proto::Hello hello = probe.hello();
    hello.arena_bytes = proto::kMinArenaBytes;
    EXPECT_FALSE(wrong_with_arena(probe.arena().get(), hello));
    EXPECT_TRUE(wrong_with_arena(probe.arena(false).get(), hello)) << "not sealed";
    EXPECT_TRUE(wrong_with_arena(-1, hello)) << "none";
    EXPECT_TRUE(wrong_with_arena(store::Descriptor(::open("/dev/zero", O_RDONLY | O_CLOEXEC)).get(),
                                 hello));
    EXPECT_TRUE(wrong_with_arena(
        store::Descriptor(::open("/etc/passwd", O_RDONLY | O_CLOEXEC)).get(), hello));
    const store::Descriptor broken = probe.arena();
    put(broken, offsetof(proto::ArenaHeader, block_count), std::uint32_t{1} << 30U);
    EXPECT_TRUE(wrong_with_arena(broken.get(), hello)) << "a layout that does not fit its size";
    hello.arena_bytes += proto::kBlockBytes;
    EXPECT_TRUE(wrong_with_arena(probe.arena().get(), hello)) << "another size than announced";
}

}  // namespace
}  // namespace kolo::collectord::test

// Contract: an activation is rebuilt from its events wherever they lie, in the order in which it
// began, and what cannot be rebuilt is told instead of invented.
#include "reader/call_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "reader/recording.hpp"
#include "tests/unit/reader/fake_trace.hpp"

namespace kolo::reader::testing {
namespace {

using proto::ActivationId;
using proto::RecordKind;
using proto::RingNumber;

[[nodiscard]] ActivationId id(std::uint32_t ring, proto::Ordinal ordinal) {
    return {RingNumber{ring}, ordinal};
}

/// The tree, an activation a line: indented, name, when it started, how long it took, how it ended.
[[nodiscard]] std::vector<std::string> lines_of(const Recording& recording) {
    std::vector<std::string> lines;
    for (DepthFirst walk(recording.tree); !walk.done(); walk.advance()) {
        const Activation& activation = recording.tree.activations[walk.current()];
        const auto took = duration_ns(recording, activation);
        lines.push_back(std::string(walk.depth(), '.') + std::to_string(activation.ring) + "." +
                        std::to_string(activation.ordinal) + " " +
                        code_title(recording, activation.code) + " @" +
                        std::to_string(activation.start_ticks) + " " +
                        (took ? std::to_string(*took) : "?") + " " +
                        std::string(outcome_name(outcome_of(recording, walk.current()))));
    }
    return lines;
}

[[nodiscard]] std::vector<std::string> tree_of(const std::vector<std::vector<std::uint8_t>>& chunks,
                                               const std::vector<std::string>& codes,
                                               const std::string& status = "complete") {
    return lines_of(Recording(stored_trace(chunks, codes, status)));
}

using Lines = std::vector<std::string>;

TEST(CallTree, NestsWhatWasCalledBelowItsCaller) {
    FakeRing ring(1, kTrace);
    ring.after(10)
        .start(1)
        .after(5)
        .start(2)
        .after(5)
        .returns()
        .after(5)
        .start(3)
        .after(5)
        .raises();
    ring.after(10).returns();
    EXPECT_EQ(tree_of({ring.chunk()}, {"view", "load", "save"}),
              (Lines{"1.0 shop.view @10 30 returned", ".1.1 shop.load @15 5 returned",
                     ".1.2 shop.save @25 5 raised"}));
}

TEST(CallTree, IsTheSameHoweverTheRecordsWereCutIntoSlicesAndChunks) {
    const auto write = [](FakeRing& ring, auto cut) {
        ring.after(10).start(1);
        cut();
        ring.after(5).start(2);
        cut();
        ring.after(5).returns();
        cut();
        ring.after(5).returns();
    };
    FakeRing whole(1, kTrace);
    write(whole, [] {});
    const auto expected = tree_of({whole.chunk()}, {"view", "load"});
    ASSERT_EQ(expected.size(), 2U);

    FakeRing sliced(1, kTrace);
    write(sliced, [&] { sliced.cut(); });
    EXPECT_EQ(tree_of({sliced.chunk()}, {"view", "load"}), expected);

    FakeRing chunked(1, kTrace);
    std::vector<std::vector<std::uint8_t>> chunks;
    write(chunked, [&] { chunks.push_back(chunked.chunk()); });
    chunks.push_back(chunked.chunk());
    EXPECT_EQ(tree_of(chunks, {"view", "load"}), expected);

    std::reverse(chunks.begin(), chunks.end());
    EXPECT_EQ(tree_of(chunks, {"view", "load"}), expected) << "chunks are in order of position";
}

TEST(CallTree, JoinsAnEndInALaterBlock) {
    FakeRing ring(1, kTrace);
    ring.start(1).after(5).start(2).next_block();
    ring.after(5).long_event(RecordKind::kLongReturn, id(1, 1), id(1, 0), 2);
    ring.after(5).long_event(RecordKind::kLongUnwind, id(1, 0), {}, 1);
    EXPECT_EQ(tree_of({ring.chunk()}, {"view", "load"}),
              (Lines{"1.0 shop.view @0 15 raised", ".1.1 shop.load @5 5 returned"}));
}

TEST(CallTree, AGeneratorThatGoesOnInAnotherRingIsOneActivation) {
    FakeRing first(1, kTrace);
    first.start(1).after(1).start(2).after(4);
    first.long_event(RecordKind::kLongYield, id(1, 1), id(1, 0), 2);
    first.after(30).returns();
    FakeRing second(2, kTrace);
    second.after(10).long_event(RecordKind::kLongResume, id(1, 1), {}, 2);
    second.after(1).start(3).after(1).returns();
    second.after(1).long_event(RecordKind::kLongReturn, id(1, 1), {}, 2);
    const std::vector<std::string> codes{"view", "gen", "inner"};
    const auto a = first.chunk();
    const auto b = second.chunk();
    EXPECT_EQ(tree_of({a, b}, codes),
              (Lines{"1.0 shop.view @0 35 returned", ".1.1 shop.gen @1 12 returned",
                     "..2.0 shop.inner @11 1 returned"}));
    EXPECT_EQ(tree_of({b, a}, codes), tree_of({a, b}, codes));

    const Recording recording(stored_trace({a, b}, codes));
    const auto gen = find_activation(recording.tree, id(1, 1));
    ASSERT_TRUE(gen);
    EXPECT_EQ(suspended_ns(recording, *gen), 5);
    EXPECT_EQ(steps_of(recording.tree, *gen).size(), 2U);
    EXPECT_EQ(recording.tree.notes.contradictions, 0U);
}

TEST(CallTree, AGeneratorThatComesBackToItsRingToEndIsOneActivation) {
    FakeRing first(1, kTrace);
    first.start(1).after(1).long_event(RecordKind::kLongYield, id(1, 0), {}, 1);
    first.after(50).long_event(RecordKind::kLongResume, id(1, 0), {}, 1);
    first.after(1).long_event(RecordKind::kLongReturn, id(1, 0), {}, 1);
    FakeRing second(2, kTrace);
    second.after(10).long_event(RecordKind::kLongResume, id(1, 0), {}, 1);
    second.after(10).long_event(RecordKind::kLongYield, id(1, 0), {}, 1);
    const Recording recording(stored_trace({first.chunk(), second.chunk()}, {"gen"}));
    EXPECT_EQ(lines_of(recording), (Lines{"1.0 shop.gen @0 52 returned"}));
    EXPECT_EQ(recording.tree.notes.contradictions, 0U);
    EXPECT_EQ(suspended_ns(recording, 0), 9 + 31);
}

TEST(CallTree, OrdersWhatOneCalledInSeveralThreadsByTime) {
    FakeRing first(1, kTrace);
    first.start(1).after(10).start(2).returns().after(20).start(2).returns().after(1).returns();
    FakeRing second(2, kTrace);
    second.context(id(1, 0)).after(20).start(3).after(1).returns();
    EXPECT_EQ(tree_of({second.chunk(), first.chunk()}, {"view", "load", "work"}),
              (Lines{"1.0 shop.view @0 31 returned", ".1.1 shop.load @10 0 returned",
                     ".2.0 shop.work @20 1 returned", ".1.2 shop.load @30 0 returned"}));
}

TEST(CallTree, RootsOfOneThreadStandTogether) {
    FakeRing first(1, kTrace);
    first.start(1).returns().after(20).start(1).returns();
    FakeRing second(2, kTrace);
    second.after(10).start(2).returns();
    EXPECT_EQ(tree_of({first.chunk(), second.chunk()}, {"view", "work"}),
              (Lines{"1.0 shop.view @0 0 returned", "1.1 shop.view @20 0 returned",
                     "2.0 shop.work @10 0 returned"}));
}

TEST(CallTree, WhatDidNotEndIsAbandonedInACompleteTraceAndElseOpen) {
    for (const auto& [status, outcome] :
         std::vector<std::pair<std::string, std::string>>{{"complete", "abandoned"},
                                                          {"open", "open"},
                                                          {"crashed", "open"},
                                                          {"interrupted", "open"}}) {
        FakeRing ring(1, kTrace);
        ring.start(1).after(3).start(2);
        EXPECT_EQ(tree_of({ring.chunk()}, {"view", "load"}, status),
                  (Lines{"1.0 shop.view @0 ? " + outcome, ".1.1 shop.load @3 ? " + outcome}));
    }
}

TEST(CallTree, AClosedGeneratorIsAbandonedAndNotRaised) {
    FakeRing ring(1, kTrace);
    const V exit = V().tagged(proto::Tag::kException, 2).text("GeneratorExit").array(0);
    ring.start(1).after(1).long_event(RecordKind::kLongYield, id(1, 0), {}, 1);
    ring.after(1).long_event(RecordKind::kLongThrow, id(1, 0), {}, 1, exit);
    ring.after(1).long_event(RecordKind::kLongUnwind, id(1, 0), {}, 1, exit);
    EXPECT_EQ(tree_of({ring.chunk()}, {"gen"}), (Lines{"1.0 shop.gen @0 3 abandoned"}));
}

TEST(CallTree, AnEndWithoutItsStartIsShownAsWhatItIs) {
    FakeRing ring(3, kTrace);
    ring.after(10).start(1);
    ring.after(5).long_event(RecordKind::kLongReturn, id(1, 99), id(1, 98), 2);
    ring.after(5).returns();
    const Recording recording(stored_trace({ring.chunk()}, {"view", "load"}));
    EXPECT_EQ(lines_of(recording),
              (Lines{"3.0 shop.view @10 10 returned", "1.99 shop.load @15 ? returned"}));
    EXPECT_EQ(recording.tree.notes.missing_starts, 1U);
    const auto orphan = find_activation(recording.tree, id(1, 99));
    ASSERT_TRUE(orphan);
    EXPECT_FALSE(recording.tree.activations[*orphan].has_start);
    EXPECT_EQ(recording.tree.missing_parents.at(*orphan), id(1, 98));
}

TEST(CallTree, AnUnknownCodeKeepsItsNumber) {
    FakeRing ring(1, kTrace);
    ring.start(4711).returns();
    EXPECT_EQ(tree_of({ring.chunk()}, {}), (Lines{"1.0 code#4711 @0 0 returned"}));
}

TEST(CallTree, StepsOverRecordsOfALaterVersionAndCountsThem) {
    FakeRing ring(1, kTrace);
    ring.start(1).unknown_record().after(5).returns();
    const Recording recording(stored_trace({ring.chunk()}, {"view"}));
    EXPECT_EQ(lines_of(recording), (Lines{"1.0 shop.view @0 5 returned"}));
    EXPECT_EQ(recording.tree.notes.unknown_records, 1U);
}

TEST(CallTree, BrokenRecordsAreReadAsFarAsTheyDecode) {
    FakeRing ring(1, kTrace);
    ring.start(1).after(5).start(2).raw_records({0, 0, 0, 0, 0, 0, 0, 0}).cut();
    const Recording recording(stored_trace({ring.chunk()}, {"view", "load"}));
    EXPECT_EQ(lines_of(recording).size(), 2U);
    EXPECT_EQ(recording.tree.notes.broken_slices, 1U);
}

TEST(CallTree, WhatCouldNotBeSeenIsToldOnceWithItsEnd) {
    FakeRing ring(1, kTrace);
    ring.start(1).blind(1000, 0).blind(1000, 1500).start(2).returns().blind(2000, 0).returns();
    FakeRing other(2, kTrace);
    other.start(2).blind(1000, 1500).returns();
    const Recording recording(stored_trace({ring.chunk(), other.chunk()}, {"view", "load"}));
    EXPECT_EQ(recording.tree.activations.size(), 3U);
    ASSERT_EQ(recording.tree.blind.size(), 2U);
    EXPECT_EQ(recording.tree.blind[0].begin, 1000U);
    EXPECT_EQ(recording.tree.blind[0].end, 1500U);
    EXPECT_EQ(recording.tree.blind[1].end, 0U) << "the process died in it";
}

TEST(CallTree, EveryCutAndEveryFlippedByteOfAChunkIsSurvived) {
    FakeRing first(1, kTrace);
    first.start(1, V().array(2).integer(1).text("x")).after(3).start(2).after(1);
    first.long_event(RecordKind::kLongYield, id(1, 1), id(1, 0), 2, V().integer(5));
    first.after(1).returns(V().integer(3)).cut().start(1).returns_none();
    const auto chunk = first.chunk();
    for (std::size_t size = 0; size < chunk.size(); ++size) {
        const Recording recording(
            stored_trace({std::vector<std::uint8_t>(
                             chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(size))},
                         {"view", "gen"}));
        EXPECT_LE(lines_of(recording).size(), 3U);
    }
    for (std::size_t i = 0; i < chunk.size(); ++i) {
        for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
            auto damaged = chunk;
            damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
            const Recording recording(stored_trace({damaged}, {"view", "gen"}));
            ActivationValues values;
            for (DepthFirst walk(recording.tree); !walk.done(); walk.advance()) {
                read_values_of(recording, walk.current(), values);
            }
            EXPECT_LE(lines_of(recording).size(), 8U);
        }
    }
}

TEST(CallTree, TheSameRecordsTwiceAreOneActivationAndAContradiction) {
    FakeRing ring(1, kTrace);
    ring.start(1).after(5).returns();
    const auto chunk = ring.chunk();
    const Recording recording(stored_trace({chunk, chunk}, {"view"}));
    EXPECT_EQ(lines_of(recording), (Lines{"1.0 shop.view @0 5 returned"}));
    EXPECT_EQ(recording.tree.notes.contradictions, 2U);
}

TEST(CallTree, ActivationsThatCallEachOtherInACircleAreAllShown) {
    FakeRing first(1, kTrace);
    first.context(id(2, 0)).start(1).returns();
    FakeRing second(2, kTrace);
    second.context(id(1, 0)).start(2).returns();
    const Recording recording(stored_trace({first.chunk(), second.chunk()}, {"hen", "egg"}));
    EXPECT_EQ(lines_of(recording).size(), 2U);
    EXPECT_EQ(recording.tree.notes.contradictions, 2U);
}

TEST(CallTree, ARecursionOfAHundredThousandCallsIsAWalkAndNotARecursion) {
    constexpr std::uint32_t kDepth = 100'000;
    FakeRing ring(1, kTrace);
    for (std::uint32_t i = 0; i < kDepth; ++i) {
        ring.after(1).start(1);
    }
    for (std::uint32_t i = 0; i < kDepth; ++i) {
        ring.after(1).returns();
    }
    const Recording recording(stored_trace({ring.chunk()}, {"fall"}));
    std::uint32_t deepest = 0;
    std::size_t count = 0;
    for (DepthFirst walk(recording.tree); !walk.done(); walk.advance()) {
        deepest = std::max(deepest, walk.depth());
        ++count;
    }
    EXPECT_EQ(count, kDepth);
    EXPECT_EQ(deepest, kDepth - 1);
    EXPECT_EQ(count_callees(recording.tree, 0), kDepth - 1);
}

TEST(CallTree, ACounterThatStepsBackDoesNotTurnCallsAround) {
    FakeRing ring(1, kTrace);
    ring.after(100).start(1).after(10).start(2).returns();
    // A long end brings absolute ticks: here from before the start, as another core counted them.
    FakeRing early(1, kTrace);
    auto chunk = ring.chunk();
    FakeRing later(1, kTrace);
    later.after(50);
    later.long_event(RecordKind::kLongReturn, id(1, 0), {}, 1);
    auto tail = later.chunk();
    // The second slice lies behind the first one.
    proto::SliceHeader header = proto::load<proto::SliceHeader>(tail, 0);
    header.sequence = 1;
    proto::store(tail.data(), header);
    EXPECT_EQ(tree_of({chunk, tail}, {"view", "load"}),
              (Lines{"1.0 shop.view @100 10 returned", ".1.1 shop.load @110 0 returned"}));
}

TEST(CallTree, AnEmptyTraceHasNoActivations) { EXPECT_TRUE(tree_of({}, {}).empty()); }

}  // namespace
}  // namespace kolo::reader::testing

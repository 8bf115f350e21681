#include "proto/clock.hpp"

#include <gtest/gtest.h>

namespace kolo::proto {
namespace {

constexpr std::int64_t kEpoch = 1'790'000'000'000'000'000;

TEST(TickScale, IsAStraightLineBetweenTwoPairs) {
    // 2 ticks a nanosecond, then 4.
    const TickScale scale(
        {{4000, 1500, kEpoch + 1500}, {0, 0, kEpoch}, {2000, 1000, kEpoch + 1000}});
    EXPECT_EQ(scale.monotonic_ns(0), 0);
    EXPECT_EQ(scale.monotonic_ns(1000), 500);
    EXPECT_EQ(scale.monotonic_ns(2000), 1000);
    EXPECT_EQ(scale.monotonic_ns(3000), 1250);
    EXPECT_EQ(scale.realtime_ns(3000), kEpoch + 1250);
}

TEST(TickScale, GoesOnBeyondBothEndsAtTheWholeSpansPace) {
    const TickScale scale({{1000, 1000, kEpoch}, {3000, 2000, kEpoch + 1000}});
    EXPECT_EQ(scale.monotonic_ns(0), 500);
    EXPECT_EQ(scale.monotonic_ns(5000), 3000);
}

TEST(TickScale, AStepOfTheRealTimeClockMovesOnlyWhatLiesBetween) {
    const TickScale scale(
        {{0, 0, kEpoch}, {1000, 1000, kEpoch + 1000}, {2000, 2000, kEpoch + 1'000'000}});
    EXPECT_EQ(scale.realtime_ns(500), kEpoch + 500);
    EXPECT_EQ(scale.monotonic_ns(1500), 1500);
    EXPECT_GT(scale.realtime_ns(1500), kEpoch + 1500);
    EXPECT_LT(scale.realtime_ns(1500), kEpoch + 1'000'000);
}

TEST(TickScale, WithoutPairsTicksAreNanoseconds) { EXPECT_EQ(TickScale({}).monotonic_ns(42), 42); }

TEST(TickScale, TwoEqualPairsDoNotDivideByZero) {
    const TickScale scale({{1000, 5, kEpoch}, {1000, 5, kEpoch}});
    EXPECT_EQ(scale.monotonic_ns(1000), 5);
}

}  // namespace
}  // namespace kolo::proto

// Ticks, and what they mean: clock pairs, and the conversion from ticks to nanoseconds.
//
// A tick is a raw counter reading (the time stamp counter where the kernel itself trusts it,
// CLOCK_MONOTONIC otherwise). A ClockPair reads ticks, monotonic and real time as one. Pairs come
// with the hello (two of them), soon after, then every 10 s, and with the bye; between two pairs
// time is a straight line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/ids.hpp"

namespace kolo::proto {

struct ClockPair {
    Ticks ticks;
    std::int64_t monotonic_ns;
    std::int64_t realtime_ns;  // since the Unix epoch
    friend bool operator==(const ClockPair&, const ClockPair&) = default;
};
static_assert(sizeof(ClockPair) == 24 && offsetof(ClockPair, monotonic_ns) == 8 &&
              offsetof(ClockPair, realtime_ns) == 16);

/// Converts one process's ticks. Built from its clock pairs in any order; with none, ticks are
/// taken as nanoseconds.
class TickScale {
  public:
    explicit TickScale(std::vector<ClockPair> pairs);

    /// Nanoseconds of CLOCK_MONOTONIC.
    [[nodiscard]] std::int64_t monotonic_ns(Ticks ticks) const noexcept;
    /// Nanoseconds since the Unix epoch. A step of the real-time clock between two pairs moves what
    /// lies between them.
    [[nodiscard]] std::int64_t realtime_ns(Ticks ticks) const noexcept;

  private:
    [[nodiscard]] std::int64_t convert(Ticks ticks, std::int64_t ClockPair::*field) const noexcept;

    std::vector<ClockPair> pairs_;  // by ticks
    double ns_per_tick_ = 1.0;      // over the whole span; beyond either end
};

}  // namespace kolo::proto

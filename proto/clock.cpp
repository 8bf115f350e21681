#include "proto/clock.hpp"

#include <algorithm>
#include <utility>

namespace kolo::proto {

namespace {

[[nodiscard]] double difference(Ticks later, Ticks earlier) noexcept {
    // The unsigned difference read as signed is right across the whole range that one uptime can
    // span.
    return static_cast<double>(static_cast<std::int64_t>(later - earlier));
}

}  // namespace

TickScale::TickScale(std::vector<ClockPair> pairs) : pairs_(std::move(pairs)) {
    std::sort(pairs_.begin(), pairs_.end(),
              [](const ClockPair& a, const ClockPair& b) { return a.ticks < b.ticks; });
    if (pairs_.size() > 1 && pairs_.back().ticks != pairs_.front().ticks) {
        ns_per_tick_ =
            static_cast<double>(pairs_.back().monotonic_ns - pairs_.front().monotonic_ns) /
            difference(pairs_.back().ticks, pairs_.front().ticks);
    }
}

std::int64_t TickScale::monotonic_ns(Ticks ticks) const noexcept {
    return convert(ticks, &ClockPair::monotonic_ns);
}

std::int64_t TickScale::realtime_ns(Ticks ticks) const noexcept {
    return convert(ticks, &ClockPair::realtime_ns);
}

std::int64_t TickScale::convert(Ticks ticks, std::int64_t ClockPair::*field) const noexcept {
    if (pairs_.empty()) {
        return static_cast<std::int64_t>(ticks);
    }
    const auto after =
        std::upper_bound(pairs_.begin(), pairs_.end(), ticks,
                         [](Ticks t, const ClockPair& pair) { return t < pair.ticks; });
    const ClockPair& from = after == pairs_.begin() ? *after : *(after - 1);
    double slope = ns_per_tick_;
    if (after != pairs_.begin() && after != pairs_.end()) {
        slope = static_cast<double>((*after).*field - from.*field) /
                difference(after->ticks, from.ticks);
    }
    return from.*field + static_cast<std::int64_t>(difference(ticks, from.ticks) * slope);
}

}  // namespace kolo::proto

// Why an emitted event was not stored. Counted in trace slots, shown by `kolo-collectord status`
// and the `loss` table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kolo::proto {

enum class LossReason : std::uint32_t {
    kRingFull = 0,       // no free block in the arena, or this thread holds its share
    kStartDropped = 1,   // an end, yield, resume or throw whose start was dropped
    kTraceEnded = 2,     // a start later than 30 s after the end of its trace
    kStackFull = 3,      // the thread's frame stack is at its bound
    kSuspendedFull = 4,  // the table of suspended activations is at its bound
    kReentrant =
        5,  // the recorder was entered while it was recording (a signal handler in a slow path)
    kHookReplaced = 6,  // an end that the hook could not see, because another tool took its place
    kRemoved = 7,       // deleted by retention
    kUnreadable = 8,    // the arena of a dead process could not be read, or bytes did not decode
    kSpanDropped = 9,   // a span's record that found no room; it counts as an event only then
};
inline constexpr std::size_t kLossReasons = 10;
/// Room in a slot, so that later reasons do not move anything.
inline constexpr std::size_t kLossCounters = 16;
static_assert(kLossReasons <= kLossCounters);

inline constexpr std::array<std::string_view, kLossReasons> kLossNames = {
    "ring_full", "start_dropped", "trace_ended", "stack_full", "suspended_full",
    "reentrant", "hook_replaced", "removed",     "unreadable", "span_dropped",
};

/// The reason's name, or "unknown" for one of a later version.
[[nodiscard]] constexpr std::string_view loss_name(std::size_t reason) noexcept {
    return reason < kLossReasons ? kLossNames[reason] : std::string_view("unknown");
}

}  // namespace kolo::proto

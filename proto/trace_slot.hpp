// A trace slot: where a live trace keeps its id, kind, name, parent, begin, end and losses, until
// its end is acknowledged. 1 024 of them lie in the arena.
//
// Written by the threads that begin and end traces (under the GIL, inside `version`'s odd phase)
// and by every thread that counts into it (atomics); read by the drain thread, and with pread by a
// collector after a death. What goes over the socket is TraceImage, a plain copy.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/ids.hpp"
#include "proto/loss.hpp"

namespace kolo::proto {

enum class SlotState : std::uint32_t { kFree = 0, kLive = 1, kEnded = 2 };

enum class TraceKind : std::uint32_t {
    kBlock = 0,
    kRequest = 1,
    kScript = 2,
    kTest = 3,
    kJob = 4,
    kCommand = 5,
    kFork = 6,
};
inline constexpr std::array<std::string_view, 7> kTraceKindNames = {
    "block", "request", "script", "test", "job", "command", "fork"};
[[nodiscard]] constexpr std::string_view trace_kind_name(std::uint32_t kind) noexcept {
    return kind < kTraceKindNames.size() ? kTraceKindNames[kind] : std::string_view("unknown");
}

inline constexpr std::uint32_t kTraceSlots = 1024;
inline constexpr std::uint32_t kTraceIdBytes =
    32;  // "trc_" and a ULID (30 characters), zero-padded
inline constexpr std::uint32_t kTraceGroupBytes = 16;
inline constexpr std::uint32_t kTraceNameBytes = 184;  // UTF-8; a longer name is cut at a character

/// The plain part of a slot. Begin-to-end it is what a TRACE message carries, behind the counters.
struct TraceFields {
    std::uint64_t number;
    char id[kTraceIdBytes];
    char parent_id[kTraceIdBytes];  // the trace it began in (linked, not joined); empty: none
    Ordinal parent_ordinal;         // the activation it began in, of this process
    std::uint32_t parent_ring;      // 0: none
    std::uint32_t kind;             // TraceKind
    Ticks begin_ticks;
    Ticks end_ticks;  // 0 while it lives
    std::int64_t begin_realtime_ns;
    std::uint32_t name_bytes;
    std::uint32_t reserved;
    // What all traces share that one user action led to: the trace id of W3C Trace Context.
    std::uint8_t group[kTraceGroupBytes];
    char name[kTraceNameBytes];
};
static_assert(sizeof(TraceFields) == 320 && offsetof(TraceFields, id) == 8 &&
              offsetof(TraceFields, parent_id) == 40 &&
              offsetof(TraceFields, parent_ordinal) == 72 &&
              offsetof(TraceFields, parent_ring) == 80 && offsetof(TraceFields, kind) == 84 &&
              offsetof(TraceFields, begin_ticks) == 88 && offsetof(TraceFields, end_ticks) == 96 &&
              offsetof(TraceFields, begin_realtime_ns) == 104 &&
              offsetof(TraceFields, name_bytes) == 112 && offsetof(TraceFields, group) == 120 &&
              offsetof(TraceFields, name) == 136);

struct alignas(64) TraceSlot {
    std::atomic<std::uint32_t> state;    // SlotState
    std::atomic<std::uint32_t> version;  // odd while `fields` is written
    std::atomic<std::uint32_t>
        open_roots;  // running or suspended activations without a parent in this trace
    std::uint32_t reserved;
    std::atomic<std::uint64_t> emitted;  // events emitted in it (threads add in batches)
    std::atomic<std::uint64_t> lost[kLossCounters];
    std::uint64_t reserved_tail[5];
    TraceFields fields;
};
inline constexpr std::uint32_t kTraceSlotBytes = 512;
static_assert(sizeof(TraceSlot) == kTraceSlotBytes && offsetof(TraceSlot, version) == 4 &&
              offsetof(TraceSlot, open_roots) == 8 && offsetof(TraceSlot, emitted) == 16 &&
              offsetof(TraceSlot, lost) == 24 && offsetof(TraceSlot, fields) == 192);

/// A consistent copy of a slot: the body of a TRACE message.
struct TraceImage {
    std::uint32_t state;  // SlotState
    std::uint32_t open_roots;
    std::uint64_t emitted;
    std::uint64_t lost[kLossCounters];
    TraceFields fields;
};
static_assert(sizeof(TraceImage) == 464 && offsetof(TraceImage, emitted) == 8 &&
              offsetof(TraceImage, lost) == 16 && offsetof(TraceImage, fields) == 144);

[[nodiscard]] inline std::string_view text_of(const char* chars, std::size_t room) noexcept {
    std::size_t length = 0;
    while (length < room && chars[length] != '\0') {
        ++length;
    }
    return {chars, length};
}

[[nodiscard]] inline std::string_view trace_id(const TraceFields& fields) noexcept {
    return text_of(fields.id, sizeof fields.id);
}
[[nodiscard]] inline std::string_view parent_trace_id(const TraceFields& fields) noexcept {
    return text_of(fields.parent_id, sizeof fields.parent_id);
}
[[nodiscard]] inline std::string_view trace_name(const TraceFields& fields) noexcept {
    return {fields.name, fields.name_bytes < kTraceNameBytes ? fields.name_bytes : kTraceNameBytes};
}

}  // namespace kolo::proto

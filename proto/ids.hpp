// Strong types for everything that is numbered: rings, blocks, activations, codes, traces, ticks.
//
// Shared by both processes and by the reader; plain values, no thread, nothing to do at fork or
// shutdown.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace kolo::proto {

/// 128 random bits, drawn anew in every process (and in every forked child) that records.
struct ProcessId {
    std::array<std::uint8_t, 16> bytes{};
    friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

/// A ring is one thread's stream of records. Numbered from 1 within a process, never used twice; 0
/// means "none".
enum class RingNumber : std::uint32_t { kNone = 0 };

/// The blocks of a ring are numbered from 0 without gaps.
using BlockSequence = std::uint64_t;

/// The n-th recorded start of its ring, from 0.
using Ordinal = std::uint64_t;

/// A code is numbered from 1 within a process, never used twice. 0 stands for every code that found
/// no room.
enum class CodeNumber : std::uint32_t { kUnknown = 0 };

/// A trace is numbered from 1 within a process, never used twice; 0 means "none".
enum class TraceNumber : std::uint64_t { kNone = 0 };

/// A raw reading of the process's tick source (see clock.hpp). Only ClockPairs give it a meaning in
/// time.
using Ticks = std::uint64_t;

/// Identifies one activation within its process, wherever its later events are recorded.
struct ActivationId {
    RingNumber ring = RingNumber::kNone;
    Ordinal ordinal = 0;

    [[nodiscard]] constexpr explicit operator bool() const noexcept {
        return ring != RingNumber::kNone;
    }
    friend auto operator<=>(const ActivationId&, const ActivationId&) = default;
};

/// Where a record lies in its ring: block and byte offset of its first byte behind the block's
/// header. Together with the process id it names a record once and for all; acks are positions too
/// ("all before this").
struct Position {
    BlockSequence sequence = 0;
    std::uint32_t offset = 0;
    friend auto operator<=>(const Position&, const Position&) = default;
};

[[nodiscard]] constexpr std::uint32_t to_integer(RingNumber ring) noexcept {
    return static_cast<std::uint32_t>(ring);
}
[[nodiscard]] constexpr std::uint32_t to_integer(CodeNumber code) noexcept {
    return static_cast<std::uint32_t>(code);
}
[[nodiscard]] constexpr std::uint64_t to_integer(TraceNumber trace) noexcept {
    return static_cast<std::uint64_t>(trace);
}

}  // namespace kolo::proto

template <>
struct std::hash<kolo::proto::ActivationId> {
    [[nodiscard]] std::size_t operator()(const kolo::proto::ActivationId& id) const noexcept {
        // Rings are few and ordinals dense: a multiplicative mix spreads both.
        return (static_cast<std::size_t>(to_integer(id.ring)) * 0x9E3779B97F4A7C15ULL) ^
               (static_cast<std::size_t>(id.ordinal) * 0xC2B2AE3D27D4EB4FULL);
    }
};

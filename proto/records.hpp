// The records of a ring: their layout, and the functions that write one. PROTOCOL.md is the
// specification.
//
// Written by the probe on the recording thread; read by collector and reader through decoder.hpp.
// Nothing here allocates, locks or throws. A record is 8-byte aligned, never crosses a block, and
// its first 8 bytes give kind and length, so that a reader can step over what it does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "proto/bytes.hpp"
#include "proto/ids.hpp"

namespace kolo::proto {

/// Kinds below 0x80 carry their length in 8-byte words; kinds from 0x80 on are one word long.
enum class RecordKind : std::uint8_t {
    kPadding = 0x00,  // never written: a zeroed word must not look like a record

    // With values. `ref` is a code number (start) or a distance in ordinals (return, unwind).
    kStart = 0x01,
    kReturn = 0x02,
    kUnwind = 0x03,

    // Long: own id, parent, code and absolute ticks, wherever the activation started.
    kLongReturn = 0x12,
    kLongUnwind = 0x13,
    kLongYield = 0x14,
    kLongResume = 0x15,
    kLongThrow = 0x16,

    // No events.
    kContext = 0x20,
    kThread = 0x21,
    kBlind = 0x22,
    kSpanStart = 0x28,
    kSpanEnd = 0x29,
    kSpanPoint = 0x2A,

    // One word.
    kShortStart = 0x80,
    kShortReturn = 0x81,      // the result was not recorded
    kShortReturnNone = 0x82,  // the result is None, and no locals were recorded
    kShortUnwind = 0x83,      // the exception was not recorded
    kElapsed = 0x84,          // moves the clock on by 56 bits of ticks
};

inline constexpr std::uint32_t kWordBytes = 8;
inline constexpr std::uint8_t kOneWordKinds = 0x80;
/// A record's length field counts words in 16 bits; a block is smaller than that, so the block
/// bounds a record.
inline constexpr std::uint32_t kMaxRecordWords = 0xFFFF;
/// `RecordHead::flags`: how many of the record's last bytes are padding (0 to 7).
inline constexpr std::uint8_t kPaddingMask = 0x07;
/// Short starts hold a code, and short ends a distance, in 24 bits.
inline constexpr std::uint32_t kMax24 = 0xFFFFFF;
/// Any record holds the ticks since the record before it in 32 bits; kElapsed carries what is more.
inline constexpr std::uint64_t kMaxDelta = 0xFFFFFFFF;
inline constexpr std::uint64_t kMaxElapsed = 0xFFFFFFFFFFFFFF;

/// The first word of every record that is longer than one word.
struct RecordHead {
    RecordKind kind;
    std::uint8_t flags;
    std::uint16_t words;
    std::uint32_t
        delta;  // ticks since the record before; 0 in long records, which carry absolute ticks
};
static_assert(sizeof(RecordHead) == 8 && offsetof(RecordHead, words) == 2 &&
              offsetof(RecordHead, delta) == 4);

/// kStart, kReturn, kUnwind: 12 bytes, then msgpack, then padding.
struct ValuedRecord {
    RecordHead head;
    std::uint32_t ref;
};
static_assert(sizeof(ValuedRecord) == 12 && offsetof(ValuedRecord, ref) == 8);

/// kLong…: 48 bytes, then msgpack, then padding. A parent of ring 0 is none.
struct LongRecord {
    RecordHead head;
    Ticks ticks;
    Ordinal ordinal;
    Ordinal parent_ordinal;
    std::uint32_t ring;
    std::uint32_t parent_ring;
    std::uint32_t code;
    std::uint32_t reserved;
};
static_assert(sizeof(LongRecord) == 48 && offsetof(LongRecord, ticks) == 8 &&
              offsetof(LongRecord, ordinal) == 16 && offsetof(LongRecord, parent_ordinal) == 24 &&
              offsetof(LongRecord, ring) == 32 && offsetof(LongRecord, parent_ring) == 36 &&
              offsetof(LongRecord, code) == 40 && offsetof(LongRecord, reserved) == 44);

/// From here on records belong to `trace`, and the activation that a start would be the child of is
/// `current`.
struct ContextRecord {
    RecordHead head;
    std::uint64_t trace;
    Ordinal current_ordinal;
    std::uint32_t current_ring;
    std::uint32_t task;  // 0: not known
};
static_assert(sizeof(ContextRecord) == 32 && offsetof(ContextRecord, trace) == 8 &&
              offsetof(ContextRecord, current_ordinal) == 16 &&
              offsetof(ContextRecord, current_ring) == 24 && offsetof(ContextRecord, task) == 28);

/// kThread: who writes this ring; first record of its first block, again when the name changed.
/// Payload: msgpack [name or nil].
struct ThreadRecord {
    RecordHead head;
    std::uint64_t native_id;
    std::uint64_t ident;
};
static_assert(sizeof(ThreadRecord) == 24 && offsetof(ThreadRecord, native_id) == 8 &&
              offsetof(ThreadRecord, ident) == 16);

/// kBlind: from `begin` to `end` what ran could not be seen, on no thread of the process. An `end`
/// of 0: it was still so when this was written.
struct BlindRecord {
    RecordHead head;
    Ticks begin;
    Ticks end;
};
static_assert(sizeof(BlindRecord) == 24 && offsetof(BlindRecord, begin) == 8 &&
              offsetof(BlindRecord, end) == 16);

/// kSpanStart, kSpanEnd, kSpanPoint: what a processor reports. Payload: see PROTOCOL.md.
struct SpanRecord {
    RecordHead head;
    std::uint64_t span;
};
static_assert(sizeof(SpanRecord) == 16 && offsetof(SpanRecord, span) == 8);

/// The most that ending one segment can need: a clock step, a context, a long end, and a marker for
/// the value that found no room.
inline constexpr std::uint32_t kEndRoom =
    kWordBytes + sizeof(ContextRecord) + sizeof(LongRecord) + kWordBytes;
static_assert(kEndRoom == 96);

[[nodiscard]] constexpr bool is_one_word(RecordKind kind) noexcept {
    return static_cast<std::uint8_t>(kind) >= kOneWordKinds;
}

[[nodiscard]] constexpr bool is_span(RecordKind kind) noexcept {
    return kind >= RecordKind::kSpanStart && kind <= RecordKind::kSpanPoint;
}

[[nodiscard]] constexpr bool is_long(RecordKind kind) noexcept {
    return kind >= RecordKind::kLongReturn && kind <= RecordKind::kLongThrow;
}

/// Words of a one-word record: kind, then 24 bits, then 32 bits of delta.
[[nodiscard]] constexpr std::uint64_t one_word(RecordKind kind, std::uint32_t ref24,
                                               std::uint32_t delta) noexcept {
    return static_cast<std::uint64_t>(kind) | (static_cast<std::uint64_t>(ref24) << 8U) |
           (static_cast<std::uint64_t>(delta) << 32U);
}

[[nodiscard]] constexpr std::uint64_t elapsed_word(std::uint64_t ticks) noexcept {
    return static_cast<std::uint64_t>(RecordKind::kElapsed) | (ticks << 8U);
}

/// Bytes that a record of `fixed` bytes and `payload` bytes takes.
[[nodiscard]] constexpr std::uint32_t record_bytes(std::uint32_t fixed,
                                                   std::uint32_t payload) noexcept {
    return align8(fixed + payload);
}

// Field by field: a record put together in memory and then copied is read back in wider pieces than
// it was written, for which the processor has to wait (a failed store forwarding, 4 to 10 ns).
inline void store_fields(std::uint8_t* to, const ValuedRecord& record) noexcept {
    store(to + offsetof(ValuedRecord, ref), record.ref);
}
inline void store_fields(std::uint8_t* to, const LongRecord& record) noexcept {
    store(to + offsetof(LongRecord, ticks), record.ticks);
    store(to + offsetof(LongRecord, ordinal), record.ordinal);
    store(to + offsetof(LongRecord, parent_ordinal), record.parent_ordinal);
    store(to + offsetof(LongRecord, ring), record.ring);
    store(to + offsetof(LongRecord, parent_ring), record.parent_ring);
    store(to + offsetof(LongRecord, code), std::uint64_t{record.code});  // and reserved: zero
}
inline void store_fields(std::uint8_t* to, const ContextRecord& record) noexcept {
    store(to + offsetof(ContextRecord, trace), record.trace);
    store(to + offsetof(ContextRecord, current_ordinal), record.current_ordinal);
    store(to + offsetof(ContextRecord, current_ring), record.current_ring);
    store(to + offsetof(ContextRecord, task), record.task);
}
inline void store_fields(std::uint8_t* to, const BlindRecord& record) noexcept {
    store(to + offsetof(BlindRecord, begin), record.begin);
    store(to + offsetof(BlindRecord, end), record.end);
}
inline void store_fields(std::uint8_t* to, const SpanRecord& record) noexcept {
    store(to + offsetof(SpanRecord, span), record.span);
}
inline void store_fields(std::uint8_t* to, const ThreadRecord& record) noexcept {
    store(to + offsetof(ThreadRecord, native_id), record.native_id);
    store(to + offsetof(ThreadRecord, ident), record.ident);
}

/// Writes the fixed part of a record whose payload already stands (or will stand) behind it, and
/// zeroes the padding. Returns the record's size in bytes.
template <typename Fixed>
inline std::uint32_t write_record(std::uint8_t* to, const Fixed& fixed, RecordKind kind,
                                  std::uint32_t payload, std::uint32_t delta) noexcept {
    const std::uint32_t used = sizeof(Fixed) + payload;
    const std::uint32_t total = align8(used);
    const std::uint32_t padding = total - used;
    store(to, static_cast<std::uint64_t>(kind) | std::uint64_t{padding} << 8U |
                  std::uint64_t{total / kWordBytes} << 16U | std::uint64_t{delta} << 32U);
    store_fields(to, fixed);
    if (padding != 0) {
        std::uint64_t last = 0;
        std::memcpy(&last, to + total - sizeof last, sizeof last);
        store(to + total - sizeof last, last & (~std::uint64_t{0} >> (padding * 8U)));
    }
    return total;
}

}  // namespace kolo::proto

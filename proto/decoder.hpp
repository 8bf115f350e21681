// Walks the records of one block (or of a slice of one) and tells the events in it.
//
// The one place that knows how records follow from each other: the collector uses it to find where
// traces change and to count, the reader to rebuild activations, tests to check. It treats every
// byte as hostile: it reads only inside the span it is given, and a record that cannot be is an
// error, never undefined behaviour. No thread, no state besides its own.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "proto/block.hpp"
#include "proto/bytes.hpp"
#include "proto/ids.hpp"
#include "proto/records.hpp"

namespace kolo::proto {

enum class EventKind : std::uint8_t { kStart, kReturn, kUnwind, kYield, kResume, kThrow };

struct Event {
    EventKind kind = EventKind::kStart;
    ActivationId id;
    ActivationId parent;  // ring 0: none, or not known (see `complete`)
    CodeNumber code = CodeNumber::kUnknown;
    Ticks ticks = 0;
    TraceNumber trace = TraceNumber::kNone;
    Bytes payload;                // msgpack: see PROTOCOL.md, "Payloads"
    bool result_is_none = false;  // kReturn without a payload, but with the result None
    bool complete = true;  // parent and code are known; false: only the id (its start lies before)
};

/// An activation that started in this block and has neither ended nor been suspended since.
struct OpenStart {
    Ordinal ordinal = 0;
    Ordinal parent_ordinal = 0;
    std::uint32_t parent_ring = 0;
    std::uint32_t code = 0;
    friend bool operator==(const OpenStart&, const OpenStart&) = default;
};
static_assert(sizeof(OpenStart) == 24);

/// Everything that a decoder knows between two records.
struct DecoderState {
    RingNumber ring = RingNumber::kNone;
    std::uint64_t thread = 0;
    Ticks ticks = 0;
    TraceNumber trace = TraceNumber::kNone;
    ActivationId current;
    Ordinal next_ordinal = 0;
    std::uint32_t task = 0;
    std::vector<OpenStart> open;
};

[[nodiscard]] DecoderState state_at(const BlockStart& start);

enum class DecodeStatus : std::uint8_t {
    kEvent,    // `event` is filled
    kOther,    // a record without an event (context, thread, blind, span, elapsed)
    kUnknown,  // a kind of a later version: stepped over
    kEnd,      // no bytes left
    kBroken,   // the bytes are not records: a length of zero or past the end, a distance before the
               // first ordinal
};

class Decoder {
  public:
    /// Starts at the beginning of `records`, which must stay alive as long as the decoder and its
    /// events' payloads.
    Decoder(Bytes records, DecoderState state) : records_(records), state_(std::move(state)) {}

    /// Takes one record. After kBroken it stays where it is.
    [[nodiscard]] DecodeStatus next();

    [[nodiscard]] const Event& event() const noexcept { return event_; }
    /// The state behind the record taken last.
    [[nodiscard]] const DecoderState& state() const noexcept { return state_; }
    /// Offset of the next record in `records`.
    [[nodiscard]] std::uint32_t offset() const noexcept { return offset_; }
    /// The last record's kind byte and its bytes.
    [[nodiscard]] RecordKind record_kind() const noexcept { return record_kind_; }
    [[nodiscard]] Bytes record() const noexcept { return record_; }

  private:
    [[nodiscard]] DecodeStatus take_one_word(std::uint64_t word);
    [[nodiscard]] DecodeStatus take_valued(const RecordHead& head);
    [[nodiscard]] DecodeStatus take_long(const RecordHead& head);
    [[nodiscard]] DecodeStatus take_context();
    [[nodiscard]] DecodeStatus start(CodeNumber code);
    [[nodiscard]] DecodeStatus end(EventKind kind, std::uint32_t distance);
    [[nodiscard]] std::optional<OpenStart> take_open(Ordinal ordinal);

    Bytes records_;
    DecoderState state_;
    std::uint32_t offset_ = 0;
    RecordKind record_kind_ = RecordKind::kPadding;
    Bytes record_;
    Event event_;
};

/// Length in bytes of the record that begins with `word`; 0 when it cannot be a record.
[[nodiscard]] constexpr std::uint32_t record_length(std::uint64_t word) noexcept {
    const auto kind = static_cast<std::uint8_t>(word);
    if (kind >= kOneWordKinds) {
        return kWordBytes;
    }
    return static_cast<std::uint32_t>((word >> 16U) & kMaxRecordWords) * kWordBytes;
}

}  // namespace kolo::proto

#include "proto/decoder.hpp"

#include <algorithm>

namespace kolo::proto {

namespace {

/// Fixed bytes of a kind whose layout this version knows; 0 for a kind it does not know.
[[nodiscard]] std::uint32_t fixed_bytes(RecordKind kind) noexcept {
    switch (kind) {
        case RecordKind::kStart:
        case RecordKind::kReturn:
        case RecordKind::kUnwind:
            return sizeof(ValuedRecord);
        case RecordKind::kLongReturn:
        case RecordKind::kLongUnwind:
        case RecordKind::kLongYield:
        case RecordKind::kLongResume:
        case RecordKind::kLongThrow:
            return sizeof(LongRecord);
        case RecordKind::kContext:
            return sizeof(ContextRecord);
        case RecordKind::kThread:
            return sizeof(ThreadRecord);
        case RecordKind::kBlind:
            return sizeof(BlindRecord);
        case RecordKind::kSpanStart:
        case RecordKind::kSpanEnd:
        case RecordKind::kSpanPoint:
            return sizeof(SpanRecord);
        default:
            return 0;
    }
}

[[nodiscard]] EventKind event_kind(RecordKind kind) noexcept {
    switch (kind) {
        case RecordKind::kUnwind:
        case RecordKind::kLongUnwind:
        case RecordKind::kShortUnwind:
            return EventKind::kUnwind;
        case RecordKind::kLongYield:
            return EventKind::kYield;
        case RecordKind::kLongResume:
            return EventKind::kResume;
        case RecordKind::kLongThrow:
            return EventKind::kThrow;
        default:
            return EventKind::kReturn;
    }
}

}  // namespace

DecoderState state_at(const BlockStart& start) {
    DecoderState state;
    state.ring = RingNumber{start.ring};
    state.thread = start.thread;
    state.ticks = start.ticks;
    state.trace = TraceNumber{start.trace};
    state.current = {RingNumber{start.current_ring}, start.current_ordinal};
    state.next_ordinal = start.next_ordinal;
    state.task = start.task;
    return state;
}

DecodeStatus Decoder::next() {
    const std::size_t left = records_.size() - offset_;
    if (left == 0) {
        return DecodeStatus::kEnd;
    }
    if (left < kWordBytes) {
        return DecodeStatus::kBroken;
    }
    const auto word = load<std::uint64_t>(records_, offset_);
    const std::uint32_t length = record_length(word);
    if (length == 0 || length > left) {
        return DecodeStatus::kBroken;
    }
    const auto kind = static_cast<RecordKind>(word & 0xFFU);
    record_ = records_.subspan(offset_, length);
    record_kind_ = kind;

    DecodeStatus status = DecodeStatus::kUnknown;
    if (is_one_word(kind)) {
        status = take_one_word(word);
    } else if (const std::uint32_t fixed = fixed_bytes(kind); fixed != 0) {
        const auto head = load<RecordHead>(record_, 0);
        if (length < fixed + (head.flags & kPaddingMask)) {
            return DecodeStatus::kBroken;
        }
        event_ = Event{};
        event_.payload = record_.subspan(fixed, length - fixed - (head.flags & kPaddingMask));
        state_.ticks += head.delta;
        if (is_long(kind)) {
            status = take_long(head);
        } else if (kind == RecordKind::kContext) {
            status = take_context();
        } else if (kind == RecordKind::kThread || kind == RecordKind::kBlind || is_span(kind)) {
            status = DecodeStatus::kOther;
        } else {
            status = take_valued(head);
        }
    }
    if (status != DecodeStatus::kBroken) {
        offset_ += length;
    }
    return status;
}

DecodeStatus Decoder::take_one_word(std::uint64_t word) {
    const auto kind = static_cast<RecordKind>(word & 0xFFU);
    if (kind == RecordKind::kElapsed) {
        state_.ticks += word >> 8U;
        return DecodeStatus::kOther;
    }
    const auto ref = static_cast<std::uint32_t>((word >> 8U) & kMax24);
    switch (kind) {
        case RecordKind::kShortStart:
            event_ = Event{};
            state_.ticks += word >> 32U;
            return start(CodeNumber{ref});
        case RecordKind::kShortReturn:
        case RecordKind::kShortReturnNone:
        case RecordKind::kShortUnwind:
            event_ = Event{};
            event_.result_is_none = kind == RecordKind::kShortReturnNone;
            state_.ticks += word >> 32U;
            return end(event_kind(kind), ref);
        default:
            return DecodeStatus::kUnknown;
    }
}

DecodeStatus Decoder::take_valued(const RecordHead& head) {
    const auto ref = load<std::uint32_t>(record_, offsetof(ValuedRecord, ref));
    return head.kind == RecordKind::kStart ? start(CodeNumber{ref})
                                           : end(event_kind(head.kind), ref);
}

DecodeStatus Decoder::start(CodeNumber code) {
    event_.kind = EventKind::kStart;
    event_.id = {state_.ring, state_.next_ordinal};
    event_.parent = state_.current;
    event_.code = code;
    event_.ticks = state_.ticks;
    event_.trace = state_.trace;
    state_.open.push_back({event_.id.ordinal, event_.parent.ordinal, to_integer(event_.parent.ring),
                           to_integer(code)});
    state_.current = event_.id;
    ++state_.next_ordinal;
    return DecodeStatus::kEvent;
}

DecodeStatus Decoder::end(EventKind kind, std::uint32_t distance) {
    if (distance == 0 || distance > state_.next_ordinal) {
        return DecodeStatus::kBroken;
    }
    const Ordinal ordinal = state_.next_ordinal - distance;
    event_.kind = kind;
    event_.id = {state_.ring, ordinal};
    event_.ticks = state_.ticks;
    event_.trace = state_.trace;
    if (const auto open = take_open(ordinal)) {
        event_.parent = {RingNumber{open->parent_ring}, open->parent_ordinal};
        event_.code = CodeNumber{open->code};
    } else {
        event_.complete = false;
    }
    state_.current = event_.parent;
    return DecodeStatus::kEvent;
}

std::optional<OpenStart> Decoder::take_open(Ordinal ordinal) {
    // Almost always the last one: only greenlets and generators end in another order.
    const auto found =
        std::find_if(state_.open.rbegin(), state_.open.rend(),
                     [ordinal](const OpenStart& open) { return open.ordinal == ordinal; });
    if (found == state_.open.rend()) {
        return std::nullopt;
    }
    const OpenStart open = *found;
    state_.open.erase(std::next(found).base());
    return open;
}

DecodeStatus Decoder::take_long(const RecordHead& head) {
    const auto fixed = load<LongRecord>(record_, 0);
    state_.ticks = fixed.ticks;
    event_.kind = event_kind(head.kind);
    event_.id = {RingNumber{fixed.ring}, fixed.ordinal};
    event_.parent = {RingNumber{fixed.parent_ring}, fixed.parent_ordinal};
    event_.code = CodeNumber{fixed.code};
    event_.ticks = fixed.ticks;
    event_.trace = state_.trace;
    if (event_.kind == EventKind::kResume || event_.kind == EventKind::kThrow) {
        state_.current = event_.id;
        return DecodeStatus::kEvent;
    }
    state_.current = event_.parent;
    if (event_.id.ring == state_.ring) {
        static_cast<void>(
            take_open(fixed.ordinal));  // its later events are long, and tell all themselves
    }
    return DecodeStatus::kEvent;
}

DecodeStatus Decoder::take_context() {
    const auto fixed = load<ContextRecord>(record_, 0);
    state_.trace = TraceNumber{fixed.trace};
    state_.current = {RingNumber{fixed.current_ring}, fixed.current_ordinal};
    state_.task = fixed.task;
    return DecodeStatus::kOther;
}

}  // namespace kolo::proto

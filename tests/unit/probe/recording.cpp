#include "tests/unit/probe/recording.hpp"

#include <cstring>
#include <stdexcept>

#include "probe/ticks.hpp"
#include "proto/records.hpp"

namespace kolo::probe {

namespace {

constexpr std::uint32_t kRoom =
    proto::kWordBytes + proto::kWordBytes + sizeof(proto::ContextRecord);

/// One word of a slot's fields, in a way that a concurrent reader may read it.
void store_words(proto::TraceFields& to, const proto::TraceFields& from) {
    auto* words = reinterpret_cast<std::uint64_t*>(&to);
    for (std::size_t i = 0; i < sizeof from / sizeof(std::uint64_t); ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, reinterpret_cast<const char*>(&from) + i * sizeof word, sizeof word);
        // relaxed: guarded by the slot's version
        std::atomic_ref<std::uint64_t>(words[i]).store(word, std::memory_order_relaxed);
    }
}

}  // namespace

void Thread::follow(proto::TraceNumber trace, const proto::ActivationId& current) {
    if (ring_.wire.trace == trace && ring_.wire.current == current) {
        return;
    }
    const std::uint32_t delta = ring_.delta_to(read_ticks());
    const proto::ContextRecord record{
        {}, to_integer(trace), current.ordinal, to_integer(current.ring), 0};
    ring_.publish(proto::write_record(ring_.tail(), record, proto::RecordKind::kContext, 0, delta));
    ring_.wire = {trace, current};
}

bool Thread::start(std::uint32_t code, proto::TraceNumber trace, std::uint32_t payload) {
    const auto running = static_cast<std::uint32_t>(running_.size());
    if (!ring_.make_room(kRoom + proto::record_bytes(sizeof(proto::ValuedRecord), payload),
                         running + 1)) {
        return false;
    }
    static_cast<void>(ring_.count_emitted(trace));
    ++events_;
    const proto::ActivationId parent =
        running_.empty() ? proto::ActivationId{} : running_.back().id;
    follow(trace, parent);
    const std::uint32_t delta = ring_.delta_to(read_ticks());
    const proto::ActivationId id{ring_.number(), ring_.next_ordinal()};
    ring_.take_ordinal();
    if (payload == 0) {
        proto::store(ring_.tail(), proto::one_word(proto::RecordKind::kShortStart, code, delta));
        ring_.publish(proto::kWordBytes);
    } else {
        std::memset(ring_.tail() + sizeof(proto::ValuedRecord), static_cast<int>(code), payload);
        ring_.publish(proto::write_record(ring_.tail(), proto::ValuedRecord{{}, code},
                                          proto::RecordKind::kStart, payload, delta));
    }
    ring_.wire.current = id;
    running_.push_back({id, parent, code, trace});
    ++starts_;
    return true;
}

void Thread::end() {
    const Running ended = running_.back();
    running_.pop_back();
    if (!ring_.make_room(proto::kEndRoom, static_cast<std::uint32_t>(running_.size()))) {
        throw std::logic_error("an end found no room");
    }
    static_cast<void>(ring_.count_emitted(ended.trace));
    ++events_;
    follow(ended.trace, ended.id);
    const proto::Ticks now = read_ticks();
    if (ended.id.ordinal >= ring_.block_first_ordinal()) {
        const std::uint32_t delta = ring_.delta_to(now);
        const auto distance = static_cast<std::uint32_t>(ring_.next_ordinal() - ended.id.ordinal);
        proto::store(ring_.tail(),
                     proto::one_word(proto::RecordKind::kShortReturnNone, distance, delta));
        ring_.publish(proto::kWordBytes);
    } else {
        static_cast<void>(ring_.delta_to(now));
        const proto::LongRecord record{{},
                                       now,
                                       ended.id.ordinal,
                                       ended.parent.ordinal,
                                       to_integer(ended.id.ring),
                                       to_integer(ended.parent.ring),
                                       ended.code,
                                       0};
        ring_.publish(
            proto::write_record(ring_.tail(), record, proto::RecordKind::kLongReturn, 0, 0));
    }
    ring_.wire.current = ended.parent;
}

Recording::Recording(std::uint64_t arena_bytes) {
    proto::ProcessId process;
    process.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    arena_ = Arena::create(arena_bytes, process);
    if (!arena_) {
        throw std::runtime_error("no arena");
    }
}

Thread Recording::make_thread() {
    const std::uint32_t number = next_ring_++;
    auto shared = std::make_unique<RingShared>(proto::RingNumber{number}, 1000 + number);
    RingShared& registered = *shared.release();  // the registry's from here on
    rings_.add(registered);
    return {*arena_, registered};
}

void Recording::define_code(std::uint32_t number, const std::string& name) {
    proto::CodeDefinition code;
    code.number = proto::CodeNumber{number};
    code.name = name;
    code.path = "shop/views.py";
    const auto entry = proto::encode_code(code);
    auto& used = arena_->header().codes_used;
    const std::uint64_t at = used.load(std::memory_order_relaxed);  // relaxed: only we write it
    std::memcpy(arena_->codes() + at, entry.data(), entry.size());
    used.store(at + entry.size(), std::memory_order_release);  // release: the entry is whole
}

proto::TraceSlot* Recording::slot_of(proto::TraceNumber number) {
    for (std::uint32_t i = 0; i < arena_->layout().slot_count; ++i) {
        proto::TraceSlot& slot = arena_->slot(i);
        // acquire: freed by the drain thread after its last reading
        if (slot.state.load(std::memory_order_acquire) != 0 &&
            slot.fields.number == to_integer(number)) {
            return &slot;
        }
    }
    return nullptr;
}

proto::TraceNumber Recording::begin_trace() {
    for (std::uint32_t i = 0; i < arena_->layout().slot_count; ++i) {
        proto::TraceSlot& slot = arena_->slot(i);
        // acquire: freed by the drain thread after its last reading
        if (slot.state.load(std::memory_order_acquire) != 0) {
            continue;
        }
        slot.open_roots.store(0, std::memory_order_relaxed);  // relaxed: published below
        slot.emitted.store(0, std::memory_order_relaxed);
        for (auto& lost : slot.lost) {
            lost.store(0, std::memory_order_relaxed);
        }
        proto::TraceFields fields{};
        fields.number = next_trace_++;
        // As a ULID: 26 characters.
        const std::string number = std::to_string(fields.number);
        const std::string id = "trc_01JD" + std::string(22 - number.size(), '0') + number;
        std::memcpy(fields.id, id.data(), id.size());
        slot.version.fetch_add(1, std::memory_order_acq_rel);
        store_words(slot.fields, fields);
        slot.version.fetch_add(1, std::memory_order_release);  // release: the fields are whole
        slot.state.store(1, std::memory_order_release);
        return proto::TraceNumber{fields.number};
    }
    throw std::logic_error("no slot is free");
}

void Recording::end_trace(proto::TraceNumber number) {
    proto::TraceSlot& slot = *slot_of(number);
    proto::TraceFields fields = slot.fields;
    fields.end_ticks = read_ticks();
    slot.version.fetch_add(1, std::memory_order_acq_rel);
    store_words(slot.fields, fields);
    slot.version.fetch_add(1, std::memory_order_release);  // release: the fields are whole
    slot.state.store(2, std::memory_order_release);
}

void Recording::set_open_roots(proto::TraceNumber number, std::uint32_t open_roots) {
    slot_of(number)->open_roots.store(open_roots, std::memory_order_release);
}

void Recording::lose(proto::TraceNumber number, proto::LossReason reason) {
    // relaxed: a count
    slot_of(number)->lost[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

void Recording::hold_slot(proto::TraceNumber number, bool held) {
    static_cast<void>(held);
    slot_of(number)->version.fetch_add(1, std::memory_order_acq_rel);
}

bool Recording::holds(proto::TraceNumber number) { return slot_of(number) != nullptr; }

}  // namespace kolo::probe

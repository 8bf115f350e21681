#include "probe/slot_watch.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "proto/messages.hpp"

namespace kolo::probe {

namespace {

constexpr auto kFree = static_cast<std::uint32_t>(proto::SlotState::kFree);
constexpr auto kEnded = static_cast<std::uint32_t>(proto::SlotState::kEnded);

[[nodiscard]] bool is_same(const proto::TraceImage& a, const proto::TraceImage& b) noexcept {
    static_assert(std::has_unique_object_representations_v<proto::TraceImage>);
    return std::memcmp(&a, &b, sizeof a) == 0;
}

/// The fields of a slot, word by word: another thread may be writing them, which the version tells
/// afterwards.
[[nodiscard]] proto::TraceFields load_fields(const proto::TraceSlot& slot) noexcept {
    std::array<std::uint64_t, sizeof(proto::TraceFields) / sizeof(std::uint64_t)> words{};
    static_assert(sizeof(words) == sizeof(proto::TraceFields));
    // The slot is only read; atomic_ref over const comes with C++26.
    auto* from = reinterpret_cast<std::uint64_t*>(const_cast<proto::TraceFields*>(&slot.fields));
    for (std::size_t i = 0; i < words.size(); ++i) {
        // acquire: keeps the version's second reading behind this one (a fence would do the same,
        // but ThreadSanitizer does not know fences)
        words[i] = std::atomic_ref<std::uint64_t>(from[i]).load(std::memory_order_acquire);
    }
    proto::TraceFields fields{};
    std::memcpy(&fields, words.data(), sizeof fields);
    return fields;
}

}  // namespace

std::optional<proto::TraceImage> read_image(const proto::TraceSlot& slot) noexcept {
    constexpr int kTries = 64;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        // acquire: the fields are read after it
        const std::uint32_t before = slot.version.load(std::memory_order_acquire);
        proto::TraceImage image{};
        image.state = slot.state.load(std::memory_order_acquire);
        // acquire: whoever left the last root has counted before
        image.open_roots = slot.open_roots.load(std::memory_order_acquire);
        image.emitted = slot.emitted.load(std::memory_order_relaxed);  // relaxed: a count
        for (std::size_t i = 0; i < proto::kLossCounters; ++i) {
            image.lost[i] = slot.lost[i].load(std::memory_order_relaxed);  // relaxed: a count
        }
        image.fields = load_fields(slot);
        // relaxed: ordered by the acquire loads before it
        if (before % 2 == 0 && slot.version.load(std::memory_order_relaxed) == before) {
            return image;
        }
        sched_yield();
    }
    return std::nullopt;
}

bool SlotWatch::is_over(const proto::TraceImage& image) noexcept {
    return image.state == kEnded && image.open_roots == 0;
}

void SlotWatch::look_for_ended(TimePoint now) {
    for (auto& [index, trace] : watched_) {
        const proto::TraceSlot& slot = arena_.slot(index);
        // acquire, state first: the thread that ended the trace, and the one that left its last
        // root, published their records before
        if (slot.state.load(std::memory_order_acquire) != kEnded) {
            continue;
        }
        trace.ended_at = trace.ended_at.value_or(now);
        trace.closable = slot.open_roots.load(std::memory_order_acquire) == 0 ||
                         now - *trace.ended_at >= kCloseAfter;
    }
}

bool SlotWatch::read_images() {
    bool all = true;
    for (std::uint32_t index = 0; index < arena_.layout().slot_count; ++index) {
        // acquire: the thread that made it live wrote its fields before
        if (arena_.slot(index).state.load(std::memory_order_acquire) != kFree) {
            all = take_image(index) && all;
        }
    }
    return all;
}

bool SlotWatch::take_image(std::uint32_t index) {
    const auto image = read_image(arena_.slot(index));
    if (!image) {
        return false;
    }
    Watched& trace = watched_[index];
    trace.image = *image;
    highest_ = std::max(highest_, image->fields.number);
    if (trace.close == Close::kAcknowledged && is_over(*image) && trace.announced &&
        !is_same(*image, trace.told)) {
        // Something was counted after the close: told again, as an image alone is never
        // acknowledged.
        trace.close = Close::kUntold;
    }
    return true;
}

bool SlotWatch::is_due(const Watched& trace, TimePoint now) noexcept {
    if (!trace.announced) {
        return true;
    }
    if (is_same(trace.image, trace.told)) {
        return false;
    }
    const bool only_counted =
        trace.image.state == trace.told.state &&
        std::memcmp(&trace.image.fields, &trace.told.fields, sizeof trace.told.fields) == 0;
    return !only_counted || trace.image.state == kEnded || now - trace.told_at >= kCountersEvery;
}

bool SlotWatch::append_images(std::vector<std::uint8_t>& out, std::size_t limit, TimePoint now,
                              bool all) {
    for (auto& [index, trace] : watched_) {
        const bool differs = !trace.announced || !is_same(trace.image, trace.told);
        if (all ? !differs : !is_due(trace, now)) {
            continue;
        }
        if (out.size() >= limit) {
            return false;
        }
        proto::append_frame(out, proto::MessageType::kTrace, trace.image);
        trace.told = trace.image;
        trace.told_at = now;
        trace.announced = true;
    }
    return true;
}

bool SlotWatch::append_closes(std::vector<std::uint8_t>& out, std::size_t limit) {
    for (auto& [index, trace] : watched_) {
        if (!trace.closable || trace.close != Close::kUntold) {
            continue;
        }
        if (out.size() >= limit) {
            return false;
        }
        proto::append_frame(out, proto::MessageType::kTraceClosed,
                            proto::TraceClosedMessage{trace.image.fields.number});
        trace.close = Close::kTold;
        trace.close_ever_told = true;
    }
    return true;
}

bool SlotWatch::welcome(const std::vector<proto::TraceNumber>& closed) {
    for (auto& [index, trace] : watched_) {
        const bool known = std::find(closed.begin(), closed.end(),
                                     proto::TraceNumber{trace.image.fields.number}) != closed.end();
        if (known && !trace.close_ever_told) {
            return false;
        }
        trace.announced = false;
        trace.close = known ? Close::kAcknowledged : Close::kUntold;
    }
    return std::all_of(closed.begin(), closed.end(), [this](proto::TraceNumber number) {
        return to_integer(number) <= highest_;
    });
}

bool SlotWatch::acknowledge(const std::vector<proto::TraceNumber>& closed) {
    for (const proto::TraceNumber number : closed) {
        Watched* trace = find(number);
        if (trace == nullptr && to_integer(number) > highest_) {
            return false;
        }
        if (trace != nullptr && !trace->close_ever_told) {
            return false;
        }
        // One that is not told (again) yet is acknowledged for an earlier telling.
        if (trace != nullptr && trace->close == Close::kTold) {
            trace->close = Close::kAcknowledged;
        }
    }
    return true;
}

void SlotWatch::free_finished() {
    std::erase_if(watched_, [this](const auto& entry) {
        const auto& [index, trace] = entry;
        if (trace.close != Close::kAcknowledged || !trace.announced || !is_over(trace.told)) {
            return false;
        }
        proto::TraceSlot& slot = arena_.slot(index);
        const auto image = read_image(slot);
        if (!image || !is_same(*image, trace.told)) {
            return false;
        }
        // release: whoever takes the slot next begins after our last reading
        slot.state.store(kFree, std::memory_order_release);
        return true;
    });
}

bool SlotWatch::only_lingers() const noexcept {
    return std::all_of(watched_.begin(), watched_.end(), [](const auto& entry) {
        const Watched& trace = entry.second;
        return trace.close == Close::kAcknowledged && trace.announced &&
               is_same(trace.image, trace.told);
    });
}

bool SlotWatch::has_untold() const noexcept {
    return std::any_of(watched_.begin(), watched_.end(), [](const auto& entry) {
        const Watched& trace = entry.second;
        return !trace.announced || !is_same(trace.image, trace.told) ||
               (is_over(trace.image) && trace.close == Close::kUntold);
    });
}

std::vector<proto::TraceNumber> SlotWatch::unacknowledged_ends() const {
    std::vector<proto::TraceNumber> numbers;
    for (const auto& [index, trace] : watched_) {
        if (is_over(trace.image) && trace.close != Close::kAcknowledged) {
            numbers.push_back(proto::TraceNumber{trace.image.fields.number});
        }
    }
    return numbers;
}

bool SlotWatch::is_acknowledged(proto::TraceNumber number) const noexcept {
    return std::none_of(watched_.begin(), watched_.end(), [number](const auto& entry) {
        return entry.second.image.fields.number == to_integer(number) &&
               entry.second.close != Close::kAcknowledged;
    });
}

SlotWatch::Watched* SlotWatch::find(proto::TraceNumber number) noexcept {
    for (auto& [index, trace] : watched_) {
        if (trace.image.fields.number == to_integer(number)) {
            return &trace;
        }
    }
    return nullptr;
}

}  // namespace kolo::probe

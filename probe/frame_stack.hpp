// What a thread is running, as far as it is recorded: the stack of frames of accepted code, and
// what was suspended.
//
// One FrameStack per thread and greenlet, one SuspendedTable per process; both only under the GIL.
// Bounded: beyond the bounds starts are dropped (stack_full, suspended_full). Fork: the child leaks
// its parent's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/ids.hpp"

namespace kolo::probe {

/// A trace, as an activation remembers it: its number, and the slot in which it lived when the
/// activation started.
struct TraceRef {
    proto::TraceNumber number = proto::TraceNumber::kNone;
    std::uint32_t slot = 0;
    [[nodiscard]] constexpr explicit operator bool() const noexcept {
        return number != proto::TraceNumber::kNone;
    }
    friend bool operator==(const TraceRef&, const TraceRef&) = default;
};

/// What is known of an activation while it runs or is suspended.
struct Activation {
    proto::ActivationId id;
    proto::ActivationId parent;
    TraceRef trace;
    proto::CodeNumber code = proto::CodeNumber::kUnknown;
    bool is_root = false;        // counted in its slot's open_roots
    bool was_suspended = false;  // all its further records are long
};

enum class EntryKind : std::uint8_t {
    kRecorded,
    kUntraced,        // accepted code, but no trace was found for it
    kStartDropped,    // its start was lost, so all that follows will be
    kSegmentDropped,  // going on was lost, so the end of this segment will be
    kBoundary,        // a trace began here: nothing below is inherited
};

struct StackEntry {
    const void* frame = nullptr;    // FrameRef::address; null for a boundary
    const void* context = nullptr;  // identity of the Context it started in; never dereferenced
    Activation activation;          // of a boundary only `trace`
    EntryKind kind = EntryKind::kUntraced;
    std::uint32_t nearest =
        0;  // 1 + index of the nearest recorded entry or boundary below; 0: none
};

class FrameStack {
  public:
    static constexpr std::size_t kMostEntries = 1U << 20U;

    /// The nearest recorded entry or boundary from the top down; null when there is none.
    [[nodiscard]] const StackEntry* nearest() const noexcept {
        return entries_.empty() ? nullptr : nearest_from(entries_.size() - 1);
    }
    /// Pushes an entry, to be filled in by the caller; null when the stack is at its bound or
    /// memory ran out.
    [[nodiscard]] StackEntry* push() noexcept {
        std::uint32_t nearest = 0;
        if (!entries_.empty()) {
            nearest = is_anchor(entries_.back().kind) ? static_cast<std::uint32_t>(entries_.size())
                                                      : entries_.back().nearest;
        }
        if (entries_.size() == entries_.capacity() && !grow()) {
            return nullptr;
        }
        StackEntry& entry = entries_.emplace_back();
        entry.nearest = nearest;
        return &entry;
    }
    /// Index of the entry of `frame`, from the top down; size() when there is none.
    [[nodiscard]] std::size_t find(const void* frame) const noexcept {
        for (std::size_t i = entries_.size(); i-- > 0;) {
            if (entries_[i].frame == frame) {
                return i;
            }
        }
        return entries_.size();
    }
    /// Takes the boundary of `trace` out, wherever it is.
    void remove_boundary(proto::TraceNumber trace) noexcept {
        for (std::size_t i = entries_.size(); i-- > 0;) {
            if (entries_[i].kind == EntryKind::kBoundary &&
                entries_[i].activation.trace.number == trace) {
                entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
                relink(i);
                return;
            }
        }
    }
    void pop() noexcept { entries_.pop_back(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] const StackEntry& operator[](std::size_t i) const noexcept { return entries_[i]; }
    [[nodiscard]] const StackEntry& top() const noexcept { return entries_.back(); }

  private:
    [[nodiscard]] static bool is_anchor(EntryKind kind) noexcept {
        return kind == EntryKind::kRecorded || kind == EntryKind::kBoundary;
    }
    [[nodiscard]] const StackEntry* nearest_from(std::size_t i) const noexcept {
        if (is_anchor(entries_[i].kind)) {
            return &entries_[i];
        }
        return entries_[i].nearest == 0 ? nullptr : &entries_[entries_[i].nearest - 1];
    }
    [[nodiscard]] bool grow() noexcept;
    void relink(std::size_t from) noexcept {
        for (std::size_t i = from; i < entries_.size(); ++i) {
            entries_[i].nearest = 0;
            if (i > 0) {
                entries_[i].nearest = is_anchor(entries_[i - 1].kind)
                                          ? static_cast<std::uint32_t>(i)
                                          : entries_[i - 1].nearest;
            }
        }
    }

    std::vector<StackEntry> entries_;
};

/// A suspended generator's or coroutine's activation, found again by its frame when it goes on.
struct Suspended {
    const void* frame = nullptr;  // null: a free cell
    Activation activation;
    EntryKind kind = EntryKind::kRecorded;
    TraceRef boundary;  // a trace that began above it and was not ended when it was suspended
};

/// Open addressing with linear probing: one allocation each time it doubles, none in between.
class SuspendedTable {
  public:
    static constexpr std::size_t kMostEntries = 1U << 17U;

    /// What belongs to `frame`, or null. Good until the next place() or erase().
    [[nodiscard]] Suspended* find(const void* frame) noexcept {
        if (used_ == 0) {
            return nullptr;
        }
        Suspended& cell = cells_[index_of(frame)];
        return cell.frame != nullptr ? &cell : nullptr;
    }
    /// Where `frame` belongs: its cell, or a free one that the caller fills in. Null when the table
    /// is at its bound or memory ran out.
    [[nodiscard]] Suspended* place(const void* frame) noexcept;
    void erase(Suspended* cell) noexcept;

  private:
    [[nodiscard]] std::size_t home(const void* frame) const noexcept {
        // Frames are 8- or 16-byte aligned: the multiplication brings their high bits down
        // (Fibonacci hashing).
        const auto mixed = (reinterpret_cast<std::uintptr_t>(frame) >> 3U) * 0x9E3779B97F4A7C15ULL;
        return static_cast<std::size_t>(mixed >> 32U) & (cells_.size() - 1);
    }
    [[nodiscard]] std::size_t index_of(const void* frame) const noexcept {
        std::size_t i = home(frame);
        while (cells_[i].frame != nullptr && cells_[i].frame != frame) {
            i = (i + 1) & (cells_.size() - 1);
        }
        return i;
    }
    [[nodiscard]] bool grow() noexcept;

    std::vector<Suspended> cells_;
    std::size_t used_ = 0;
};

}  // namespace kolo::probe

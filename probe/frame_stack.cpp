#include "probe/frame_stack.hpp"

#include <algorithm>
#include <new>

namespace kolo::probe {

bool FrameStack::grow() noexcept {
    constexpr std::size_t kFirst = 64;
    if (entries_.size() >= kMostEntries) {
        return false;
    }
    try {
        entries_.reserve(std::clamp(entries_.size() * 2, kFirst, kMostEntries));
    } catch (const std::bad_alloc&) {
        return false;
    }
    return true;
}

std::size_t SuspendedTable::home(const void* frame) const noexcept {
    // Frames are 8- or 16-byte aligned: the multiplication brings their high bits down (Fibonacci
    // hashing).
    const auto mixed = (reinterpret_cast<std::uintptr_t>(frame) >> 3U) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(mixed >> 32U) & (cells_.size() - 1);
}

std::size_t SuspendedTable::find(const void* frame) const noexcept {
    std::size_t i = home(frame);
    while (cells_[i].frame != nullptr && cells_[i].frame != frame) {
        i = (i + 1) & (cells_.size() - 1);
    }
    return i;
}

bool SuspendedTable::put(const Suspended& suspended, std::optional<Suspended>& replaced) {
    if ((used_ + 1) * 2 > cells_.size()) {
        if (used_ >= kMostEntries) {
            return false;
        }
        grow();
    }
    Suspended& cell = cells_[find(suspended.frame)];
    if (cell.frame != nullptr) {
        replaced = cell;
    } else {
        ++used_;
    }
    cell = suspended;
    return true;
}

std::optional<Suspended> SuspendedTable::take(const void* frame) noexcept {
    if (used_ == 0) {
        return std::nullopt;
    }
    const std::size_t mask = cells_.size() - 1;
    std::size_t hole = find(frame);
    if (cells_[hole].frame == nullptr) {
        return std::nullopt;
    }
    const Suspended taken = cells_[hole];
    cells_[hole].frame = nullptr;
    --used_;
    // Entries behind the hole that would no longer be found from their home move into it
    // (Knuth 6.4, algorithm R).
    for (std::size_t i = (hole + 1) & mask; cells_[i].frame != nullptr; i = (i + 1) & mask) {
        const std::size_t wanted = home(cells_[i].frame);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            cells_[hole] = cells_[i];
            cells_[i].frame = nullptr;
            hole = i;
        }
    }
    return taken;
}

void SuspendedTable::grow() {
    std::vector<Suspended> old(cells_.empty() ? 256 : cells_.size() * 2);
    old.swap(cells_);
    for (const Suspended& suspended : old) {
        if (suspended.frame != nullptr) {
            cells_[find(suspended.frame)] = suspended;
        }
    }
}

}  // namespace kolo::probe

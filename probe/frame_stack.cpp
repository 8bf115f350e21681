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

Suspended* SuspendedTable::place(const void* frame) noexcept {
    if ((used_ + 1) * 2 > cells_.size() && (used_ >= kMostEntries || !grow())) {
        return nullptr;
    }
    Suspended& cell = cells_[index_of(frame)];
    used_ += cell.frame == nullptr ? 1 : 0;
    return &cell;
}

void SuspendedTable::erase(Suspended* cell) noexcept {
    const std::size_t mask = cells_.size() - 1;
    auto hole = static_cast<std::size_t>(cell - cells_.data());
    cell->frame = nullptr;
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
}

bool SuspendedTable::grow() noexcept {
    constexpr std::size_t kFirst = 256;
    try {
        std::vector<Suspended> old(std::max(kFirst, cells_.size() * 2));
        old.swap(cells_);
        for (const Suspended& suspended : old) {
            if (suspended.frame != nullptr) {
                cells_[index_of(suspended.frame)] = suspended;
            }
        }
    } catch (const std::bad_alloc&) {
        return false;
    }
    return true;
}

}  // namespace kolo::probe

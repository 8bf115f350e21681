// Where rings come to the drain thread's knowledge: a lock-free stack that any thread pushes to and
// the drain empties at each of its rounds.
//
// add() on any thread; take_all() on the drain thread alone. Nothing is popped singly, so there is
// no ABA to guard against. Fork: the child leaks its parent's registry. It never drops.
#pragma once

#include <atomic>
#include <memory>

#include "probe/ring.hpp"

namespace kolo::probe {

class RingRegistry {
  public:
    RingRegistry() = default;
    RingRegistry(const RingRegistry&) = delete;
    RingRegistry& operator=(const RingRegistry&) = delete;
    RingRegistry(RingRegistry&&) = delete;
    RingRegistry& operator=(RingRegistry&&) = delete;
    ~RingRegistry() {
        for (RingShared* ring = take_all(); ring != nullptr;) {
            const std::unique_ptr<RingShared> owned(ring);
            ring = owned->next_registered;
        }
    }

    /// Takes over a ring whose owner has released it; it stays alive until it is finished and
    /// acknowledged.
    void add(RingShared& ring) noexcept {
        // relaxed: verified by the exchange
        RingShared* top = top_.load(std::memory_order_relaxed);
        do {
            ring.next_registered = top;
            // release: the drain that takes the ring sees it whole, and its link
        } while (!top_.compare_exchange_weak(top, &ring, std::memory_order_release,
                                             std::memory_order_relaxed));
    }

    /// All rings added since the last call, linked by `next_registered`; the caller owns them.
    [[nodiscard]] RingShared* take_all() noexcept {
        // acquire: see add()
        return top_.exchange(nullptr, std::memory_order_acquire);
    }

  private:
    std::atomic<RingShared*> top_{nullptr};
};

}  // namespace kolo::probe

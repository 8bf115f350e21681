// This process's arena: the memfd, its mapping, and the pool of blocks in it.
//
// Made at the process's first trace and never unmapped (threads may still be recording when the
// interpreter goes down). take_block() and give_block() may be called on any thread. The mapping
// does not exist in a forked child (MADV_DONTFORK): the child forgets this object without touching
// the memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "proto/arena.hpp"
#include "proto/ids.hpp"

namespace kolo::probe {

class Arena {
  public:
    /// A sealed memfd of `bytes`, its header written and every block free. Nothing when the system
    /// has no memory or no descriptors for it; errno tells.
    [[nodiscard]] static std::unique_ptr<Arena> create(std::uint64_t bytes,
                                                       const proto::ProcessId& process);

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] const proto::ArenaLayout& layout() const noexcept { return layout_; }
    [[nodiscard]] proto::ArenaHeader& header() const noexcept;
    [[nodiscard]] proto::TraceSlot& slot(std::uint32_t index) const noexcept;
    [[nodiscard]] proto::BlockHeader& block(std::uint32_t index) const noexcept;
    [[nodiscard]] std::uint8_t* records(std::uint32_t block) const noexcept;
    [[nodiscard]] std::uint8_t* codes() const noexcept { return base_ + layout_.codes_offset; }

    /// A free block, or kNoBlock. Lock-free: one compare-and-swap unless threads collide.
    [[nodiscard]] std::uint32_t take_block() noexcept;
    /// Returns a block that nobody reads or writes any more.
    void give_block(std::uint32_t index) noexcept;
    /// How many blocks are free: a snapshot, for waiting and for status.
    [[nodiscard]] std::uint32_t free_blocks() const noexcept;

  private:
    Arena(int descriptor, std::uint8_t* base, const proto::ArenaLayout& layout) noexcept
        : descriptor_(descriptor), base_(base), layout_(layout) {}

    int descriptor_;
    std::uint8_t* base_;
    proto::ArenaLayout layout_;
    // Blocks from here on were never taken: they are not in the free list, so that their pages need
    // not exist.
    std::atomic<std::uint32_t> next_unused_{0};
    std::atomic<std::uint32_t> taken_{0};
};

}  // namespace kolo::probe

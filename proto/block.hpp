// A block: 64 KB of the arena, one link in a ring's chain. Its header makes it decodable alone.
//
// The first line of the header is written once, when a thread takes the block. The second line is
// live: the owning thread stores into it with every record, the drain thread (and, after a death,
// the collector with pread) reads it. Layout only; who may do what is said in probe/ring.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proto/ids.hpp"

namespace kolo::proto {

inline constexpr std::uint32_t kBlockBytes = 64 * 1024;
inline constexpr std::uint32_t kNoBlock = 0xFFFFFFFF;

/// What a decoder must know before the first record: written when the block is taken.
struct BlockStart {
    std::uint32_t ring;
    std::uint32_t task;
    BlockSequence sequence;
    std::uint64_t thread;        // native thread id
    Ticks ticks;                 // absolute; the first record's delta counts from here
    std::uint64_t trace;         // trace of the first record
    Ordinal current_ordinal;     // activation that a start would be the child of
    std::uint32_t current_ring;  // 0: none
    std::uint32_t reserved;
    Ordinal next_ordinal;  // ordinal of the next start
};
static_assert(sizeof(BlockStart) == 64 && offsetof(BlockStart, sequence) == 8 &&
              offsetof(BlockStart, thread) == 16 && offsetof(BlockStart, ticks) == 24 &&
              offsetof(BlockStart, trace) == 32 && offsetof(BlockStart, current_ordinal) == 40 &&
              offsetof(BlockStart, current_ring) == 48 && offsetof(BlockStart, next_ordinal) == 56);

enum class BlockState : std::uint32_t { kFree = 0, kOwned = 1 };

/// The live line.
struct BlockLive {
    std::atomic<std::uint32_t> state;  // BlockState; decides whether salvage looks at the block
    std::atomic<std::uint32_t>
        written;  // bytes of whole records behind the header; release store publishes
    std::atomic<std::uint32_t>
        next;  // the ring's next block, or kNoBlock; the free list's while free
    std::uint32_t reserved;
    std::atomic<std::uint64_t> emitted;  // events this ring has emitted so far, dropped ones too
    std::atomic<std::uint64_t> trace;    // trace that `trace_emitted` counts for
    std::atomic<std::uint64_t> trace_emitted;  // events emitted in it and not yet added to its slot
    std::uint64_t emitted_before;              // `emitted` when the block was taken
    std::uint64_t reserved_tail[2];
};
static_assert(sizeof(BlockLive) == 64 && offsetof(BlockLive, written) == 4 &&
              offsetof(BlockLive, next) == 8 && offsetof(BlockLive, emitted) == 16 &&
              offsetof(BlockLive, trace) == 24 && offsetof(BlockLive, trace_emitted) == 32 &&
              offsetof(BlockLive, emitted_before) == 40);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free &&
                  std::atomic<std::uint64_t>::is_always_lock_free,
              "atomics in shared memory must be plain words");

struct alignas(64) BlockHeader {
    BlockStart start;
    BlockLive live;
};
inline constexpr std::uint32_t kBlockHeaderBytes = 128;
inline constexpr std::uint32_t kBlockCapacity = kBlockBytes - kBlockHeaderBytes;
static_assert(sizeof(BlockHeader) == kBlockHeaderBytes && offsetof(BlockHeader, live) == 64);

}  // namespace kolo::proto

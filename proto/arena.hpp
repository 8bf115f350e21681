// The arena: one memfd of fixed size that holds everything a process records until it is
// acknowledged.
//
//     [ header 4 KB ][ codes, append-only ][ 1 024 trace slots ][ pool of 64 KB blocks ]
//
// Made by the probe at a process's first trace, sealed against shrinking, growing and further
// seals, and passed to the collector with the hello. The collector never maps it: after a death it
// reads it with pread and believes nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/block.hpp"
#include "proto/bytes.hpp"
#include "proto/clock.hpp"
#include "proto/ids.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::proto {

inline constexpr std::uint64_t kArenaMagic = 0x3141524E454B4F4CULL;  // "LOKENRA1"
inline constexpr std::uint32_t kArenaVersion = 1;
inline constexpr std::uint32_t kArenaHeaderBytes = 4096;
inline constexpr std::uint64_t kMinArenaBytes = 2ULL << 20U;
inline constexpr std::uint64_t kMaxArenaBytes = 1ULL << 30U;

struct ArenaHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t block_bytes;
    ProcessId process;
    std::uint64_t arena_bytes;
    std::uint64_t codes_offset;
    std::uint64_t codes_bytes;  // room for codes
    std::uint64_t slots_offset;
    std::uint64_t blocks_offset;
    std::uint32_t slot_count;
    std::uint32_t block_count;
    ClockPair first_clock;
    std::uint8_t reserved[64];

    // Live, each on a line of its own where threads write it.
    alignas(64) std::atomic<std::uint64_t> codes_used;  // bytes of whole code entries; release
                                                        // store publishes
    std::atomic<std::uint64_t> codes_lost;  // accepted code that found no room and became code 0
    alignas(64)
        std::atomic<std::uint64_t> emitted_blockless;  // events emitted by rings that held no block
    std::atomic<std::uint64_t> traces_refused;         // work that found no slot free
    std::atomic<std::uint64_t> lost[kLossCounters];    // of no one trace (any more)
    alignas(64) std::atomic<std::uint64_t> free_list;  // head of the free blocks: tag (high 32),
                                                       // block index (low 32)
};
static_assert(sizeof(ArenaHeader) <= kArenaHeaderBytes);
static_assert(offsetof(ArenaHeader, process) == 16 && offsetof(ArenaHeader, arena_bytes) == 32 &&
              offsetof(ArenaHeader, codes_offset) == 40 &&
              offsetof(ArenaHeader, codes_bytes) == 48 &&
              offsetof(ArenaHeader, slots_offset) == 56 &&
              offsetof(ArenaHeader, blocks_offset) == 64 &&
              offsetof(ArenaHeader, slot_count) == 72 && offsetof(ArenaHeader, block_count) == 76 &&
              offsetof(ArenaHeader, first_clock) == 80 &&
              offsetof(ArenaHeader, codes_used) == 192 &&
              offsetof(ArenaHeader, emitted_blockless) == 256 &&
              offsetof(ArenaHeader, lost) == 272 && offsetof(ArenaHeader, free_list) == 448);

/// Where the parts of an arena lie.
struct ArenaLayout {
    std::uint64_t arena_bytes = 0;
    std::uint64_t codes_offset = 0;
    std::uint64_t codes_bytes = 0;
    std::uint64_t slots_offset = 0;
    std::uint64_t blocks_offset = 0;
    std::uint32_t slot_count = 0;
    std::uint32_t block_count = 0;
    friend bool operator==(const ArenaLayout&, const ArenaLayout&) = default;

    [[nodiscard]] std::uint64_t block_offset(std::uint32_t block) const noexcept {
        return blocks_offset + static_cast<std::uint64_t>(block) * kBlockBytes;
    }
    [[nodiscard]] std::uint64_t slot_offset(std::uint32_t slot) const noexcept {
        return slots_offset + static_cast<std::uint64_t>(slot) * kTraceSlotBytes;
    }
};

/// The layout of a new arena of `arena_bytes` (rounded down to whole blocks; clamped to the
/// limits): an eighth of it for codes, 1 024 slots, the rest blocks.
[[nodiscard]] ArenaLayout plan_arena(std::uint64_t arena_bytes) noexcept;

/// The layout that an arena's header claims, checked against the size of the file that holds it:
/// nothing when magic, version, sizes or offsets are not what plan_arena() would have made.
[[nodiscard]] std::optional<ArenaLayout> read_arena_layout(Bytes header,
                                                           std::uint64_t file_bytes) noexcept;

}  // namespace kolo::proto

#include "proto/arena.hpp"

#include <algorithm>

namespace kolo::proto {

ArenaLayout plan_arena(std::uint64_t arena_bytes) noexcept {
    constexpr std::uint64_t kSlotsBytes = static_cast<std::uint64_t>(kTraceSlots) * kTraceSlotBytes;
    static_assert(kSlotsBytes % kBlockBytes == 0 && kBlockBytes % kArenaHeaderBytes == 0);

    ArenaLayout layout;
    layout.arena_bytes =
        std::clamp(arena_bytes, kMinArenaBytes, kMaxArenaBytes) / kBlockBytes * kBlockBytes;
    layout.codes_offset = kArenaHeaderBytes;
    layout.codes_bytes = layout.arena_bytes / 8 / kBlockBytes * kBlockBytes - kArenaHeaderBytes;
    layout.slots_offset = layout.codes_offset + layout.codes_bytes;
    layout.slot_count = kTraceSlots;
    layout.blocks_offset = layout.slots_offset + kSlotsBytes;
    layout.block_count =
        static_cast<std::uint32_t>((layout.arena_bytes - layout.blocks_offset) / kBlockBytes);
    return layout;
}

std::optional<ArenaLayout> read_arena_layout(Bytes header, std::uint64_t file_bytes) noexcept {
    if (header.size() < sizeof(ArenaHeader) ||
        load<std::uint64_t>(header, offsetof(ArenaHeader, magic)) != kArenaMagic ||
        load<std::uint32_t>(header, offsetof(ArenaHeader, version)) != kArenaVersion ||
        load<std::uint32_t>(header, offsetof(ArenaHeader, block_bytes)) != kBlockBytes) {
        return std::nullopt;
    }
    ArenaLayout claimed;
    claimed.arena_bytes = load<std::uint64_t>(header, offsetof(ArenaHeader, arena_bytes));
    claimed.codes_offset = load<std::uint64_t>(header, offsetof(ArenaHeader, codes_offset));
    claimed.codes_bytes = load<std::uint64_t>(header, offsetof(ArenaHeader, codes_bytes));
    claimed.slots_offset = load<std::uint64_t>(header, offsetof(ArenaHeader, slots_offset));
    claimed.blocks_offset = load<std::uint64_t>(header, offsetof(ArenaHeader, blocks_offset));
    claimed.slot_count = load<std::uint32_t>(header, offsetof(ArenaHeader, slot_count));
    claimed.block_count = load<std::uint32_t>(header, offsetof(ArenaHeader, block_count));
    if (claimed.arena_bytes != file_bytes || claimed != plan_arena(file_bytes)) {
        return std::nullopt;
    }
    return claimed;
}

}  // namespace kolo::proto

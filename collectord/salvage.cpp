#include "collectord/salvage.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <vector>

#include "collectord/arena_file.hpp"
#include "proto/arena.hpp"
#include "proto/block.hpp"
#include "proto/codes.hpp"

namespace kolo::collectord {

namespace {

/// The live line of a block, as plain words.
struct FoundBlock {
    proto::BlockStart start{};
    std::uint32_t index = 0;
    std::uint32_t written = 0;
    std::uint64_t emitted = 0;
    std::uint64_t trace = 0;
    std::uint64_t trace_emitted = 0;
};

template <typename T>
[[nodiscard]] T live(proto::Bytes header, std::size_t field) {
    return proto::load<T>(header, offsetof(proto::BlockHeader, live) + field);
}

[[nodiscard]] std::vector<FoundBlock> find_blocks(int arena, const proto::ArenaLayout& layout,
                                                  Salvaged& salvaged) {
    std::vector<FoundBlock> found;
    for (std::uint32_t index = 0; index < layout.block_count; ++index) {
        const auto header = read_arena(arena, layout.block_offset(index), proto::kBlockHeaderBytes);
        if (header.empty()) {
            ++salvaged.refused;
            continue;
        }
        if (live<std::uint32_t>(header, offsetof(proto::BlockLive, state)) !=
            static_cast<std::uint32_t>(proto::BlockState::kOwned)) {
            continue;
        }
        FoundBlock block;
        block.start = proto::load<proto::BlockStart>(header, 0);
        block.index = index;
        block.written = live<std::uint32_t>(header, offsetof(proto::BlockLive, written));
        block.emitted = live<std::uint64_t>(header, offsetof(proto::BlockLive, emitted));
        block.trace = live<std::uint64_t>(header, offsetof(proto::BlockLive, trace));
        block.trace_emitted =
            live<std::uint64_t>(header, offsetof(proto::BlockLive, trace_emitted));
        if (block.start.ring == 0 || block.written > proto::kBlockCapacity) {
            ++salvaged.refused;
            continue;
        }
        found.push_back(block);
    }
    std::sort(found.begin(), found.end(), [](const FoundBlock& a, const FoundBlock& b) {
        return std::tie(a.start.ring, a.start.sequence) < std::tie(b.start.ring, b.start.sequence);
    });
    return found;
}

void salvage_codes(int arena, const proto::ArenaLayout& layout, std::uint64_t used,
                   std::uint64_t known, const SalvageTarget& target, Salvaged& salvaged) {
    if (used > layout.codes_bytes || known > used) {
        ++salvaged.refused;
        return;
    }
    constexpr std::uint64_t kPart = 1U << 20U;  // holds the longest entry several times
    std::uint64_t offset = known;
    while (offset < used) {
        const std::uint64_t bytes = std::min(kPart, used - offset);
        const auto part =
            read_arena(arena, layout.codes_offset + offset, static_cast<std::size_t>(bytes));
        const std::size_t whole = proto::decode_codes(part).bytes;
        if (whole == 0 || target.codes(offset, proto::Bytes(part).first(whole))) {
            ++salvaged.refused;
            return;
        }
        offset += whole;
        target.relieve();
    }
}

[[nodiscard]] std::optional<proto::TraceImage> image_of(proto::Bytes slot) {
    const auto state = proto::load<std::uint32_t>(slot, offsetof(proto::TraceSlot, state));
    if (state == static_cast<std::uint32_t>(proto::SlotState::kFree)) {
        return std::nullopt;
    }
    proto::TraceImage image{};
    image.state = state;
    image.open_roots = proto::load<std::uint32_t>(slot, offsetof(proto::TraceSlot, open_roots));
    image.emitted = proto::load<std::uint64_t>(slot, offsetof(proto::TraceSlot, emitted));
    std::memcpy(image.lost, slot.data() + offsetof(proto::TraceSlot, lost), sizeof image.lost);
    image.fields = proto::load<proto::TraceFields>(slot, offsetof(proto::TraceSlot, fields));
    return image;
}

void salvage_slots(int arena, const proto::ArenaLayout& layout, const SalvageTarget& target,
                   Salvaged& salvaged) {
    const std::size_t bytes = static_cast<std::size_t>(layout.slot_count) * proto::kTraceSlotBytes;
    const auto slots = read_arena(arena, layout.slots_offset, bytes);
    for (std::size_t at = 0; at + proto::kTraceSlotBytes <= slots.size();
         at += proto::kTraceSlotBytes) {
        const proto::Bytes slot = proto::Bytes(slots).subspan(at, proto::kTraceSlotBytes);
        auto image = image_of(slot);
        if (!image) {
            continue;
        }
        // Odd: it died while it wrote the fields, so an end that they show may be half of one.
        const bool is_torn =
            (proto::load<std::uint32_t>(slot, offsetof(proto::TraceSlot, version)) & 1U) != 0;
        const auto ended = static_cast<std::uint32_t>(proto::SlotState::kEnded);
        if (is_torn || image->state != ended) {
            image->fields.end_ticks = 0;
        }
        if (target.trace(*image)) {
            ++salvaged.refused;
        }
    }
}

void salvage_block(int arena, const proto::ArenaLayout& layout, const FoundBlock& block,
                   const SalvageTarget& target, Salvaged& salvaged) {
    const auto records = read_arena(
        arena, layout.block_offset(block.index) + proto::kBlockHeaderBytes, block.written);
    if (records.size() != block.written ||
        target.block(proto::BlockMessage{block.start, 0, block.written, block.emitted}, records)) {
        ++salvaged.refused;
        return;
    }
    ++salvaged.blocks;
}

}  // namespace

std::optional<Salvaged> salvage(int arena, const Process& process, const SalvageTarget& target) {
    const auto layout = read_layout(arena);
    const auto header = read_arena(arena, 0, proto::kArenaHeaderBytes);
    if (!layout || header.empty()) {
        return std::nullopt;
    }
    Salvaged salvaged;
    const auto counter = [&header](std::size_t field) {
        return proto::load<std::uint64_t>(header, field);
    };
    salvage_codes(arena, *layout, counter(offsetof(proto::ArenaHeader, codes_used)),
                  process.row.codes_offset, target, salvaged);
    salvage_slots(arena, *layout, target, salvaged);
    proto::CountsMessage counts{};
    counts.emitted_blockless = counter(offsetof(proto::ArenaHeader, emitted_blockless));
    counts.traces_refused = counter(offsetof(proto::ArenaHeader, traces_refused));
    counts.codes_lost = counter(offsetof(proto::ArenaHeader, codes_lost));
    std::memcpy(counts.lost, header.data() + offsetof(proto::ArenaHeader, lost),
                sizeof counts.lost);
    target.counts(counts);
    const std::vector<FoundBlock> blocks = find_blocks(arena, *layout, salvaged);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        salvage_block(arena, *layout, blocks[i], target, salvaged);
        // Only a ring's newest block counts on: when a thread takes a new one, what it had counted
        // goes to the slot.
        const bool is_newest =
            i + 1 == blocks.size() || blocks[i + 1].start.ring != blocks[i].start.ring;
        if (is_newest && blocks[i].trace_emitted != 0) {
            target.residue(blocks[i].trace, blocks[i].trace_emitted);
        }
        target.relieve();
    }
    return salvaged;
}

}  // namespace kolo::collectord

#include "probe/arena.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "probe/ticks.hpp"

namespace kolo::probe {

namespace {

/// The free list's head: a tag that changes with every take, so that a head that came back (ABA) is
/// not mistaken for one that never left.
[[nodiscard]] constexpr std::uint64_t list_head(std::uint64_t tag, std::uint32_t block) noexcept {
    return (tag << 32U) | block;
}

void write_header(proto::ArenaHeader& header, const proto::ArenaLayout& layout,
                  const proto::ProcessId& process) noexcept {
    header.magic = proto::kArenaMagic;
    header.version = proto::kArenaVersion;
    header.block_bytes = proto::kBlockBytes;
    header.process = process;
    header.arena_bytes = layout.arena_bytes;
    header.codes_offset = layout.codes_offset;
    header.codes_bytes = layout.codes_bytes;
    header.slots_offset = layout.slots_offset;
    header.blocks_offset = layout.blocks_offset;
    header.slot_count = layout.slot_count;
    header.block_count = layout.block_count;
    header.first_clock = read_clock_pair();
    // relaxed: nobody else sees the arena yet
    header.free_list.store(list_head(0, proto::kNoBlock), std::memory_order_relaxed);
}

}  // namespace

std::unique_ptr<Arena> Arena::create(std::uint64_t bytes, const proto::ProcessId& process) {
    const proto::ArenaLayout layout = proto::plan_arena(bytes);
    const int descriptor = memfd_create("kolo-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) {
        return nullptr;
    }
    const auto size = static_cast<off_t>(layout.arena_bytes);
    void* base = MAP_FAILED;
    if (ftruncate(descriptor, size) == 0 &&
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        base = mmap(nullptr, layout.arena_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    if (base == MAP_FAILED || madvise(base, layout.arena_bytes, MADV_DONTFORK) != 0) {
        close(descriptor);
        return nullptr;
    }
    auto* memory = static_cast<std::uint8_t*>(base);
    write_header(*::new (base) proto::ArenaHeader{}, layout, process);
    return std::unique_ptr<Arena>(new Arena(descriptor, memory, layout));
}

proto::ArenaHeader& Arena::header() const noexcept {
    return *std::launder(reinterpret_cast<proto::ArenaHeader*>(base_));
}

proto::TraceSlot& Arena::slot(std::uint32_t index) const noexcept {
    return *reinterpret_cast<proto::TraceSlot*>(base_ + layout_.slot_offset(index));
}

proto::BlockHeader& Arena::block(std::uint32_t index) const noexcept {
    return *reinterpret_cast<proto::BlockHeader*>(base_ + layout_.block_offset(index));
}

std::uint8_t* Arena::records(std::uint32_t block) const noexcept {
    return base_ + layout_.block_offset(block) + proto::kBlockHeaderBytes;
}

std::uint32_t Arena::take_block() noexcept {
    auto& list = header().free_list;
    // acquire: what the drain thread did with the block before it gave it back happened before we
    // write into it
    std::uint64_t head = list.load(std::memory_order_acquire);
    while (static_cast<std::uint32_t>(head) != proto::kNoBlock) {
        const auto index = static_cast<std::uint32_t>(head);
        // relaxed: a stale value is caught by the tag
        const std::uint32_t next = block(index).live.next.load(std::memory_order_relaxed);
        if (list.compare_exchange_weak(head, list_head((head >> 32U) + 1, next),
                                       std::memory_order_acquire, std::memory_order_acquire)) {
            taken_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
            return index;
        }
    }
    // relaxed: indices only have to be handed out once; a compare-and-swap, so that the counter
    // stays at its end
    std::uint32_t unused = next_unused_.load(std::memory_order_relaxed);
    while (unused < layout_.block_count) {
        if (next_unused_.compare_exchange_weak(unused, unused + 1, std::memory_order_relaxed)) {
            taken_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
            return unused;
        }
    }
    return proto::kNoBlock;
}

void Arena::give_block(std::uint32_t index) noexcept {
    auto& list = header().free_list;
    auto& live = block(index).live;
    // relaxed: published by the exchange below; salvage of a dead process sees program order
    live.state.store(static_cast<std::uint32_t>(proto::BlockState::kFree),
                     std::memory_order_relaxed);
    std::uint64_t head = list.load(std::memory_order_relaxed);  // relaxed: verified by the exchange
    do {
        live.next.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
        // release: the thread that takes the block sees `next` and all that was read from it is
        // over
    } while (!list.compare_exchange_weak(head, list_head(head >> 32U, index),
                                         std::memory_order_release, std::memory_order_relaxed));
    taken_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count
}

std::uint32_t Arena::free_blocks() const noexcept {
    return layout_.block_count - taken_.load(std::memory_order_relaxed);  // relaxed: a count
}

}  // namespace kolo::probe

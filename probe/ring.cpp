#include "probe/ring.hpp"

#include "probe/ticks.hpp"

namespace kolo::probe {

namespace {

constexpr std::uint32_t kEndsPerBlock = proto::kBlockCapacity / proto::kEndRoom;

}  // namespace

void Ring::unpark() noexcept {
    if (block_ == proto::kNoBlock) {
        return;
    }
    // acquire: if the drain thread took it, what it did is over; if we get it, nothing happened in
    // between
    if (shared_.parked.exchange(proto::kNoBlock, std::memory_order_acquire) == proto::kNoBlock) {
        block_ = proto::kNoBlock;
        live_ = nullptr;
        records_ = nullptr;
        written_ = 0;
    }
}

void Ring::give_spares() noexcept {
    for (const std::uint32_t spare : spares_) {
        arena_.give_block(spare);
        shared_.held.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count
    }
    spares_.clear();
}

void Ring::park() noexcept {
    give_spares();
    // release: all records are published before the block changes hands
    shared_.parked.store(block_, std::memory_order_release);
}

std::uint32_t Ring::room(std::uint32_t running) const noexcept {
    const auto spared = static_cast<std::uint32_t>(spares_.size()) * kEndsPerBlock;
    const std::uint32_t here = running > spared ? (running - spared) * proto::kEndRoom : 0;
    const std::uint32_t left = live_ != nullptr ? proto::kBlockCapacity - written_ : 0;
    return left > here ? left - here : 0;
}

bool Ring::make_room_elsewhere(std::uint32_t bytes, std::uint32_t running) noexcept {
    // Whether a fresh block takes `bytes` and, beside `spares` others, the running segments' ends.
    const auto suffices = [&](std::size_t spares) {
        const std::uint32_t spared = static_cast<std::uint32_t>(spares) * kEndsPerBlock;
        const std::uint32_t here = running > spared ? (running - spared) * proto::kEndRoom : 0;
        return bytes + here <= proto::kBlockCapacity;
    };
    while (live_ == nullptr || room(running) < bytes) {
        const bool fits_here = live_ != nullptr && proto::kBlockCapacity - written_ >= bytes;
        const bool enter_next = !fits_here && suffices(spares_.size());
        const std::uint32_t fresh = take_from_pool();
        if (fresh == proto::kNoBlock) {
            if (fits_here || spares_.empty() || !suffices(spares_.size() - 1)) {
                return false;
            }
            const std::uint32_t spare = spares_.back();
            spares_.pop_back();
            enter(spare);
        } else if (enter_next) {
            enter(fresh);
        } else {
            spares_.push_back(fresh);
        }
    }
    return true;
}

std::uint32_t Ring::take_from_pool() noexcept {
    // relaxed: only this thread raises it
    if (shared_.held.load(std::memory_order_relaxed) >= arena_.layout().block_count / 2) {
        return proto::kNoBlock;
    }
    const std::uint32_t block = arena_.take_block();
    if (block != proto::kNoBlock) {
        shared_.held.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
    }
    return block;
}

void Ring::enter(std::uint32_t block) noexcept {
    proto::BlockHeader& header = arena_.block(block);
    const proto::Ticks now = read_ticks();
    header.start = {.ring = to_integer(shared_.number),
                    .task = 0,
                    .sequence = next_sequence_++,
                    .thread = shared_.thread,
                    .ticks = now,
                    .trace = to_integer(wire.trace),
                    .current_ordinal = wire.current.ordinal,
                    .current_ring = to_integer(wire.current.ring),
                    .reserved = 0,
                    .next_ordinal = next_ordinal_};
    header.live.emitted_before = emitted_;
    // relaxed: published by the release stores below
    header.live.written.store(0, std::memory_order_relaxed);
    header.live.next.store(proto::kNoBlock, std::memory_order_relaxed);
    header.live.emitted.store(emitted_, std::memory_order_relaxed);
    header.live.trace.store(to_integer(wire.trace), std::memory_order_relaxed);
    header.live.trace_emitted.store(trace_emitted_, std::memory_order_relaxed);
    if (live_ != nullptr) {
        live_->trace_emitted.store(0, std::memory_order_relaxed);  // moved on with the new block
    }
    // release: whoever sees the block owned, or follows the chain to it, sees its header
    header.live.state.store(static_cast<std::uint32_t>(proto::BlockState::kOwned),
                            std::memory_order_release);
    if (live_ != nullptr) {
        live_->next.store(block, std::memory_order_release);
    } else {
        shared_.first.store(block, std::memory_order_release);
    }
    block_ = block;
    live_ = &header.live;
    records_ = arena_.records(block);
    written_ = 0;
    last_ticks_ = now;
    block_first_ordinal_ = next_ordinal_;
}

std::uint32_t Ring::step_clock(proto::Ticks passed) noexcept {
    proto::store(tail(), proto::elapsed_word(passed & proto::kMaxElapsed));
    publish(proto::kWordBytes);
    return 0;
}

void Ring::finish() noexcept {
    // The block is not parked for it: the drain thread may have taken it long ago, and another ring
    // may write into it.
    give_spares();
    // release: the drain thread that sees it sees every record
    shared_.finished.store(true, std::memory_order_release);
}

}  // namespace kolo::probe

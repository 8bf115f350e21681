// One thread's lock-free stream of records: a chain of blocks, written by that thread, read by the
// drain thread.
//
// Single producer (the thread, under the GIL), single consumer (the drain thread, without it). The
// producer publishes a record with one release store of its block's `written`; a block's `next` is
// stored after its last record, so a reader that sees `next` knows that `written` is final. The
// consumer gives blocks back to the pool once they are acknowledged.
//
// What it holds back: every running segment needs room for its end (proto::kEndRoom), in the
// current block or in spare blocks taken in advance. make_room() keeps that true for whatever is
// written; so an end always finds its place.
//
// With nothing running the producer parks its block: whoever exchanges `parked` to kNoBlock owns
// it, the producer to go on writing, or the drain thread to return it to the pool.
//
// Fork: the child leaks its parent's rings; their memory does not exist there. Thread end:
// finish(). When it must drop: no block is free, or this ring holds half of the arena; the caller
// counts the loss.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "probe/arena.hpp"
#include "proto/block.hpp"
#include "proto/ids.hpp"
#include "proto/records.hpp"

namespace kolo::probe {

/// What both sides of a ring share outside the arena. Owned by the process recorder; freed by the
/// drain thread when the ring is finished and acknowledged.
struct RingShared {
    RingShared(proto::RingNumber ring_number, std::uint64_t native_thread) noexcept
        : number(ring_number), thread(native_thread) {}

    const proto::RingNumber number;
    const std::uint64_t thread;
    std::atomic<std::uint32_t> first{
        proto::kNoBlock};  // start of a chain that the consumer has not taken yet
    std::atomic<std::uint32_t> parked{proto::kNoBlock};  // the current block, while nothing runs
    std::atomic<std::uint32_t> held{0};                  // blocks taken and not yet given back
    std::atomic<bool> finished{false};                   // no record will follow
    RingShared* next_registered = nullptr;               // link of the registration stack
};

class Ring {
  public:
    Ring(Arena& arena, RingShared& shared) noexcept : arena_(arena), shared_(shared) {}

    /// What the decoder believes behind the last record: a start must be preceded by a context
    /// record if that differs.
    struct Wire {
        proto::TraceNumber trace = proto::TraceNumber::kNone;
        proto::ActivationId current;
    };

    /// Takes the parked block back. Call before anything else when nothing was running.
    void unpark() noexcept;
    /// Leaves the block to whoever needs it. Nothing may be running.
    void park() noexcept;

    /// Makes `bytes` writable at the end of the ring such that, afterwards, `running` segments
    /// still find room for their ends. False: no block is to be had, and nothing has changed.
    [[nodiscard]] bool make_room(std::uint32_t bytes, std::uint32_t running) noexcept {
        // Nearly always the current block takes all of it, without a look at the spares.
        const bool fits_here = live_ != nullptr && written_ + bytes + running * proto::kEndRoom <=
                                                       proto::kBlockCapacity;
        return fits_here || make_room_elsewhere(bytes, running);
    }
    /// Bytes that can be written in the current block while `running` ends keep their room.
    [[nodiscard]] std::uint32_t room(std::uint32_t running) const noexcept;

    /// Where the next record goes.
    [[nodiscard]] std::uint8_t* tail() const noexcept { return records_ + written_; }
    /// Publishes the `bytes` written at tail().
    void publish(std::uint32_t bytes) noexcept {
        written_ += bytes;
        // release: the drain thread that sees the new length sees the record
        live_->written.store(written_, std::memory_order_release);
    }

    /// Counts an event as emitted (recorded or dropped) in `trace`. False: the ring holds no block
    /// to count in.
    [[nodiscard]] bool count_emitted(proto::TraceNumber trace) noexcept {
        if (live_ == nullptr) {
            return false;
        }
        ++emitted_;
        ++trace_emitted_;
        // relaxed: counters, read for accounting only; salvage reads them when the process is dead
        live_->emitted.store(emitted_, std::memory_order_relaxed);
        live_->trace.store(to_integer(trace), std::memory_order_relaxed);
        live_->trace_emitted.store(trace_emitted_, std::memory_order_relaxed);
        return true;
    }
    /// The events counted in the current trace and not yet added to its slot; starts over at zero.
    [[nodiscard]] std::uint64_t take_trace_emitted() noexcept {
        const std::uint64_t count = trace_emitted_;
        if (count != 0 && live_ != nullptr) {
            trace_emitted_ = 0;
            live_->trace_emitted.store(0,
                                       std::memory_order_relaxed);  // relaxed: see count_emitted()
        }
        return count;
    }

    /// Ticks since the record before, for a record written now; a clock step is written first when
    /// they need one. There must be room for one word more than the record.
    [[nodiscard]] std::uint32_t delta_to(proto::Ticks now) noexcept {
        // Counters of two processors may differ by a few ticks; time within a ring never runs back.
        const proto::Ticks passed = now > last_ticks_ ? now - last_ticks_ : 0;
        last_ticks_ += passed;
        return passed <= proto::kMaxDelta ? static_cast<std::uint32_t>(passed) : step_clock(passed);
    }

    /// The time to put into a long record written now: `now`, but never before the record before
    /// it.
    [[nodiscard]] proto::Ticks absolute(proto::Ticks now) noexcept {
        last_ticks_ = now > last_ticks_ ? now : last_ticks_;
        return last_ticks_;
    }

    [[nodiscard]] proto::Ordinal next_ordinal() const noexcept { return next_ordinal_; }
    void take_ordinal() noexcept { ++next_ordinal_; }
    /// Ordinal of the first start in the current block: an end of an older one must be long.
    [[nodiscard]] proto::Ordinal block_first_ordinal() const noexcept {
        return block_first_ordinal_;
    }
    /// Blocks taken and not yet given back.
    [[nodiscard]] std::uint32_t held() const noexcept {
        return shared_.held.load(std::memory_order_relaxed);  // relaxed: a count
    }
    [[nodiscard]] proto::RingNumber number() const noexcept { return shared_.number; }
    [[nodiscard]] std::uint64_t thread() const noexcept { return shared_.thread; }

    Wire wire;

    /// No record follows: the thread is gone, or the process ends. Spare blocks go back at once.
    void finish() noexcept;

  private:
    [[nodiscard]] bool make_room_elsewhere(std::uint32_t bytes, std::uint32_t running) noexcept;
    std::uint32_t step_clock(proto::Ticks passed) noexcept;
    void give_spares() noexcept;
    [[nodiscard]] std::uint32_t take_from_pool() noexcept;
    void enter(std::uint32_t block) noexcept;

    Arena& arena_;
    RingShared& shared_;
    std::uint8_t* records_ = nullptr;
    proto::BlockLive* live_ = nullptr;
    std::uint32_t block_ = proto::kNoBlock;
    std::uint32_t written_ = 0;
    proto::Ticks last_ticks_ = 0;
    proto::Ordinal next_ordinal_ = 0;
    proto::Ordinal block_first_ordinal_ = 0;
    proto::BlockSequence next_sequence_ = 0;
    std::uint64_t emitted_ = 0;
    std::uint64_t trace_emitted_ = 0;
    std::vector<std::uint32_t> spares_;
};

}  // namespace kolo::probe

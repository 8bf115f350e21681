// What of the arena is sent, and what of that is acknowledged: the drain's cursors.
//
// On the drain thread (whichever runs it at the time). One look() takes stock, in the order that
// makes what is sent complete; append_round() then puts what was found into the output, in as many
// calls as it needs; acknowledgements free blocks and slots. Everything that comes from the
// collector is checked against what was sent: what cannot be true is refused, and frees nothing.
//
// Fork: the child forgets it. Shutdown: nothing to do. It never drops; blocks that are not
// acknowledged stay, and the rings above them run full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "probe/arena.hpp"
#include "probe/ring_registry.hpp"
#include "probe/slot_watch.hpp"
#include "proto/messages.hpp"

namespace kolo::probe {

/// A ring that rested this long, wholly acknowledged, gives its last block back; a finished one is
/// forgotten.
inline constexpr std::chrono::seconds kReclaimAfter{1};

/// A point in everything recorded, to be waited for.
struct Mark {
    std::vector<proto::RingPosition> rings;
    std::vector<proto::TraceNumber> ends;
    std::uint64_t codes = 0;
};

class Outbox {
  public:
    Outbox(Arena& arena, RingRegistry& registry) noexcept
        : arena_(arena), registry_(registry), slots_(arena) {}

    /// Takes stock of what is recorded. True: there is something to tell that was not there before.
    bool look(TimePoint now);
    /// Appends what the last look found, as long as `out` is shorter than `limit` (one frame may
    /// overrun it); when it may be the last time, with what else is told only now and then. True:
    /// all of it is in `out`.
    [[nodiscard]] bool append_round(std::vector<std::uint8_t>& out, std::size_t limit,
                                    TimePoint now, bool is_last);

    /// Sets the cursors to what the collector has. False: nonsense; nothing was freed for it.
    [[nodiscard]] bool welcome(const proto::Welcome& welcome, TimePoint now);
    [[nodiscard]] bool acknowledge(const proto::Ack& ack, TimePoint now);

    /// Gives back what rests. When there is more to give back later: the time.
    [[nodiscard]] std::optional<TimePoint> reclaim(TimePoint now);

    /// Nothing is live, untold or unacknowledged, as of the last look.
    [[nodiscard]] bool is_settled() const noexcept { return slots_.is_empty() && is_at_rest(); }
    /// The same, but that something of traces that are closed may still run (a generator that is
    /// suspended for ever): worth a look now and then, and no more.
    [[nodiscard]] bool is_at_rest() const noexcept;
    /// Every end that can be told has been.
    [[nodiscard]] bool has_told_all() const noexcept;

    /// Where recording stood at the last look.
    [[nodiscard]] Mark mark() const;
    /// Whether everything before `mark` is acknowledged.
    [[nodiscard]] bool reached(const Mark& mark) const noexcept;

  private:
    struct OutBlock {
        std::uint32_t index;
        proto::BlockSequence sequence;
        std::uint32_t written = 0;  // head, as of the last look
        std::uint32_t sent = 0;     // over this connection
        std::uint32_t acknowledged = 0;
        bool final = false;  // no record will follow in it

        [[nodiscard]] bool is_sent() const noexcept { return final && sent == written; }
        [[nodiscard]] bool is_done() const noexcept { return final && acknowledged == written; }
    };

    struct RingOut {
        // Must not throw: a ring that its thread writes to would be freed with the exception.
        explicit RingOut(std::unique_ptr<RingShared> ring) noexcept : shared(std::move(ring)) {}

        std::unique_ptr<RingShared> shared;
        std::vector<OutBlock> chain;   // what the arena still holds, oldest first
        proto::Position furthest;      // no honest position lies beyond
        proto::Position acknowledged;  // over this connection
        // Of the ring's latest block, also when that was given back: to tell `emitted` again.
        proto::BlockStart last_start{};
        std::uint32_t last_written = 0;
        std::uint64_t emitted = 0;
        std::optional<std::uint64_t> emitted_told;
        TimePoint quiet_since;
        bool reclaim_tried = false;
        bool finished = false;
    };

    void take_new_rings(TimePoint now);
    bool look_at_ring(RingOut& ring, TimePoint now);
    bool follow_chain(RingOut& ring);
    void look_at_counts() noexcept;

    [[nodiscard]] bool append_codes(std::vector<std::uint8_t>& out, std::size_t limit);
    [[nodiscard]] bool append_ring(RingOut& ring, std::vector<std::uint8_t>& out,
                                   std::size_t limit);
    void append_counts(std::vector<std::uint8_t>& out);

    [[nodiscard]] static proto::Position sent_end(const RingOut& ring) noexcept;
    [[nodiscard]] static bool is_told(const RingOut& ring) noexcept;
    [[nodiscard]] static bool is_acknowledged(const RingOut& ring) noexcept;
    [[nodiscard]] static bool may_be_committed(const RingOut& ring,
                                               const proto::Position& claim) noexcept;
    void resume_ring(RingOut& ring, const proto::Position* claim, TimePoint now);
    [[nodiscard]] bool acknowledge_ring(RingOut& ring, const proto::Position& position,
                                        TimePoint now);
    void free_done_blocks(RingOut& ring) noexcept;
    void reclaim_parked(RingOut& ring) noexcept;
    [[nodiscard]] RingOut* find(proto::RingNumber number) noexcept;
    [[nodiscard]] bool is_code_boundary(std::uint64_t offset) const noexcept;
    [[nodiscard]] std::uint64_t whole_codes(std::uint64_t from) const noexcept;

    Arena& arena_;
    RingRegistry& registry_;
    SlotWatch slots_;
    bool slots_read_ = true;                 // else the blocks of this round must wait
    std::unique_ptr<RingShared> new_rings_;  // taken from the registry, linked
    std::vector<RingOut> rings_;
    std::uint32_t highest_ring_ = 0;

    std::uint64_t codes_used_ = 0;
    std::uint64_t codes_sent_ = 0;
    std::uint64_t codes_furthest_ = 0;
    std::uint64_t codes_acknowledged_ = 0;

    proto::CountsMessage counts_{};
    std::optional<proto::CountsMessage> counts_told_;
};

}  // namespace kolo::probe

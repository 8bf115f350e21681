#include "probe/outbox.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proto/codes.hpp"

namespace kolo::probe {

namespace {

/// Codes travel in messages of at most this size, or one entry.
constexpr std::uint64_t kCodesPiece = 256ULL * 1024;

/// Memory first: what is taken from a ring must not be lost to an exception afterwards.
template <typename T>
void make_room_for(std::vector<T>& list, std::size_t more) {
    if (list.capacity() - list.size() < more) {
        list.reserve(2 * list.size() + more);
    }
}

[[nodiscard]] bool is_zero(const proto::CountsMessage& counts) noexcept {
    const proto::CountsMessage zero{};
    return std::memcmp(&counts, &zero, sizeof zero) == 0;
}

}  // namespace

// --- taking stock --------------------------------------------------------------------------------

bool Outbox::look(TimePoint now) {
    slots_.look_for_ended(now);
    take_new_rings(now);
    bool news = false;
    for (RingOut& ring : rings_) {
        news = look_at_ring(ring, now) || news;
    }
    // After the heads: traces and codes that are mentioned before them are there by now.
    slots_read_ = slots_.read_images();
    // acquire: the entries before it are whole
    codes_used_ = std::min(arena_.header().codes_used.load(std::memory_order_acquire),
                           arena_.layout().codes_bytes);
    look_at_counts();
    slots_.free_finished();
    return news || codes_used_ != codes_sent_ || slots_.has_untold();
}

void Outbox::take_new_rings(TimePoint now) {
    if (!new_rings_) {
        new_rings_.reset(registry_.take_all());
    }
    while (new_rings_) {
        make_room_for(rings_, 1);
        highest_ring_ = std::max(highest_ring_, to_integer(new_rings_->number));
        std::unique_ptr<RingShared> next(new_rings_->next_registered);
        rings_.emplace_back(std::exchange(new_rings_, std::move(next))).quiet_since = now;
    }
}

bool Outbox::look_at_ring(RingOut& ring, TimePoint now) {
    // acquire, and before the heads: what the thread wrote before it finished is in them
    ring.finished = ring.shared->finished.load(std::memory_order_acquire);
    const bool news = follow_chain(ring);
    if (ring.finished && !ring.chain.empty()) {
        ring.chain.back().final = true;
    }
    if (news) {
        ring.quiet_since = now;
        ring.reclaim_tried = false;
    }
    free_done_blocks(ring);
    return news;
}

bool Outbox::follow_chain(RingOut& ring) {
    bool news = false;
    for (;;) {
        make_room_for(ring.chain, 2);
        if (ring.chain.empty() || ring.chain.back().final) {
            // The chain was taken to its end (or has not begun): the next block, if there is one,
            // begins a new chain. acquire: its header is written
            const std::uint32_t first =
                ring.shared->first.exchange(proto::kNoBlock, std::memory_order_acquire);
            if (first == proto::kNoBlock) {
                return news;
            }
            ring.chain.push_back({first, arena_.block(first).start.sequence});
        }
        OutBlock& block = ring.chain.back();
        const proto::BlockHeader& header = arena_.block(block.index);
        // acquire, and before `written`: a block that has a next one grows no more
        const std::uint32_t next = header.live.next.load(std::memory_order_acquire);
        // acquire: the records before it are whole. The bound is only for memory that somebody
        // else's bug has written to.
        const std::uint32_t written =
            std::min(header.live.written.load(std::memory_order_acquire), proto::kBlockCapacity);
        const std::uint64_t emitted =
            header.live.emitted.load(std::memory_order_relaxed);  // relaxed: a count
        news = news || written != block.written || emitted != ring.emitted;
        block.written = written;
        ring.emitted = emitted;
        ring.last_start = header.start;
        ring.last_written = written;
        if (next == proto::kNoBlock) {
            return news;
        }
        block.final = true;
        ring.chain.push_back({next, arena_.block(next).start.sequence});
    }
}

void Outbox::look_at_counts() noexcept {
    const proto::ArenaHeader& header = arena_.header();
    // relaxed, all of them: counts
    counts_.emitted_blockless = header.emitted_blockless.load(std::memory_order_relaxed);
    counts_.traces_refused = header.traces_refused.load(std::memory_order_relaxed);
    counts_.codes_lost = header.codes_lost.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < proto::kLossCounters; ++i) {
        counts_.lost[i] = header.lost[i].load(std::memory_order_relaxed);
    }
}

// --- telling -------------------------------------------------------------------------------------

bool Outbox::append_round(std::vector<std::uint8_t>& out, std::size_t limit, TimePoint now,
                          bool is_last) {
    if (!append_codes(out, limit) || !slots_.append_images(out, limit, now, is_last)) {
        return false;
    }
    if (!slots_read_) {
        return true;
    }
    for (RingOut& ring : rings_) {
        if (!append_ring(ring, out, limit)) {
            return false;
        }
    }
    if (!slots_.append_closes(out, limit)) {
        return false;
    }
    append_counts(out);
    return true;
}

bool Outbox::append_codes(std::vector<std::uint8_t>& out, std::size_t limit) {
    while (codes_sent_ < codes_used_) {
        if (out.size() >= limit) {
            return false;
        }
        const std::uint64_t end = whole_codes(codes_sent_);
        const proto::Bytes entries(arena_.codes() + codes_sent_, end - codes_sent_);
        proto::append_frame(out, proto::MessageType::kCodes, proto::CodesMessage{codes_sent_},
                            entries);
        codes_sent_ = end;
        codes_furthest_ = std::max(codes_furthest_, codes_sent_);
    }
    return true;
}

/// The end of the entries from `from` on that go into one message.
std::uint64_t Outbox::whole_codes(std::uint64_t from) const noexcept {
    const proto::Bytes codes(arena_.codes(), codes_used_);
    std::uint64_t end = from;
    while (end + sizeof(proto::CodeEntryHead) <= codes_used_) {
        const auto head = proto::load<proto::CodeEntryHead>(codes, end);
        if (head.bytes < sizeof head || head.bytes > codes_used_ - end) {
            return codes_used_;  // no entry (somebody else's bug): let the collector judge it
        }
        if (end != from && end + head.bytes - from > kCodesPiece) {
            return end;
        }
        end += head.bytes;
    }
    return end > from ? end : codes_used_;
}

bool Outbox::append_ring(RingOut& ring, std::vector<std::uint8_t>& out, std::size_t limit) {
    for (OutBlock& block : ring.chain) {
        if (block.sent == block.written) {
            continue;
        }
        if (out.size() >= limit) {
            return false;
        }
        const proto::BlockHeader& header = arena_.block(block.index);
        const std::uint64_t emitted =
            header.live.emitted.load(std::memory_order_relaxed);  // relaxed: a count
        const std::uint32_t bytes = block.written - block.sent;
        proto::append_frame(out, proto::MessageType::kBlock,
                            proto::BlockMessage{header.start, block.sent, bytes, emitted},
                            proto::Bytes(arena_.records(block.index) + block.sent, bytes));
        block.sent = block.written;
        ring.furthest = std::max(ring.furthest, sent_end(ring));
        ring.emitted_told = emitted;
    }
    if (ring.emitted_told.value_or(0) < ring.emitted) {
        if (out.size() >= limit) {
            return false;
        }
        proto::append_frame(
            out, proto::MessageType::kBlock,
            proto::BlockMessage{ring.last_start, ring.last_written, 0, ring.emitted});
        ring.furthest = std::max(ring.furthest, sent_end(ring));
        ring.emitted_told = ring.emitted;
    }
    return true;
}

void Outbox::append_counts(std::vector<std::uint8_t>& out) {
    const bool is_new = counts_told_ ? std::memcmp(&*counts_told_, &counts_, sizeof counts_) != 0
                                     : !is_zero(counts_);
    if (is_new) {
        proto::append_frame(out, proto::MessageType::kCounts, counts_);
        counts_told_ = counts_;
    }
}

// --- what the collector says ---------------------------------------------------------------------

/// Behind the last byte sent over this connection; behind a block that is sent whole and grows no
/// more, the next one's beginning.
proto::Position Outbox::sent_end(const RingOut& ring) noexcept {
    for (const OutBlock& block : ring.chain) {
        if (!block.is_sent()) {
            return {block.sequence, block.sent};
        }
    }
    return ring.chain.empty() ? ring.acknowledged
                              : proto::Position{ring.chain.back().sequence + 1, 0};
}

bool Outbox::may_be_committed(const RingOut& ring, const proto::Position& claim) noexcept {
    if (claim > ring.furthest || claim.offset % proto::kWordBytes != 0) {
        return false;
    }
    return std::none_of(ring.chain.begin(), ring.chain.end(), [&claim](const OutBlock& block) {
        return block.sequence == claim.sequence && claim.offset > block.written;
    });
}

bool Outbox::welcome(const proto::Welcome& welcome, TimePoint now) {
    std::vector<const proto::Position*> claims(rings_.size(), nullptr);
    for (const proto::RingPosition& entry : welcome.rings) {
        RingOut* ring = find(entry.ring);
        if (ring == nullptr && to_integer(entry.ring) > highest_ring_) {
            return false;
        }
        if (ring != nullptr) {  // else it is finished, acknowledged and forgotten
            if (!may_be_committed(*ring, entry.position)) {
                return false;
            }
            claims[static_cast<std::size_t>(ring - rings_.data())] = &entry.position;
        }
    }
    if (welcome.codes_offset > codes_furthest_ || !is_code_boundary(welcome.codes_offset) ||
        !slots_.welcome(welcome.closed)) {
        return false;
    }
    codes_sent_ = codes_acknowledged_ = welcome.codes_offset;
    counts_told_.reset();
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        resume_ring(rings_[i], claims[i], now);
    }
    return true;
}

void Outbox::resume_ring(RingOut& ring, const proto::Position* claim, TimePoint now) {
    const proto::Position committed = claim != nullptr ? *claim : proto::Position{};
    ring.acknowledged = committed;
    ring.quiet_since = now;
    ring.reclaim_tried = false;
    for (OutBlock& block : ring.chain) {
        block.sent = 0;
        block.acknowledged = block.sequence < committed.sequence    ? block.written
                             : block.sequence == committed.sequence ? committed.offset
                                                                    : 0;
    }
    free_done_blocks(ring);
    ring.emitted_told.reset();
    // With no block left, the count can only be told at the position that this store knows.
    const proto::Position last{ring.last_start.sequence, ring.last_written};
    if (ring.chain.empty() && (claim == nullptr || committed < last)) {
        ring.emitted_told = ring.emitted;
    }
}

bool Outbox::acknowledge(const proto::Ack& ack, TimePoint now) {
    if (ack.codes_offset > codes_sent_) {
        return false;
    }
    codes_acknowledged_ = std::max(codes_acknowledged_, ack.codes_offset);
    for (const proto::RingPosition& entry : ack.rings) {
        RingOut* ring = find(entry.ring);
        const bool valid = ring != nullptr ? acknowledge_ring(*ring, entry.position, now)
                                           : to_integer(entry.ring) <= highest_ring_;
        if (!valid) {
            return false;
        }
    }
    if (!slots_.acknowledge(ack.closed)) {
        return false;
    }
    slots_.free_finished();
    return true;
}

bool Outbox::acknowledge_ring(RingOut& ring, const proto::Position& position, TimePoint now) {
    if (position == ring.acknowledged) {
        return true;
    }
    // Not beyond what was sent over this connection, and never back.
    if (position < ring.acknowledged || position > sent_end(ring) ||
        !may_be_committed(ring, position)) {
        return false;
    }
    ring.acknowledged = position;
    ring.quiet_since = now;
    for (OutBlock& block : ring.chain) {
        if (block.sequence < position.sequence) {
            block.acknowledged = block.written;
        } else if (block.sequence == position.sequence) {
            block.acknowledged = position.offset;
        }
    }
    free_done_blocks(ring);
    return true;
}

void Outbox::free_done_blocks(RingOut& ring) noexcept {
    while (!ring.chain.empty() && ring.chain.front().is_done()) {
        arena_.give_block(ring.chain.front().index);
        ring.shared->held.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count
        ring.chain.erase(ring.chain.begin());
    }
}

// --- what rests ----------------------------------------------------------------------------------

std::optional<TimePoint> Outbox::reclaim(TimePoint now) {
    std::optional<TimePoint> next;
    for (RingOut& ring : rings_) {
        const bool waits =
            ring.chain.empty() ? ring.finished : is_acknowledged(ring) && !ring.reclaim_tried;
        if (!waits || !is_told(ring)) {
            continue;
        }
        const TimePoint due = ring.quiet_since + kReclaimAfter;
        if (due > now) {
            next = std::min(next.value_or(due), due);
        } else if (!ring.chain.empty()) {
            reclaim_parked(ring);
        }
    }
    std::erase_if(rings_, [now](const RingOut& ring) {
        return ring.finished && ring.chain.empty() && is_told(ring) &&
               ring.quiet_since + kReclaimAfter <= now;
    });
    return next;
}

void Outbox::reclaim_parked(RingOut& ring) noexcept {
    OutBlock& block = ring.chain.back();
    std::uint32_t expected = block.index;
    ring.reclaim_tried = true;
    // acquire: all that the thread published before it parked is read below; from here on it takes
    // another block
    if (!ring.shared->parked.compare_exchange_strong(
            expected, proto::kNoBlock, std::memory_order_acquire, std::memory_order_relaxed)) {
        return;
    }
    const proto::BlockLive& live = arena_.block(block.index).live;
    // relaxed: ordered by the exchange above
    block.written = std::min(live.written.load(std::memory_order_relaxed), proto::kBlockCapacity);
    ring.emitted = live.emitted.load(std::memory_order_relaxed);
    ring.last_written = block.written;
    block.final = true;
    free_done_blocks(ring);
}

// --- how it stands -------------------------------------------------------------------------------

bool Outbox::is_told(const RingOut& ring) noexcept {
    return ring.emitted_told.value_or(0) >= ring.emitted &&
           std::all_of(ring.chain.begin(), ring.chain.end(),
                       [](const OutBlock& block) { return block.sent == block.written; });
}

bool Outbox::is_acknowledged(const RingOut& ring) noexcept {
    return std::all_of(ring.chain.begin(), ring.chain.end(),
                       [](const OutBlock& block) { return block.acknowledged == block.written; });
}

bool Outbox::has_told_all() const noexcept {
    return slots_read_ && codes_sent_ == codes_used_ && !slots_.has_untold() &&
           std::all_of(rings_.begin(), rings_.end(), is_told);
}

bool Outbox::is_at_rest() const noexcept {
    const bool counts_are_told = counts_told_
                                     ? std::memcmp(&*counts_told_, &counts_, sizeof counts_) == 0
                                     : is_zero(counts_);
    return slots_read_ && slots_.only_lingers() && counts_are_told &&
           codes_acknowledged_ >= codes_used_ &&
           std::all_of(rings_.begin(), rings_.end(),
                       [](const RingOut& ring) { return is_told(ring) && is_acknowledged(ring); });
}

Mark Outbox::mark() const {
    Mark mark;
    mark.codes = codes_used_;
    mark.ends = slots_.unacknowledged_ends();
    for (const RingOut& ring : rings_) {
        if (!ring.chain.empty()) {
            const OutBlock& last = ring.chain.back();
            mark.rings.push_back({ring.shared->number, {last.sequence, last.written}});
        }
    }
    return mark;
}

bool Outbox::reached(const Mark& mark) const noexcept {
    if (codes_acknowledged_ < mark.codes) {
        return false;
    }
    const bool ends =
        std::all_of(mark.ends.begin(), mark.ends.end(),
                    [this](proto::TraceNumber number) { return slots_.is_acknowledged(number); });
    return ends && std::all_of(rings_.begin(), rings_.end(), [&mark](const RingOut& ring) {
               if (ring.chain.empty()) {
                   return true;
               }
               const auto target = std::find_if(mark.rings.begin(), mark.rings.end(),
                                                [&ring](const proto::RingPosition& entry) {
                                                    return entry.ring == ring.shared->number;
                                                });
               const OutBlock& oldest = ring.chain.front();
               return target == mark.rings.end() ||
                      target->position <= proto::Position{oldest.sequence, oldest.acknowledged};
           });
}

Outbox::RingOut* Outbox::find(proto::RingNumber number) noexcept {
    const auto found = std::find_if(rings_.begin(), rings_.end(), [number](const RingOut& ring) {
        return ring.shared->number == number;
    });
    return found != rings_.end() ? &*found : nullptr;
}

bool Outbox::is_code_boundary(std::uint64_t offset) const noexcept {
    const proto::Bytes codes(arena_.codes(), codes_used_);
    std::uint64_t at = 0;
    while (at < offset && at + sizeof(proto::CodeEntryHead) <= codes_used_) {
        const auto head = proto::load<proto::CodeEntryHead>(codes, at);
        if (head.bytes < sizeof head) {
            return false;
        }
        at += head.bytes;
    }
    return at == offset;
}

}  // namespace kolo::probe

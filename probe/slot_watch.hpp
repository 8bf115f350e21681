// What the drain knows of each trace slot: its image as sent last, and how far its end has come.
//
// On the drain thread. Slots are claimed and written by recording threads under the GIL; only the
// drain frees them, and only when the trace's end is acknowledged, nothing of it runs and what was
// sent last is what the slot holds. Fork: forgotten with the drain. It never drops: with all slots
// taken the recorder refuses traces.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "probe/arena.hpp"
#include "proto/ids.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::probe {

using DrainClock = std::chrono::steady_clock;
using TimePoint = DrainClock::time_point;

/// A trace closes this long after its end even when activations of it still run.
inline constexpr std::chrono::seconds kCloseAfter{30};
/// Images of live traces of which only counters changed are sent no more often than this.
inline constexpr std::chrono::milliseconds kCountersEvery{100};

/// A consistent copy of a slot; nothing while somebody writes it.
[[nodiscard]] std::optional<proto::TraceImage> read_image(const proto::TraceSlot& slot) noexcept;

class SlotWatch {
  public:
    explicit SlotWatch(Arena& arena) noexcept : arena_(arena) {}

    /// Before block heads are read: which traces have ended, so that what is read of the rings
    /// afterwards holds all their records.
    void look_for_ended(TimePoint now);
    /// After block heads were read: the images, so that every trace that is mentioned up to those
    /// heads is known. False: a slot was being written all the while; the blocks must wait.
    [[nodiscard]] bool read_images();

    /// Appends images that must be told by now (`all`: that differ at all), until `out` has `limit`
    /// bytes. True: all are in it.
    [[nodiscard]] bool append_images(std::vector<std::uint8_t>& out, std::size_t limit,
                                     TimePoint now, bool all);
    /// Appends the ends that look_for_ended() has found; all blocks up to the heads must be in
    /// `out` before.
    [[nodiscard]] bool append_closes(std::vector<std::uint8_t>& out, std::size_t limit);

    /// A new connection knows these ends and no image. False: it claims an end that never was.
    [[nodiscard]] bool welcome(const std::vector<proto::TraceNumber>& closed);
    [[nodiscard]] bool acknowledge(const std::vector<proto::TraceNumber>& closed);
    /// Frees slots whose trace is over and acknowledged.
    void free_finished();

    /// No slot is taken.
    [[nodiscard]] bool is_empty() const noexcept { return watched_.empty(); }
    /// All that is left of the taken slots is that something of a closed trace still runs.
    [[nodiscard]] bool only_lingers() const noexcept;
    /// Whether something would be appended, or the next look will find an end to tell.
    [[nodiscard]] bool has_untold() const noexcept;
    /// The traces that have ended and of which nothing runs, but whose end is not acknowledged.
    [[nodiscard]] std::vector<proto::TraceNumber> unacknowledged_ends() const;
    [[nodiscard]] bool is_acknowledged(proto::TraceNumber number) const noexcept;

  private:
    enum class Close : std::uint8_t { kUntold, kTold, kAcknowledged };

    struct Watched {
        proto::TraceImage image{};  // as read last
        proto::TraceImage told{};   // as sent last over this connection
        TimePoint told_at;
        bool announced = false;             // `told` is valid
        std::optional<TimePoint> ended_at;  // when it was first seen ended
        bool closable = false;              // ended, as seen before the heads were read
        Close close = Close::kUntold;
        bool close_ever_told = false;
    };

    [[nodiscard]] static bool is_over(const proto::TraceImage& image) noexcept;
    [[nodiscard]] static bool is_due(const Watched& trace, TimePoint now) noexcept;
    [[nodiscard]] bool take_image(std::uint32_t index);
    [[nodiscard]] Watched* find(proto::TraceNumber number) noexcept;

    Arena& arena_;
    std::map<std::uint32_t, Watched> watched_;  // by slot: all that are not free
    std::uint64_t highest_ = 0;                 // trace number seen so far
};

}  // namespace kolo::probe

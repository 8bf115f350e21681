// Everything that belongs to this process while it records: arena, rings, codes, live traces, the
// drain.
//
// Made at the first trace and never destroyed: threads may still be recording while the interpreter
// goes down. Under the GIL, but for what its members say. Fork: the child forgets it (leaks it on
// purpose, its memory is not there) and makes its own at its first trace. Shutdown:
// stop_recording(), then no trace begins any more.
#pragma once

#include <Python.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "probe/arena.hpp"
#include "probe/drain.hpp"
#include "probe/filters.hpp"
#include "probe/frame_stack.hpp"
#include "probe/redaction.hpp"
#include "probe/ring_registry.hpp"
#include "probe/settings.hpp"
#include "proto/loss.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::probe {

/// What configure() fixed; kept over forks.
struct Configuration {
    Settings settings;
    Filters filters;
    Redaction redaction;
};

struct Process {
    Process(const Configuration& configured, std::unique_ptr<Arena> own_arena,
            proto::ProcessId own_id, std::optional<proto::ProcessId> parent_id,
            std::uint32_t count);

    const Configuration& configuration;
    const proto::ProcessId id;
    const std::uint32_t serial;  // counted over forks, from 1: tells whose a code's number is
    const std::unique_ptr<Arena> arena;
    RingRegistry rings;
    Drain drain;
    SuspendedTable suspended;
    std::uint32_t next_code = 1;
    std::uint32_t next_ring = 1;
    std::uint64_t next_span = 1;
    /// The traces that open spans began in. Bounded: beyond kMostOpenSpans one that begins is
    /// dropped.
    static constexpr std::size_t kMostOpenSpans = 65'536;
    std::unordered_map<std::uint64_t, TraceRef> open_spans;
    std::uint32_t next_slot = 0;  // where the search for a free slot begins
    std::uint64_t traces_ended = 0;
    /// By slot: what only this process needs to know of the trace in it.
    struct LocalTrace {
        TraceRef enclosing;         // what was current when it began
        std::int64_t ended_ns = 0;  // CLOCK_MONOTONIC
    };
    std::vector<LocalTrace> local_traces;

    [[nodiscard]] proto::TraceSlot& slot(const TraceRef& trace) const noexcept {
        return arena->slot(trace.slot);
    }
    /// Whether the slot still holds this trace. Slots change hands only under the GIL.
    [[nodiscard]] bool holds(const TraceRef& trace) const noexcept {
        return trace && slot(trace).fields.number == to_integer(trace.number) &&
               // acquire: the drain thread freed it after its last look at it
               slot(trace).state.load(std::memory_order_acquire) !=
                   static_cast<std::uint32_t>(proto::SlotState::kFree);
    }
    [[nodiscard]] bool is_live(const TraceRef& trace) const noexcept {
        return holds(trace) &&
               slot(trace).state.load(std::memory_order_relaxed) ==  // relaxed: set under the GIL
                   static_cast<std::uint32_t>(proto::SlotState::kLive);
    }
    /// What this process emitted and lost in all, for status(): slots come and go. `emitted`
    /// follows when a thread's last running activation ends.
    std::atomic<std::uint64_t> emitted{0};
    std::array<std::atomic<std::uint64_t>, proto::kLossReasons> lost{};

    /// Counts `events` as emitted in a trace, beside what rings count for it.
    void count_emitted(const TraceRef& trace, std::uint64_t events) noexcept;
    /// Counts one event of a trace as lost.
    void count_lost(const TraceRef& trace, proto::LossReason reason) noexcept;
};

/// The process that records here, or null: none yet, or it has stopped.
extern std::atomic<Process*> g_process;
[[nodiscard]] inline Process* current_process() noexcept {
    // relaxed: written and read under the GIL; atomic for threads that end without it
    return g_process.load(std::memory_order_relaxed);
}

/// The configuration, or null before configure().
[[nodiscard]] const Configuration* current_configuration() noexcept;
/// Fixes the configuration of this process; false when it was fixed before.
bool fix_configuration(Settings settings);

/// current_process(), made when there is none yet. Null when it cannot be (no memory, not
/// configured, stopped).
[[nodiscard]] Process* ensure_process() noexcept;

/// Ends what is live, flushes, says bye. Afterwards nothing records in this process. GIL released
/// while it waits.
bool stop_recording(double timeout_seconds) noexcept;

/// In the child of a fork: forgets the parent's process, closing what was inherited and touching
/// nothing else.
void forget_process_in_child() noexcept;

}  // namespace kolo::probe

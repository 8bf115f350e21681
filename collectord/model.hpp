// What the collector knows of the processes that record: rows as they will be put, and what waits
// for the next commit.
//
// Owned by the writer thread; nothing here is shared. Counters and positions are absolute: a commit
// that failed is done again from the same model. Bounded by what the mailbox lets in between two
// commits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "proto/clock.hpp"
#include "proto/codes.hpp"
#include "proto/decoder.hpp"
#include "proto/ids.hpp"
#include "proto/messages.hpp"
#include "store/rows.hpp"

namespace kolo::collectord {

/// Numbers the connections of one run of the daemon; 0: none.
enum class SessionId : std::uint64_t { kNone = 0 };

struct Ring {
    store::RingRow row;         // row.stored: everything before it is in the model or in the store
    proto::Position committed;  // everything before it is in the store
    proto::Position told;       // committed, as this connection was told
    std::optional<proto::Position>
        cursor;  // where `state` stands; nothing: the next bytes must begin a block
    proto::DecoderState state;
    bool skips_rest = false;                 // the rest of this block does not decode
    std::optional<store::ThreadRow> thread;  // told since the last commit
    bool changed = false;
};

struct Trace {
    store::TraceRow row;
    store::Losses losses{};
    proto::Ticks last_ticks = 0;  // of the latest event seen since this collector knows the trace
    std::vector<std::uint8_t> pending;  // slices for the next commit
    std::uint64_t pending_events = 0;
    std::vector<store::SpanRow> pending_spans;
    std::vector<store::SpanEndRow> pending_span_ends;
    std::uint64_t plain_bytes = 0;  // stored and not packed yet
    bool changed = false;
};

struct Process {
    store::ProcessRow row;
    store::Losses losses{};  // events of no trace that is known
    std::unordered_map<std::uint32_t, Ring> rings;
    std::unordered_map<std::uint64_t, Trace>
        traces;  // by number: all open ones, and those that changed
    std::vector<proto::ClockPair> clocks;
    std::optional<proto::TickScale> scale;  // of these clocks; made when it is needed
    std::size_t clocks_stored = 0;
    std::vector<proto::CodeDefinition> pending_codes;
    std::vector<proto::TraceNumber> pending_closed;  // to be acknowledged with the next commit
    std::uint64_t codes_committed = 0;
    std::uint64_t codes_here = 0;  // end of the codes that came over this connection
    std::uint64_t codes_told = 0;  // committed, as this connection was told
    SessionId session = SessionId::kNone;
    std::vector<std::uint8_t> partial;  // of a frame whose rest has not come yet
    std::uint64_t bytes_received = 0;   // over the socket, in this run of the daemon
    std::uint64_t bytes_committed = 0;
    bool bye = false;
    bool bye_told = false;
    bool is_over = false;  // leaves the model with the next commit
    bool changed = false;
    // What changed since the last commit, each once.
    std::vector<std::uint32_t> changed_rings;
    std::vector<std::uint64_t> changed_traces;
};

struct Model {
    std::map<proto::ProcessId, Process> processes;
    std::unordered_set<std::string> new_trace_ids;  // of traces that no commit has seen yet
    std::size_t pending_bytes = 0;
    std::int64_t last_process_key = 0;
    std::int64_t last_trace_key = 0;
    bool changed = false;
};

inline void add_clock(Process& process, const proto::ClockPair& clock) {
    process.clocks.push_back(clock);
    process.scale.reset();
}

inline void mark_changed(Model& model, Process& process) {
    process.changed = true;
    model.changed = true;
}

inline void mark_changed(Model& model, Process& process, Ring& ring) {
    mark_changed(model, process);
    if (!ring.changed) {
        ring.changed = true;
        process.changed_rings.push_back(ring.row.ring);
    }
}

inline void mark_changed(Model& model, Process& process, Trace& trace) {
    mark_changed(model, process);
    if (!trace.changed) {
        trace.changed = true;
        process.changed_traces.push_back(trace.row.number);
    }
}

}  // namespace kolo::collectord

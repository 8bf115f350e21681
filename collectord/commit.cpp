#include "collectord/commit.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "collectord/traces.hpp"

namespace kolo::collectord {

namespace {

/// Whether the trace's plain chunks and what is pending are packed with this commit.
[[nodiscard]] bool is_due_for_packing(const Trace& trace) noexcept {
    const std::size_t plain = trace.plain_bytes + trace.pending.size();
    return plain > 0 && (trace.row.status != store::TraceStatus::kOpen || plain >= kGroupBytes);
}

/// Whether all of it is packed now.
[[nodiscard]] bool pack(const Process& process, Trace& trace, store::StoreWriter& writer,
                        store::Packer& packer) {
    std::vector<std::vector<std::uint8_t>> stored;
    if (trace.plain_bytes > 0) {
        stored = writer.plain_chunks(trace.row.key);
    }
    std::vector<proto::Bytes> chunks(stored.begin(), stored.end());
    if (!trace.pending.empty()) {
        chunks.emplace_back(trace.pending);
    }
    const auto packed = packer.pack(chunks);
    if (!packed) {
        // A stored chunk is damaged: what is there stays as it is, for the reader to take what it
        // can.
        if (!trace.pending.empty()) {
            writer.add_plain_chunk(trace.row.key, trace.pending, trace.pending_events);
        }
        return false;
    }
    if (!stored.empty()) {
        writer.delete_plain_chunks(trace.row.key);
    }
    writer.add_packed(process.row.key, trace.row.key, *packed);
    trace.last_ticks = std::max(trace.last_ticks, packed->last_ticks);
    return true;
}

void write_trace(Process& process, Trace& trace, store::StoreWriter& writer,
                 store::Packer& packer) {
    const bool is_over = trace.row.status != store::TraceStatus::kOpen;
    bool is_packed = true;
    if (is_due_for_packing(trace)) {
        is_packed = pack(process, trace, writer, packer);
        if (is_over && !trace.row.end_ticks) {
            trace.row.duration_ns = duration_ns(process, trace.row.begin_ticks,
                                                std::max(trace.last_ticks, trace.row.begin_ticks));
        }
    } else if (!trace.pending.empty()) {
        writer.add_plain_chunk(trace.row.key, trace.pending, trace.pending_events);
    }
    trace.row.is_merged = is_over && is_packed;
    writer.put_trace(process.row.key, trace.row);
    const auto since_begin = [&](proto::Ticks ticks) {
        return duration_ns(process, trace.row.begin_ticks, ticks);
    };
    // Most spans end in the commit that they begin in: one row is written then, and not changed.
    std::unordered_map<std::uint64_t, store::SpanEnd> ends;
    for (const store::SpanEndRow& end : trace.pending_span_ends) {
        ends.insert_or_assign(end.number, store::SpanEnd{&end, since_begin(end.ticks)});
    }
    for (const store::SpanRow& span : trace.pending_spans) {
        const auto end = ends.extract(span.number);
        writer.put_span(trace.row.key, span, since_begin(span.ticks),
                        end ? std::optional(end.mapped()) : std::nullopt);
    }
    for (const auto& [number, end] : ends) {
        writer.end_span(trace.row.key, end);
    }
    writer.put_losses(process.row.key, &trace.row.key, trace.losses);
}

void write_process(Process& process, store::StoreWriter& writer, store::Packer& packer) {
    const store::ProcessKey key = process.row.key;
    writer.put_process(process.row);
    for (std::size_t i = process.clocks_stored; i < process.clocks.size(); ++i) {
        writer.put_clock(key, process.clocks[i]);
    }
    for (const proto::CodeDefinition& code : process.pending_codes) {
        writer.put_code(key, code);
    }
    for (const std::uint32_t number : process.changed_rings) {
        const Ring& ring = process.rings.at(number);
        writer.put_ring(key, ring.row);
        if (ring.thread) {
            writer.put_thread(key, *ring.thread);
        }
    }
    for (const std::uint64_t number : process.changed_traces) {
        write_trace(process, process.traces.at(number), writer, packer);
    }
    writer.put_losses(key, nullptr, process.losses);
}

void commit_traces(Process& process) {
    for (const std::uint64_t number : process.changed_traces) {
        Trace& trace = process.traces.at(number);
        trace.plain_bytes =
            is_due_for_packing(trace) ? 0 : trace.plain_bytes + trace.pending.size();
        trace.changed = false;
        if (trace.row.status != store::TraceStatus::kOpen) {
            process.traces.erase(number);  // found in the store again if anything late comes
            continue;
        }
        trace.pending.clear();
        trace.pending_events = 0;
        trace.pending_spans.clear();
        trace.pending_span_ends.clear();
        if (trace.pending.capacity() > kGroupBytes) {
            trace.pending.shrink_to_fit();
        }
    }
    process.changed_traces.clear();
}

/// Marks `process` as committed; returns what there is to say to it.
[[nodiscard]] proto::Ack commit_process(Process& process) {
    proto::Ack ack;
    process.clocks_stored = process.clocks.size();
    process.pending_codes.clear();
    process.codes_committed = process.row.codes_offset;
    process.bytes_committed = process.bytes_received;
    for (const std::uint32_t number : process.changed_rings) {
        Ring& ring = process.rings.at(number);
        ring.thread.reset();
        ring.changed = false;
        ring.committed = ring.row.stored;
        // Not beyond what came over this connection: the probe would not believe it.
        const proto::Position ackable =
            std::min(ring.committed, ring.cursor.value_or(proto::Position{}));
        if (ring.told < ackable) {
            ring.told = ackable;
            ack.rings.push_back({proto::RingNumber{number}, ackable});
        }
    }
    process.changed_rings.clear();
    commit_traces(process);
    ack.codes_offset = std::min(process.codes_committed, process.codes_here);
    ack.closed = std::exchange(process.pending_closed, {});
    ack.bye = process.bye;
    process.changed = false;
    return ack;
}

}  // namespace

void write_model(Model& model, store::StoreWriter& writer, store::Packer& packer) {
    writer.begin();
    try {
        for (auto& [uuid, process] : model.processes) {
            if (process.changed) {
                write_process(process, writer, packer);
            }
        }
        writer.commit();
    } catch (...) {
        writer.rollback();
        throw;
    }
}

std::vector<CommittedAck> take_committed(Model& model) {
    std::vector<CommittedAck> acks;
    for (auto at = model.processes.begin(); at != model.processes.end();) {
        Process& process = at->second;
        if (!process.changed) {
            ++at;
            continue;
        }
        proto::Ack ack = commit_process(process);
        const bool says_something = !ack.rings.empty() || !ack.closed.empty() ||
                                    ack.codes_offset != process.codes_told ||
                                    (ack.bye && !process.bye_told);
        if (says_something && process.session != SessionId::kNone) {
            process.bye_told = ack.bye;
            process.codes_told = ack.codes_offset;
            acks.push_back({process.session, std::move(ack)});
        }
        at = process.is_over ? model.processes.erase(at) : std::next(at);
    }
    model.new_trace_ids.clear();
    model.pending_bytes = 0;
    model.changed = false;
    return acks;
}

}  // namespace kolo::collectord

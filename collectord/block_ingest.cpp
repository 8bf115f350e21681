#include "collectord/block_ingest.hpp"

#include <algorithm>
#include <utility>

#include <msgpack.hpp>

#include "collectord/span_ingest.hpp"
#include "proto/block.hpp"
#include "proto/loss.hpp"
#include "proto/records.hpp"
#include "proto/slice.hpp"
#include "store/text.hpp"

namespace kolo::collectord {

namespace {

/// A run of records that belong to one trace, as it grows.
struct Run {
    std::uint64_t trace = 0;
    std::uint32_t begin = 0;    // offset in the piece
    proto::DecoderState state;  // before its first record
    std::uint64_t events = 0;
    std::uint64_t starts = 0;
    std::uint64_t unwinds = 0;
    std::uint64_t unknown = 0;
    std::uint64_t blind = 0;  // records that say so
    proto::Ticks last_ticks = 0;
};

[[nodiscard]] Run begin_run(const proto::Decoder& decoder) {
    Run run;
    run.state = decoder.state();
    run.trace = proto::to_integer(run.state.trace);
    run.begin = decoder.offset();
    return run;
}

void count(Run& run, const proto::Event& event) {
    ++run.events;
    run.last_ticks = std::max(run.last_ticks, event.ticks);
    if (event.kind == proto::EventKind::kStart) {
        ++run.starts;
    } else if (event.kind == proto::EventKind::kUnwind) {
        ++run.unwinds;
    }
}

/// Hands a finished run to its trace.
void finish_run(Model& model, Process& process, const Run& run, proto::Position position,
                proto::Bytes records, const FindTrace& find_trace) {
    process.row.unknown_records += run.unknown;
    if (run.events == 0 && run.unknown == 0 && run.blind == 0) {
        return;
    }
    Trace* trace = run.trace == 0 ? nullptr : find_trace(process, run.trace);
    if (trace == nullptr) {
        process.losses[static_cast<std::size_t>(proto::LossReason::kUnreadable)] += run.events;
        return;
    }
    const std::size_t before = trace->pending.size();
    proto::append_slice(trace->pending, run.state, position, records);
    model.pending_bytes += trace->pending.size() - before;
    trace->pending_events += run.events;
    trace->row.stored += run.events;
    trace->row.activations += run.starts;
    trace->row.unwinds += run.unwinds;
    trace->last_ticks = std::max(trace->last_ticks, run.last_ticks);
    process.row.stored += run.events;
    mark_changed(model, process, *trace);
}

/// The name in a thread record: msgpack [name or nil].
[[nodiscard]] std::optional<std::string> thread_name(proto::Bytes payload) {
    try {
        const msgpack::unpack_limit limit(4, 0, 1024, 0, 0, 4);
        std::size_t offset = 0;
        const auto handle = msgpack::unpack(reinterpret_cast<const char*>(payload.data()),
                                            payload.size(), offset, nullptr, nullptr, limit);
        const msgpack::object& array = handle.get();
        if (array.type == msgpack::type::ARRAY && array.via.array.size > 0 &&
            array.via.array.ptr[0].type == msgpack::type::STR) {
            const auto& name = array.via.array.ptr[0].via.str;
            return store::clean_text({name.ptr, name.size});
        }
    } catch (const std::exception&) {  // a thread without a name is no reason to lose its records
    }
    return std::nullopt;
}

void take_thread(Ring& ring, const proto::Decoder& decoder) {
    const auto fixed = proto::load<proto::ThreadRecord>(decoder.record(), 0);
    ring.thread = store::ThreadRow{ring.row.ring, fixed.native_id, fixed.ident,
                                   thread_name(decoder.event().payload)};
}

/// Spans are rows, and no part of a chunk.
void take_span(Model& model, Process& process, const proto::Decoder& decoder,
               const FindTrace& find_trace) {
    Trace* trace = find_trace(process, proto::to_integer(decoder.state().trace));
    if (trace == nullptr) {
        return;
    }
    if (decoder.record_kind() == proto::RecordKind::kSpanEnd) {
        if (auto end = span_end_of(decoder)) {
            trace->pending_span_ends.push_back(std::move(*end));
        }
    } else if (auto span = span_of(decoder)) {
        trace->pending_spans.push_back(std::move(*span));
    }
    model.pending_bytes += decoder.record().size();
    trace->last_ticks = std::max(trace->last_ticks, decoder.state().ticks);
    mark_changed(model, process, *trace);
}

/// Whether `piece` may be the next of its ring.
[[nodiscard]] bool follows(const Ring& ring, proto::Position piece) {
    if (ring.cursor) {
        return piece == *ring.cursor ||
               (piece.offset == 0 && piece.sequence == ring.cursor->sequence + 1);
    }
    // Whole blocks again: from one that is stored, or the one that is stored in part, or the one
    // behind it.
    return piece.offset == 0 && piece.sequence <= ring.row.stored.sequence + 1;
}

[[nodiscard]] bool is_sound(const proto::BlockMessage& block, proto::Bytes records) {
    return block.start.ring != 0 && block.bytes == records.size() &&
           block.offset <= proto::kBlockCapacity &&
           block.bytes <= proto::kBlockCapacity - block.offset &&
           block.offset % proto::kWordBytes == 0;
}

[[nodiscard]] std::string place(const proto::BlockMessage& block) {
    return "ring " + std::to_string(block.start.ring) + ", block " +
           std::to_string(block.start.sequence) + ", offset " + std::to_string(block.offset);
}

/// Decodes `records` from where the ring's decoder stands. What lies before the ring's stored
/// position is passed over.
void take_records(Model& model, Process& process, Ring& ring, proto::Position piece,
                  proto::Bytes records, const FindTrace& find_trace) {
    proto::Decoder decoder(records, std::move(ring.state));
    const auto position = [&piece](std::uint32_t offset) {
        return proto::Position{piece.sequence, piece.offset + offset};
    };
    std::optional<Run> run;
    const auto finish = [&](std::uint32_t end) {
        if (run) {
            finish_run(model, process, *run, position(run->begin),
                       records.subspan(run->begin, end - run->begin), find_trace);
            run.reset();
        }
    };
    while (true) {
        if (!run && position(decoder.offset()) >= ring.row.stored) {
            run = begin_run(decoder);
        }
        const std::uint32_t before = decoder.offset();
        const proto::DecodeStatus status = decoder.next();
        if (status == proto::DecodeStatus::kEvent) {
            if (run) {
                count(*run, decoder.event());
            }
            continue;
        }
        if (status == proto::DecodeStatus::kEnd) {
            finish(before);
            break;
        }
        if (status == proto::DecodeStatus::kBroken) {
            finish(before);
            ring.skips_rest = true;
            process.row.accounting_unknown = true;
            break;
        }
        if (!run) {
            continue;
        }
        if (status == proto::DecodeStatus::kUnknown) {
            ++run->unknown;
        } else if (decoder.record_kind() == proto::RecordKind::kThread) {
            take_thread(ring, decoder);
        } else if (decoder.record_kind() == proto::RecordKind::kBlind) {
            ++run->blind;
        } else if (proto::is_span(decoder.record_kind())) {
            finish(before);
            take_span(model, process, decoder, find_trace);
        } else if (decoder.record_kind() == proto::RecordKind::kContext &&
                   proto::to_integer(decoder.state().trace) != run->trace) {
            finish(before);
        }
    }
    ring.state = decoder.state();
}

void take_emitted(Model& model, Process& process, Ring& ring, std::uint64_t emitted) {
    if (emitted > ring.row.emitted) {
        process.row.emitted += emitted - ring.row.emitted;
        ring.row.emitted = emitted;
    }
    mark_changed(model, process, ring);
}

}  // namespace

std::optional<std::string> ingest_block(Model& model, Process& process,
                                        const proto::BlockMessage& block, proto::Bytes records,
                                        const FindTrace& find_trace) {
    if (!is_sound(block, records)) {
        return "a block message whose sizes cannot be (" + place(block) + ")";
    }
    const proto::Position piece{block.start.sequence, block.offset};
    const auto known = process.rings.find(block.start.ring);
    const bool is_new = known == process.rings.end();
    if (!is_new && block.bytes == 0 && piece.offset > 0 && piece <= known->second.row.stored) {
        take_emitted(model, process, known->second, block.emitted);
        return std::nullopt;  // nothing but a count: its block may be gone
    }
    if (is_new && piece.offset != 0) {
        return place(block) + " is the first of its ring, and no beginning";
    }
    Ring& ring = process.rings[block.start.ring];
    if (is_new) {
        ring.row.ring = block.start.ring;
        ring.row.stored = {piece.sequence, 0};
        ring.committed = ring.row.stored;
        // What this ring emitted before is in another store, or nowhere: this one cannot account
        // for it.
        process.row.accounting_unknown = process.row.accounting_unknown || piece.sequence > 0;
    }
    if (!follows(ring, piece)) {
        return place(block) + " does not follow on block " +
               std::to_string(ring.row.stored.sequence) + ", offset " +
               std::to_string(ring.row.stored.offset);
    }
    if (piece.offset == 0) {
        ring.state = proto::state_at(block.start);
        ring.skips_rest = false;
    }
    const proto::Position end{piece.sequence, piece.offset + block.bytes};
    if (end > ring.row.stored) {
        if (!ring.skips_rest) {
            take_records(model, process, ring, piece, records, find_trace);
        }
        ring.row.stored = end;
    } else if (!ring.skips_rest) {
        // All of it is stored; the decoder must still learn what it says.
        take_records(model, process, ring, piece, records, find_trace);
    }
    ring.cursor = end;
    take_emitted(model, process, ring, block.emitted);
    return std::nullopt;
}

void expect_whole_blocks(Process& process) {
    for (auto& [number, ring] : process.rings) {
        ring.cursor.reset();
        ring.skips_rest = false;
    }
}

}  // namespace kolo::collectord

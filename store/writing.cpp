#include "store/writing.hpp"

#include <algorithm>
#include <string>

#include "proto/slice.hpp"
#include "store/text.hpp"

namespace kolo::store {

namespace {

/// Binds values from left to right and runs a statement once; it is ready for the next use
/// afterwards, also when it throws.
class Run {
  public:
    explicit Run(SQLite::Statement& statement) : statement_(statement) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    Run(Run&&) = delete;
    Run& operator=(Run&&) = delete;
    ~Run() { static_cast<void>(statement_.tryReset()); }

    Run& operator<<(std::int64_t value) {
        statement_.bind(next_++, value);
        return *this;
    }
    Run& operator<<(std::uint64_t value) { return *this << static_cast<std::int64_t>(value); }
    Run& operator<<(std::uint32_t value) { return *this << static_cast<std::int64_t>(value); }
    Run& operator<<(int value) { return *this << static_cast<std::int64_t>(value); }
    Run& operator<<(bool value) { return *this << static_cast<std::int64_t>(value); }
    Run& operator<<(const std::string& value) {
        statement_.bindNoCopy(next_++, value);
        return *this;
    }
    Run& operator<<(std::string_view value) {
        statement_.bind(next_++, std::string(value));
        return *this;
    }
    Run& operator<<(proto::Bytes value) {
        statement_.bindNoCopy(next_++, value.data(), static_cast<int>(value.size()));
        return *this;
    }
    Run& operator<<(const proto::ProcessId& value) { return *this << proto::Bytes(value.bytes); }
    Run& operator<<(ProcessKey value) { return *this << static_cast<std::int64_t>(value); }
    Run& operator<<(TraceKey value) { return *this << static_cast<std::int64_t>(value); }
    template <typename T>
    Run& operator<<(const std::optional<T>& value) {
        return value ? *this << *value : *this << std::nullopt;
    }
    Run& operator<<(std::nullopt_t /*null*/) {
        statement_.bind(next_++);
        return *this;
    }

    void go() { static_cast<void>(statement_.exec()); }

  private:
    SQLite::Statement& statement_;
    int next_ = 1;
};

constexpr std::string_view kPutProcess = R"sql(
INSERT INTO process (id, uuid, parent_uuid, pid, own_pid, start_time, boot_id, host, python, implementation, version,
    git_sha, argv, cwd, state, accounting, connected_at, ended_at, codes_offset, emitted_blockless, emitted, stored,
    traces_refused, codes_lost, unknown_records)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET pid = excluded.pid, state = excluded.state, accounting = excluded.accounting,
    ended_at = excluded.ended_at, codes_offset = excluded.codes_offset, emitted_blockless = excluded.emitted_blockless,
    emitted = excluded.emitted, stored = excluded.stored, traces_refused = excluded.traces_refused,
    codes_lost = excluded.codes_lost, unknown_records = excluded.unknown_records)sql";

constexpr std::string_view kPutRing = R"sql(
INSERT INTO ring (process_id, ring, sequence, "offset", emitted) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (process_id, ring) DO UPDATE SET sequence = excluded.sequence, "offset" = excluded."offset",
    emitted = excluded.emitted)sql";

constexpr std::string_view kPutThread = R"sql(
INSERT INTO thread (process_id, ring, native_id, ident, name) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (process_id, ring) DO UPDATE SET native_id = excluded.native_id, ident = excluded.ident,
    name = excluded.name)sql";

constexpr std::string_view kPutCode = R"sql(
INSERT OR IGNORE INTO code (process_id, number, name, qualname, path, first_line, flags, argument_count, variables)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?))sql";

constexpr std::string_view kPutTrace = R"sql(
INSERT INTO trace (key, id, process_id, number, name, kind, status, started_at, duration_ns, version, git_sha, argv,
    begin_ticks, end_ticks, parent_id, parent_ring, parent_ordinal, group_id, emitted, stored, activations, unwinds,
    is_merged)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET name = excluded.name, kind = excluded.kind, status = excluded.status,
    duration_ns = excluded.duration_ns, end_ticks = excluded.end_ticks, emitted = excluded.emitted,
    stored = excluded.stored, activations = excluded.activations, unwinds = excluded.unwinds,
    is_merged = excluded.is_merged)sql";

constexpr std::string_view kPutLoss = R"sql(
INSERT INTO loss (process_id, trace_key, reason, events) VALUES (?, ?, ?, ?)
ON CONFLICT (process_id, ifnull(trace_key, 0), reason) DO UPDATE SET events = excluded.events)sql";

constexpr std::string_view kPutSpan = R"sql(
INSERT INTO span (trace_key, number, ring, ordinal, kind, type, subtype, name, start_ns, duration_ns, data, end_type,
    outcome, end_data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (trace_key, number) DO UPDATE SET name = excluded.name, duration_ns = excluded.duration_ns,
    end_type = excluded.end_type, outcome = excluded.outcome, end_data = excluded.end_data
WHERE excluded.end_type IS NOT NULL)sql";

constexpr std::string_view kEndSpan = R"sql(
UPDATE span SET end_type = ?, name = ifnull(?, name), outcome = ?, duration_ns = max(0, ? - start_ns), end_data = ?
WHERE trace_key = ? AND number = ?)sql";

constexpr std::string_view kPutTraceCode = R"sql(
INSERT INTO trace_code (code_id, trace_key, activations)
SELECT id, ?, ? FROM code WHERE process_id = ? AND number = ?
ON CONFLICT (code_id, trace_key) DO UPDATE SET activations = activations + excluded.activations)sql";

}  // namespace

SQLite::Statement StoreWriter::make(std::string_view sql) const {
    return {database_, std::string(sql)};
}

StoreWriter::StoreWriter(SQLite::Database& database)
    : database_(database),
      begin_(make("BEGIN IMMEDIATE")),
      commit_(make("COMMIT")),
      process_(make(kPutProcess)),
      clock_(make("INSERT OR REPLACE INTO clock (process_id, ticks, monotonic_ns, realtime_ns) "
                  "VALUES (?, ?, ?, ?)")),
      ring_(make(kPutRing)),
      thread_(make(kPutThread)),
      code_(make(kPutCode)),
      trace_(make(kPutTrace)),
      loss_(make(kPutLoss)),
      span_(make(kPutSpan)),
      span_end_(make(kEndSpan)),
      chunk_(
          make("INSERT INTO chunk (trace_key, format, codec, dictionary, events, raw_bytes, data) "
               "VALUES (?, ?, ?, NULL, ?, ?, ?)")),
      trace_code_(make(kPutTraceCode)),
      plain_(make("SELECT data FROM chunk WHERE trace_key = ? AND codec = 0 ORDER BY id")),
      delete_plain_(make("DELETE FROM chunk WHERE trace_key = ? AND codec = 0")) {}

void StoreWriter::begin() { Run(begin_).go(); }

void StoreWriter::commit() { Run(commit_).go(); }

void StoreWriter::rollback() noexcept { static_cast<void>(database_.tryExec("ROLLBACK")); }

void StoreWriter::put_process(const ProcessRow& row) {
    Run run(process_);
    run << row.key << row.uuid << row.parent << row.pid << row.own_pid << row.start_time
        << row.boot_id << row.host << row.python << row.implementation << row.version << row.git_sha
        << row.argv << row.cwd << name_of(row.state)
        << std::string_view(row.accounting_unknown ? "unknown" : "exact") << row.connected_at
        << row.ended_at << row.codes_offset << row.emitted_blockless << row.emitted << row.stored
        << row.traces_refused << row.codes_lost << row.unknown_records;
    run.go();
}

void StoreWriter::put_clock(ProcessKey process, const proto::ClockPair& clock) {
    Run run(clock_);
    run << process << clock.ticks << clock.monotonic_ns << clock.realtime_ns;
    run.go();
}

void StoreWriter::put_ring(ProcessKey process, const RingRow& row) {
    Run run(ring_);
    run << process << row.ring << row.stored.sequence << row.stored.offset << row.emitted;
    run.go();
}

void StoreWriter::put_thread(ProcessKey process, const ThreadRow& row) {
    Run run(thread_);
    run << process << row.ring << row.native_id << row.ident << row.name;
    run.go();
}

void StoreWriter::put_code(ProcessKey process, const proto::CodeDefinition& code) {
    const std::string name = clean_text(code.name);
    const std::string path = clean_text(code.path);
    const std::string variables = json_array(code.variables);
    std::optional<std::string> qualname;
    if (code.qualname) {
        qualname = clean_text(*code.qualname);
    }
    Run run(code_);
    run << process << proto::to_integer(code.number) << name << qualname << path << code.first_line
        << code.flags << code.argument_count << variables;
    run.go();
}

void StoreWriter::put_trace(ProcessKey process, const TraceRow& row) {
    Run run(trace_);
    run << row.key << row.id << process << row.number << row.name << row.kind << name_of(row.status)
        << row.started_at << row.duration_ns << row.version << row.git_sha << row.argv
        << row.begin_ticks << row.end_ticks << row.parent_id;
    if (row.parent) {
        run << proto::to_integer(row.parent->ring) << row.parent->ordinal;
    } else {
        run << std::nullopt << std::nullopt;
    }
    run << row.group_id << row.emitted << row.stored << row.activations << row.unwinds
        << row.is_merged;
    run.go();
}

void StoreWriter::put_losses(ProcessKey process, const TraceKey* trace, const Losses& losses) {
    std::uint64_t unnamed = 0;
    const auto put = [&](std::string_view reason, std::uint64_t events) {
        Run run(loss_);
        run << process << (trace != nullptr ? std::optional(*trace) : std::nullopt) << reason
            << events;
        run.go();
    };
    for (std::size_t reason = 0; reason < losses.size(); ++reason) {
        if (reason >= proto::kLossReasons) {
            unnamed += losses[reason];
        } else if (losses[reason] != 0) {
            put(proto::loss_name(reason), losses[reason]);
        }
    }
    if (unnamed != 0) {
        put(proto::loss_name(proto::kLossReasons), unnamed);
    }
}

void StoreWriter::put_span(TraceKey trace, const SpanRow& row, std::int64_t start_ns,
                           const std::optional<SpanEnd>& end) {
    Run run(span_);
    run << trace << row.number;
    if (row.activation) {
        run << proto::to_integer(row.activation->ring) << row.activation->ordinal;
    } else {
        run << std::nullopt << std::nullopt;
    }
    run << row.kind << row.type << row.subtype
        << (end && end->row->name ? end->row->name : row.name) << start_ns;
    if (end) {
        run << std::max<std::int64_t>(0, end->end_ns - start_ns) << proto::Bytes(row.data)
            << end->row->type << end->row->outcome << proto::Bytes(end->row->data);
    } else {
        run << (row.is_point ? std::optional<std::int64_t>(0) : std::nullopt)
            << proto::Bytes(row.data) << std::nullopt << std::nullopt << std::nullopt;
    }
    run.go();
}

void StoreWriter::end_span(TraceKey trace, const SpanEnd& end) {
    Run run(span_end_);
    run << end.row->type << end.row->name << end.row->outcome << end.end_ns
        << proto::Bytes(end.row->data) << trace << end.row->number;
    run.go();
}

void StoreWriter::add_plain_chunk(TraceKey trace, proto::Bytes slices, std::uint64_t events) {
    Run run(chunk_);
    run << trace << proto::kChunkFormatSlices << static_cast<int>(Codec::kNone) << events
        << static_cast<std::uint64_t>(slices.size()) << slices;
    run.go();
}

void StoreWriter::add_packed(ProcessKey process, TraceKey trace, const PackedTrace& packed) {
    for (const PackedPiece& piece : packed.pieces) {
        Run run(chunk_);
        run << trace << proto::kChunkFormatSlices << static_cast<int>(Codec::kZstd) << piece.events
            << static_cast<std::uint64_t>(piece.raw_bytes) << proto::Bytes(piece.data);
        run.go();
    }
    for (const auto& [code, starts] : packed.starts) {
        Run run(trace_code_);
        run << trace << starts << process << proto::to_integer(code);
        run.go();
    }
}

std::vector<std::vector<std::uint8_t>> StoreWriter::plain_chunks(TraceKey trace) {
    std::vector<std::vector<std::uint8_t>> chunks;
    Run run(plain_);
    run << trace;
    while (plain_.executeStep()) {
        const SQLite::Column data = plain_.getColumn(0);
        const auto* bytes = static_cast<const std::uint8_t*>(data.getBlob());
        chunks.emplace_back(bytes, bytes + data.getBytes());
    }
    return chunks;
}

void StoreWriter::delete_plain_chunks(TraceKey trace) {
    Run run(delete_plain_);
    run << trace;
    run.go();
}

}  // namespace kolo::store

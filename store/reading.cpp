#include "store/reading.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "proto/slice.hpp"
#include "store/chunks.hpp"
#include "store/location.hpp"
#include "store/schema.hpp"

namespace kolo::store {

namespace {

// The collector holds its locks for milliseconds; only the recovery of a dead one's log takes long.
constexpr int kBusyTimeoutMs = 5000;
constexpr std::string_view kIdPrefix = "trc_";

struct PackedChunk {
    int format = 0;
    Codec codec = Codec::kNone;
    std::size_t raw_bytes = 0;
    std::vector<std::uint8_t> data;
};

[[nodiscard]] ReadFailure explain(const SQLite::Exception& error, const std::string& path) {
    switch (error.getErrorCode()) {
        case SQLITE_NOTADB:
            return {ReadProblem::kUnusable,
                    path + " is not an SQLite database; name another with --db"};
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {ReadProblem::kUnusable,
                    path + " is locked by another program; try again when it is done"};
        case SQLITE_CORRUPT:
            return {ReadProblem::kUnusable,
                    path + " is damaged (" + error.what() +
                        "); `sqlite3 FILE .recover` saves what can be read"};
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return {ReadProblem::kUnusable,
                    path + " cannot be opened (" + error.what() +
                        "); reading needs write access to its folder, for the index of the log "
                        "beside it: copy the file to a folder of yours"};
        default:
            return {ReadProblem::kUnusable, path + " cannot be read: " + error.what()};
    }
}

/// Runs `read` inside a transaction, so that all it reads is of one moment.
template <typename Read>
[[nodiscard]] auto in_one_moment(SQLite::Database& database, Read read)
    -> ReadResult<decltype(read())> {
    try {
        const SQLite::Transaction transaction(
            database);  // nothing to commit: it ends with the scope
        return read();
    } catch (const SQLite::Exception& error) {
        return explain(error, database.getFilename());
    }
}

[[nodiscard]] bool has_tables(SQLite::Database& database) {
    return database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() > 0;
}

[[nodiscard]] std::optional<ReadFailure> refuse_other_schema(SQLite::Database& database,
                                                             const std::string& path) {
    const int application = database.execAndGet("PRAGMA application_id").getInt();
    const int version = database.execAndGet("PRAGMA user_version").getInt();
    if (application != kApplicationId &&
        (application != 0 || version != 0 || has_tables(database))) {
        return ReadFailure{
            ReadProblem::kUnusable,
            refusal(FileKind::kForeign, path).value_or(path + " is no store of ours")};
    }
    if (version > kSchemaVersion) {
        return ReadFailure{ReadProblem::kNewerSchema,
                           path + " was written by a later version of kolo-probe (schema " +
                               std::to_string(version) + ", known here: " +
                               std::to_string(kSchemaVersion) + "); read it with that version"};
    }
    if (version < kSchemaVersion) {
        return ReadFailure{ReadProblem::kUnusable,
                           path + " is empty or of an earlier version; kolo-collectord --db " +
                               path + " makes it ready"};
    }
    return std::nullopt;
}

[[nodiscard]] std::optional<std::string> text_or_null(const SQLite::Column& column) {
    return column.isNull() ? std::nullopt : std::optional(column.getString());
}

[[nodiscard]] std::optional<std::int64_t> integer_or_null(const SQLite::Column& column) {
    return column.isNull() ? std::nullopt : std::optional<std::int64_t>(column.getInt64());
}

/// Columns that hold unsigned 64 bits hold them as signed.
[[nodiscard]] std::uint64_t unsigned_64(const SQLite::Column& column) {
    return static_cast<std::uint64_t>(column.getInt64());
}

[[nodiscard]] std::uint32_t unsigned_32(const SQLite::Column& column) {
    return static_cast<std::uint32_t>(column.getInt64());
}

constexpr std::string_view kSelectTrace =
    "SELECT trace.key, trace.process_id, process.pid, trace.number, trace.id, trace.name, "
    "trace.kind,"
    " trace.status, trace.started_at, trace.duration_ns, trace.version, trace.git_sha, trace.argv,"
    " trace.begin_ticks, trace.end_ticks, trace.parent_id, trace.group_id, trace.emitted,"
    " trace.stored, trace.activations,"
    " (SELECT ifnull(sum(loss.events), 0) FROM loss WHERE loss.trace_key = trace.key)"
    " FROM trace JOIN process ON process.id = trace.process_id ";

[[nodiscard]] TraceSummary trace_of(SQLite::Statement& row) {
    TraceSummary trace;
    int column = 0;
    trace.key = row.getColumn(column++).getInt64();
    trace.process_id = row.getColumn(column++).getInt64();
    trace.pid = row.getColumn(column++).getInt64();
    trace.number = unsigned_64(row.getColumn(column++));
    trace.id = row.getColumn(column++).getString();
    trace.name = text_or_null(row.getColumn(column++));
    trace.kind = row.getColumn(column++).getString();
    trace.status = row.getColumn(column++).getString();
    trace.started_at = row.getColumn(column++).getString();
    trace.duration_ns = integer_or_null(row.getColumn(column++));
    trace.version = row.getColumn(column++).getString();
    trace.git_sha = text_or_null(row.getColumn(column++));
    trace.argv = row.getColumn(column++).getString();
    trace.begin_ticks = unsigned_64(row.getColumn(column++));
    if (const auto end = integer_or_null(row.getColumn(column++))) {
        trace.end_ticks = static_cast<proto::Ticks>(*end);
    }
    trace.parent_id = text_or_null(row.getColumn(column++));
    trace.group_id = text_or_null(row.getColumn(column++));
    trace.emitted = row.getColumn(column++).getInt64();
    trace.stored = row.getColumn(column++).getInt64();
    trace.activations = row.getColumn(column++).getInt64();
    trace.lost = row.getColumn(column++).getInt64();
    return trace;
}

[[nodiscard]] std::string select_trace(std::string_view rest) {
    return std::string(kSelectTrace).append(rest);
}

[[nodiscard]] std::vector<TraceSummary> traces_beginning_with(SQLite::Database& database,
                                                              const std::string& beginning) {
    // A range and not LIKE, whose wildcards a user may type, and which no index serves.
    SQLite::Statement statement(
        database,
        select_trace(
            "WHERE trace.id >= ?1 AND trace.id < ?1 || char(1114111) ORDER BY trace.id LIMIT 6"));
    statement.bind(1, beginning);
    std::vector<TraceSummary> found;
    while (statement.executeStep()) {
        found.push_back(trace_of(statement));
    }
    return found;
}

[[nodiscard]] std::string full_beginning(std::string_view wanted) {
    std::string beginning(wanted);
    if (!beginning.starts_with(kIdPrefix)) {
        beginning.insert(0, kIdPrefix);
    }
    return beginning;
}

[[nodiscard]] std::string with_upper_case_ulid(std::string id) {
    std::transform(id.begin() + kIdPrefix.size(), id.end(), id.begin() + kIdPrefix.size(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return id;
}

void read_process(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(database,
                                "SELECT host, python, implementation, cwd, state, accounting"
                                " FROM process WHERE id = ?");
    statement.bind(1, stored.trace.process_id);
    if (statement.executeStep()) {
        stored.process = {statement.getColumn(0).getString(), statement.getColumn(1).getString(),
                          statement.getColumn(2).getString(), statement.getColumn(3).getString(),
                          statement.getColumn(4).getString(), statement.getColumn(5).getString()};
    }
}

void read_threads(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(database,
                                "SELECT ring, native_id, ident, name FROM thread"
                                " WHERE process_id = ? ORDER BY ring");
    statement.bind(1, stored.trace.process_id);
    while (statement.executeStep()) {
        stored.threads.push_back(
            {unsigned_32(statement.getColumn(0)), unsigned_64(statement.getColumn(1)),
             unsigned_64(statement.getColumn(2)), text_or_null(statement.getColumn(3))});
    }
}

void read_codes(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(database,
                                "SELECT number, name, qualname, path, first_line, flags,"
                                " argument_count, variables FROM code WHERE process_id = ?"
                                " ORDER BY number");
    statement.bind(1, stored.trace.process_id);
    while (statement.executeStep()) {
        stored.codes.push_back(
            {unsigned_32(statement.getColumn(0)), statement.getColumn(1).getString(),
             text_or_null(statement.getColumn(2)), statement.getColumn(3).getString(),
             statement.getColumn(4).getInt64(), unsigned_32(statement.getColumn(5)),
             unsigned_32(statement.getColumn(6)), statement.getColumn(7).getString()});
    }
}

void read_clocks(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(
        database, "SELECT ticks, monotonic_ns, realtime_ns FROM clock WHERE process_id = ?");
    statement.bind(1, stored.trace.process_id);
    while (statement.executeStep()) {
        stored.clocks.push_back({unsigned_64(statement.getColumn(0)),
                                 statement.getColumn(1).getInt64(),
                                 statement.getColumn(2).getInt64()});
    }
}

[[nodiscard]] std::vector<std::uint8_t> bytes_of(const SQLite::Column& column) {
    const auto* bytes = static_cast<const std::uint8_t*>(column.getBlob());
    return {bytes, bytes + column.getBytes()};
}

void read_spans(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(database,
                                "SELECT ring, ordinal, kind, type, end_type, subtype, name,"
                                " start_ns, duration_ns, outcome, data, end_data FROM span WHERE "
                                "trace_key = ? ORDER BY start_ns, id");
    statement.bind(1, stored.trace.key);
    while (statement.executeStep()) {
        StoredSpan span;
        if (!statement.isColumnNull(0) && !statement.isColumnNull(1)) {
            span.activation = {proto::RingNumber{unsigned_32(statement.getColumn(0))},
                               unsigned_64(statement.getColumn(1))};
        }
        span.kind = statement.getColumn(2).getString();
        span.type = statement.getColumn(3).getString();
        span.end_type = text_or_null(statement.getColumn(4));
        span.subtype = text_or_null(statement.getColumn(5));
        span.name = text_or_null(statement.getColumn(6));
        span.start_ns = statement.getColumn(7).getInt64();
        span.duration_ns = integer_or_null(statement.getColumn(8));
        span.outcome = text_or_null(statement.getColumn(9));
        span.data = bytes_of(statement.getColumn(10));
        span.end_data = bytes_of(statement.getColumn(11));
        stored.spans.push_back(std::move(span));
    }
}

void read_losses(SQLite::Database& database, StoredTrace& stored) {
    SQLite::Statement statement(database,
                                "SELECT reason, events FROM loss WHERE trace_key = ? AND events > 0"
                                " ORDER BY reason");
    statement.bind(1, stored.trace.key);
    while (statement.executeStep()) {
        stored.losses.push_back(
            {statement.getColumn(0).getString(), statement.getColumn(1).getInt64()});
    }
}

[[nodiscard]] std::vector<PackedChunk> read_chunks(SQLite::Database& database, std::int64_t key) {
    SQLite::Statement statement(database,
                                "SELECT format, codec, raw_bytes, data FROM chunk"
                                " WHERE trace_key = ? ORDER BY id");
    statement.bind(1, key);
    std::vector<PackedChunk> chunks;
    while (statement.executeStep()) {
        const auto data = statement.getColumn(3);
        const auto* bytes = static_cast<const std::uint8_t*>(data.getBlob());
        chunks.push_back({statement.getColumn(0).getInt(), Codec{statement.getColumn(1).getInt()},
                          static_cast<std::size_t>(unsigned_64(statement.getColumn(2))),
                          std::vector<std::uint8_t>(bytes, bytes + data.getBytes())});
    }
    return chunks;
}

void unpack_all(std::vector<PackedChunk> chunks, StoredTrace& stored) {
    constexpr std::size_t kWord = 8;
    std::size_t total = 0;
    for (const PackedChunk& chunk : chunks) {
        total += std::min(chunk.raw_bytes, kMaxRawBytes) + kWord;
    }
    stored.bytes.reserve(std::min<std::size_t>(total, 1ULL << 30U));
    for (PackedChunk& chunk : chunks) {
        const auto plain = chunk.format == proto::kChunkFormatSlices
                               ? chunk_bytes(chunk.codec, chunk.data, chunk.raw_bytes)
                               : std::nullopt;
        chunk.data = {};
        if (!plain) {
            ++stored.unreadable_chunks;
            continue;
        }
        stored.bytes.resize((stored.bytes.size() + kWord - 1) & ~(kWord - 1));
        stored.chunks.emplace_back(stored.bytes.size(), plain->size());
        stored.bytes.insert(stored.bytes.end(), plain->begin(), plain->end());
    }
}

}  // namespace

ReadResult<SQLite::Database> open_for_reading(const std::filesystem::path& path) {
    const FileKind kind = file_kind(path);
    if (kind == FileKind::kMissing) {
        return ReadFailure{ReadProblem::kNoDatabase,
                           path.string() +
                               " does not exist; record something first (`kolo-probe run "
                               "script.py`), or name the database with --db"};
    }
    if (kind == FileKind::kKolo) {
        return ReadFailure{ReadProblem::kKolosDatabase,
                           path.string() +
                               " was made by Kolo, not by kolo-probe; what kolo-probe "
                               "recorded lies in probe.sqlite3 beside it: name that with --db"};
    }
    if (kind == FileKind::kNotDatabase || kind == FileKind::kFolder ||
        kind == FileKind::kUnreadable) {
        return ReadFailure{ReadProblem::kUnusable,
                           refusal(kind, path).value_or(path.string() + " cannot be read")};
    }
    try {
        SQLite::Database database(path.string(), SQLite::OPEN_READONLY, kBusyTimeoutMs);
        if (auto refusal = refuse_other_schema(database, path.string())) {
            return *std::move(refusal);
        }
        return ReadResult<SQLite::Database>(std::move(database));
    } catch (const SQLite::Exception& error) {
        return explain(error, path.string());
    }
}

ReadResult<std::vector<TraceSummary>> list_traces(SQLite::Database& database, std::uint64_t count) {
    return in_one_moment(database, [&] {
        SQLite::Statement statement(
            database, select_trace("ORDER BY trace.started_at DESC, trace.key DESC LIMIT ?"));
        statement.bind(1, count == 0 ? std::int64_t{-1} : static_cast<std::int64_t>(count));
        std::vector<TraceSummary> traces;
        while (statement.executeStep()) {
            traces.push_back(trace_of(statement));
        }
        return traces;
    });
}

ReadResult<TraceSummary> find_trace(SQLite::Database& database, std::string_view wanted) {
    if (wanted == "latest") {
        auto listed = list_traces(database, 1);
        if (auto* failure = std::get_if<ReadFailure>(&listed)) {
            return std::move(*failure);
        }
        auto& traces = std::get<0>(listed);
        if (traces.empty()) {
            return ReadFailure{ReadProblem::kNotFound,
                               database.getFilename() + " holds no trace yet"};
        }
        return std::move(traces.front());
    }
    const std::string beginning = full_beginning(wanted);
    auto looked_up = in_one_moment(database, [&] {
        auto found = traces_beginning_with(database, beginning);
        return found.empty() ? traces_beginning_with(database, with_upper_case_ulid(beginning))
                             : std::move(found);
    });
    if (auto* failure = std::get_if<ReadFailure>(&looked_up)) {
        return std::move(*failure);
    }
    auto& found = std::get<0>(looked_up);
    if (found.empty()) {
        return ReadFailure{ReadProblem::kNotFound, "no trace " + std::string(wanted) + " in " +
                                                       database.getFilename() +
                                                       "; `kolo-trace list` shows what there is"};
    }
    if (found.size() == 1 || found.front().id == beginning) {
        return std::move(found.front());
    }
    std::string message =
        "several traces begin with " + std::string(wanted) + "; give more of the id:";
    for (const TraceSummary& trace : found) {
        message += "\n  " + trace.id;
    }
    return ReadFailure{ReadProblem::kAmbiguous, std::move(message)};
}

ReadResult<StoredTrace> read_trace(SQLite::Database& database, std::int64_t key) {
    std::vector<PackedChunk> chunks;
    auto result = in_one_moment(database, [&] {
        StoredTrace stored;
        SQLite::Statement statement(database, select_trace("WHERE trace.key = ?"));
        statement.bind(1, key);
        if (!statement.executeStep()) {
            // Deleted since it was found: the caller finds a trace without an id.
            return stored;
        }
        stored.trace = trace_of(statement);
        read_process(database, stored);
        read_threads(database, stored);
        read_codes(database, stored);
        read_clocks(database, stored);
        read_spans(database, stored);
        read_losses(database, stored);
        chunks = read_chunks(database, key);
        return stored;
    });
    if (auto* stored = std::get_if<StoredTrace>(&result)) {
        if (stored->trace.id.empty()) {
            return ReadFailure{ReadProblem::kNotFound, "the trace was deleted a moment ago"};
        }
        unpack_all(std::move(chunks), *stored);
    }
    return result;
}

}  // namespace kolo::store

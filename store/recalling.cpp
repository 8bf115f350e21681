#include "store/recalling.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace kolo::store {

namespace {

/// More closed traces than slots in an arena cannot be waiting for their acknowledgement.
constexpr int kClosedTold = 1024;

[[nodiscard]] std::uint64_t unsigned_of(const SQLite::Column& column) {
    return static_cast<std::uint64_t>(column.getInt64());
}

[[nodiscard]] std::optional<std::string> text_of(const SQLite::Column& column) {
    return column.isNull() ? std::nullopt : std::optional(column.getString());
}

[[nodiscard]] std::optional<proto::ProcessId> uuid_of(const SQLite::Column& column) {
    proto::ProcessId uuid;
    if (column.isNull() || static_cast<std::size_t>(column.getBytes()) != uuid.bytes.size()) {
        return std::nullopt;
    }
    std::memcpy(uuid.bytes.data(), column.getBlob(), uuid.bytes.size());
    return uuid;
}

template <typename Enum, std::size_t N>
[[nodiscard]] Enum named(const std::array<std::string_view, N>& names, std::string_view name,
                         Enum otherwise) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? otherwise : static_cast<Enum>(found - names.begin());
}

[[nodiscard]] ProcessRow process_row(SQLite::Statement& query) {
    ProcessRow row;
    int at = 0;
    const auto next = [&] { return query.getColumn(at++); };
    row.key = ProcessKey{next().getInt64()};
    row.uuid = uuid_of(next()).value_or(proto::ProcessId{});
    row.parent = uuid_of(next());
    row.pid = unsigned_of(next());
    row.own_pid = unsigned_of(next());
    row.start_time = unsigned_of(next());
    row.boot_id = next().getString();
    row.host = next().getString();
    row.python = next().getString();
    row.implementation = next().getString();
    row.version = next().getString();
    row.git_sha = text_of(next());
    row.argv = next().getString();
    row.cwd = next().getString();
    row.state = named(kProcessStateNames, next().getString(), ProcessState::kUnknown);
    row.accounting_unknown = next().getString() != "exact";
    row.connected_at = next().getString();
    row.ended_at = text_of(next());
    row.codes_offset = unsigned_of(next());
    row.emitted_blockless = unsigned_of(next());
    row.emitted = unsigned_of(next());
    row.stored = unsigned_of(next());
    row.traces_refused = unsigned_of(next());
    row.codes_lost = unsigned_of(next());
    row.unknown_records = unsigned_of(next());
    return row;
}

constexpr const char* kProcessColumns =
    "SELECT id, uuid, parent_uuid, pid, own_pid, start_time, boot_id, host, python, "
    "implementation, version, git_sha, "
    "argv, cwd, state, accounting, connected_at, ended_at, codes_offset, emitted_blockless, "
    "emitted, stored, "
    "traces_refused, codes_lost, unknown_records FROM process ";

[[nodiscard]] TraceRow trace_row(SQLite::Statement& query) {
    TraceRow row;
    int at = 0;
    const auto next = [&] { return query.getColumn(at++); };
    row.key = TraceKey{next().getInt64()};
    row.id = next().getString();
    row.number = unsigned_of(next());
    row.name = text_of(next());
    row.kind = next().getString();
    row.status = named(kTraceStatusNames, next().getString(), TraceStatus::kInterrupted);
    row.started_at = next().getString();
    if (const auto column = next(); !column.isNull()) {
        row.duration_ns = column.getInt64();
    }
    row.version = next().getString();
    row.git_sha = text_of(next());
    row.argv = next().getString();
    row.begin_ticks = unsigned_of(next());
    if (const auto column = next(); !column.isNull()) {
        row.end_ticks = unsigned_of(column);
    }
    row.parent_id = text_of(next());
    const auto parent_ring = next();
    const auto parent_ordinal = next();
    if (!parent_ring.isNull()) {
        row.parent = proto::ActivationId{proto::RingNumber{parent_ring.getUInt()},
                                         unsigned_of(parent_ordinal)};
    }
    row.group_id = text_of(next()).value_or("");
    row.emitted = unsigned_of(next());
    row.stored = unsigned_of(next());
    row.activations = unsigned_of(next());
    row.unwinds = unsigned_of(next());
    row.is_merged = next().getInt() != 0;
    return row;
}

constexpr const char* kTraceColumns =
    "SELECT key, id, number, name, kind, status, started_at, duration_ns, version, git_sha, argv, "
    "begin_ticks, "
    "end_ticks, parent_id, parent_ring, parent_ordinal, group_id, emitted, stored, activations, "
    "unwinds, is_merged FROM trace ";

[[nodiscard]] Losses losses_of(SQLite::Database& database, ProcessKey process,
                               const TraceKey* trace) {
    Losses losses{};
    SQLite::Statement query(
        database,
        "SELECT reason, events FROM loss WHERE process_id = ? AND ifnull(trace_key, 0) = ?");
    query.bind(1, static_cast<std::int64_t>(process));
    query.bind(2, trace != nullptr ? static_cast<std::int64_t>(*trace) : std::int64_t{0});
    while (query.executeStep()) {
        const std::string reason = query.getColumn(0).getString();
        const auto found = std::find(proto::kLossNames.begin(), proto::kLossNames.end(), reason);
        losses[static_cast<std::size_t>(found - proto::kLossNames.begin())] +=
            unsigned_of(query.getColumn(1));
    }
    return losses;
}

[[nodiscard]] RecalledTrace recalled_trace(SQLite::Database& database, ProcessKey process,
                                           SQLite::Statement& query) {
    RecalledTrace trace;
    trace.row = trace_row(query);
    trace.losses = losses_of(database, process, &trace.row.key);
    SQLite::Statement plain(database,
                            "SELECT total(raw_bytes) FROM chunk WHERE trace_key = ? AND codec = 0");
    plain.bind(1, static_cast<std::int64_t>(trace.row.key));
    static_cast<void>(plain.executeStep());
    trace.plain_bytes = unsigned_of(plain.getColumn(0));
    return trace;
}

/// A statement that is used again holds no read transaction between two uses.
class Asked {
  public:
    explicit Asked(SQLite::Statement& statement) : statement_(statement) {}
    ~Asked() { static_cast<void>(statement_.tryReset()); }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

  private:
    SQLite::Statement& statement_;
};

}  // namespace

std::optional<RecalledProcess> recall_process(SQLite::Database& database,
                                              const proto::ProcessId& uuid) {
    SQLite::Statement find(database, std::string(kProcessColumns) + "WHERE uuid = ?");
    find.bind(1, uuid.bytes.data(), static_cast<int>(uuid.bytes.size()));
    if (!find.executeStep()) {
        return std::nullopt;
    }
    RecalledProcess process;
    process.row = process_row(find);
    const auto key = static_cast<std::int64_t>(process.row.key);

    SQLite::Statement rings(
        database, "SELECT ring, sequence, \"offset\", emitted FROM ring WHERE process_id = ?");
    rings.bind(1, key);
    while (rings.executeStep()) {
        process.rings.push_back({rings.getColumn(0).getUInt(),
                                 {unsigned_of(rings.getColumn(1)), rings.getColumn(2).getUInt()},
                                 unsigned_of(rings.getColumn(3))});
    }
    SQLite::Statement clocks(
        database, "SELECT ticks, monotonic_ns, realtime_ns FROM clock WHERE process_id = ?");
    clocks.bind(1, key);
    while (clocks.executeStep()) {
        process.clocks.push_back({unsigned_of(clocks.getColumn(0)), clocks.getColumn(1).getInt64(),
                                  clocks.getColumn(2).getInt64()});
    }
    SQLite::Statement traces(
        database, std::string(kTraceColumns) + "WHERE process_id = ? AND status <> 'complete'");
    traces.bind(1, key);
    while (traces.executeStep()) {
        process.traces.push_back(recalled_trace(database, process.row.key, traces));
    }
    process.losses = losses_of(database, process.row.key, nullptr);
    return process;
}

std::vector<proto::TraceNumber> recall_closed(SQLite::Database& database, ProcessKey process) {
    std::vector<proto::TraceNumber> closed;
    SQLite::Statement query(database,
                            "SELECT number FROM trace WHERE process_id = ? AND status = 'complete' "
                            "ORDER BY number DESC LIMIT ?");
    query.bind(1, static_cast<std::int64_t>(process));
    query.bind(2, kClosedTold);
    while (query.executeStep()) {
        closed.push_back(proto::TraceNumber{unsigned_of(query.getColumn(0))});
    }
    return closed;
}

std::vector<proto::ProcessId> recall_living(SQLite::Database& database) {
    std::vector<proto::ProcessId> living;
    SQLite::Statement query(
        database, "SELECT uuid FROM process WHERE state IN ('connected', 'disconnected')");
    while (query.executeStep()) {
        if (const auto uuid = uuid_of(query.getColumn(0))) {
            living.push_back(*uuid);
        }
    }
    return living;
}

StoredTraces::StoredTraces(SQLite::Database& database)
    : database_(database),
      by_number_(database, std::string(kTraceColumns) + "WHERE process_id = ? AND number = ?"),
      by_id_(database, "SELECT 1 FROM trace WHERE id = ?") {}

std::optional<RecalledTrace> StoredTraces::recall(ProcessKey process, std::uint64_t number) {
    const Asked asked(by_number_);
    by_number_.bind(1, static_cast<std::int64_t>(process));
    by_number_.bind(2, static_cast<std::int64_t>(number));
    return by_number_.executeStep() ? std::optional(recalled_trace(database_, process, by_number_))
                                    : std::nullopt;
}

bool StoredTraces::has_id(const std::string& id) {
    const Asked asked(by_id_);
    by_id_.bind(1, id);
    return by_id_.executeStep();
}

LargestKeys largest_keys(SQLite::Database& database) {
    return {database.execAndGet("SELECT ifnull(max(id), 0) FROM process").getInt64(),
            database.execAndGet("SELECT ifnull(max(key), 0) FROM trace").getInt64()};
}

}  // namespace kolo::store

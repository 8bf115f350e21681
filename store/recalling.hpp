// What the store knows of processes that may still be there: asked by the collector at its start
// and at each hello.
//
// Used on the writer thread. Each function reads what it needs in one statement or a few and holds
// no transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/clock.hpp"
#include "store/rows.hpp"

namespace kolo::store {

struct RecalledTrace {
    TraceRow row;
    Losses losses{};
    std::uint64_t plain_bytes = 0;  // in chunks that are not packed yet
};

struct RecalledProcess {
    ProcessRow row;
    std::vector<RingRow> rings;
    std::vector<proto::ClockPair> clocks;
    std::vector<RecalledTrace> traces;  // those that are not complete
    Losses losses{};                    // in no trace
};

[[nodiscard]] std::optional<RecalledProcess> recall_process(SQLite::Database& database,
                                                            const proto::ProcessId& uuid);
/// The latest traces of a process that are complete: as many as can wait for their acknowledgement.
[[nodiscard]] std::vector<proto::TraceNumber> recall_closed(SQLite::Database& database,
                                                            ProcessKey process);
/// Processes that were connected or disconnected when a collector last wrote.
[[nodiscard]] std::vector<proto::ProcessId> recall_living(SQLite::Database& database);

/// What is asked of every trace that is told for the first time, and so is prepared once.
class StoredTraces {
  public:
    explicit StoredTraces(SQLite::Database& database);
    [[nodiscard]] std::optional<RecalledTrace> recall(ProcessKey process, std::uint64_t number);
    [[nodiscard]] bool has_id(const std::string& id);

  private:
    SQLite::Database& database_;
    SQLite::Statement by_number_;
    SQLite::Statement by_id_;
};

/// The largest keys in use. The collector is the only writer and numbers on from here, so that a
/// transaction that is done again uses the same keys.
struct LargestKeys {
    std::int64_t process = 0;
    std::int64_t trace = 0;
};
[[nodiscard]] LargestKeys largest_keys(SQLite::Database& database);

}  // namespace kolo::store

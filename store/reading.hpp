// Read-only access to a store, for the reader: what its rows say, and a trace's chunks,
// decompressed.
//
// Works while a collector writes (WAL), and after it died and left only a log behind. Each function
// reads in one short transaction that is over when it returns, so that nobody who prints or waits
// keeps the collector from its checkpoints. Writes nothing. One thread.
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/bytes.hpp"
#include "proto/clock.hpp"
#include "proto/ids.hpp"

namespace kolo::store {

enum class ReadProblem : std::uint8_t {
    kNotFound,      // no such trace
    kAmbiguous,     // several traces begin like that
    kNoDatabase,    // nothing there
    kUnusable,      // not a database, not ours, damaged or not readable
    kNewerSchema,   // written by a later version
    kKolosDatabase  // made by Kolo
};

/// What went wrong, with what, and what to do about it: fit to be shown.
struct ReadFailure {
    ReadProblem problem = ReadProblem::kUnusable;
    std::string message;
};

template <typename T>
using ReadResult = std::variant<T, ReadFailure>;

/// A row of `trace`, with what the tables around it say about it. argv is JSON.
struct TraceSummary {
    std::int64_t key = 0;
    std::int64_t process_id = 0;
    std::int64_t pid = 0;
    std::uint64_t number = 0;
    std::string id;
    std::optional<std::string> name;
    std::string kind;
    std::string status;
    std::string started_at;
    std::optional<std::int64_t> duration_ns;
    std::string version;
    std::optional<std::string> git_sha;
    std::string argv;
    proto::Ticks begin_ticks = 0;
    std::optional<proto::Ticks> end_ticks;
    std::optional<std::string> parent_id;
    std::optional<std::string> group_id;
    std::int64_t emitted = 0;
    std::int64_t stored = 0;
    std::int64_t activations = 0;
    std::int64_t lost = 0;
};

struct StoredProcess {
    std::string host;
    std::string python;
    std::string implementation;
    std::string cwd;
    std::string state;
    std::string accounting;
};

struct StoredThread {
    std::uint32_t ring = 0;
    std::uint64_t native_id = 0;
    std::uint64_t ident = 0;
    std::optional<std::string> name;
};

/// A row of `code`. `variables` is JSON: parsed for the few codes that are shown.
struct StoredCode {
    std::uint32_t number = 0;
    std::string name;
    std::optional<std::string> qualname;
    std::string path;
    std::int64_t first_line = 0;
    std::uint32_t flags = 0;
    std::uint32_t argument_count = 0;
    std::string variables;
};

struct StoredSpan {
    std::optional<proto::ActivationId> activation;
    std::string kind;
    std::string type;
    std::optional<std::string> end_type;
    std::optional<std::string> subtype;
    std::optional<std::string> name;
    std::int64_t start_ns = 0;                // from the trace's start
    std::optional<std::int64_t> duration_ns;  // nothing: it has not ended
    std::optional<std::string> outcome;       // nothing: a point in time, or not ended
    std::vector<std::uint8_t> data;           // msgpack map
    std::vector<std::uint8_t> end_data;       // the same; empty: not ended
};

struct StoredLoss {
    std::string reason;
    std::int64_t events = 0;
};

/// All that is stored of one trace.
struct StoredTrace {
    TraceSummary trace;
    StoredProcess process;
    std::vector<StoredThread> threads;  // of the process, by ring
    std::vector<StoredCode> codes;      // of the process, by number
    std::vector<proto::ClockPair> clocks;
    std::vector<StoredSpan> spans;
    std::vector<StoredLoss> losses;
    /// The chunks' slices, one behind the other, each chunk beginning at a multiple of 8.
    std::vector<std::uint8_t> bytes;
    /// Where in `bytes` each chunk lies: offset, size.
    std::vector<std::pair<std::size_t, std::size_t>> chunks;
    /// Chunks of an unknown format or codec, or that do not decompress: left out.
    std::size_t unreadable_chunks = 0;

    [[nodiscard]] proto::Bytes chunk(std::size_t index) const noexcept {
        return proto::Bytes(bytes).subspan(chunks[index].first, chunks[index].second);
    }
};

/// Opens a store for reading. Anything else that lies at `path` is refused, and left as it was.
[[nodiscard]] ReadResult<SQLite::Database> open_for_reading(const std::filesystem::path& path);

/// The traces begun last, latest first; `count` 0: all.
[[nodiscard]] ReadResult<std::vector<TraceSummary>> list_traces(SQLite::Database& database,
                                                                std::uint64_t count);

/// The trace that `wanted` means: an id, the unique beginning of one (with or without "trc_"), or
/// "latest".
[[nodiscard]] ReadResult<TraceSummary> find_trace(SQLite::Database& database,
                                                  std::string_view wanted);

[[nodiscard]] ReadResult<StoredTrace> read_trace(SQLite::Database& database, std::int64_t key);

}  // namespace kolo::store

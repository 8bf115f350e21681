// The store's rows as plain structs: what the writer puts and what it is told again after a
// restart.
//
// Counters are absolute, never differences: putting a row twice is putting it once, so a
// transaction that failed is simply done again. Unsigned 64-bit values stand in SQLite's signed
// ones bit by bit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/ids.hpp"
#include "proto/loss.hpp"

namespace kolo::store {

enum class ProcessKey : std::int64_t {};
enum class TraceKey : std::int64_t {};

enum class ProcessState : std::uint8_t { kConnected, kDisconnected, kEnded, kCrashed, kUnknown };
inline constexpr std::array<std::string_view, 5> kProcessStateNames = {
    "connected", "disconnected", "ended", "crashed", "unknown"};
[[nodiscard]] constexpr std::string_view name_of(ProcessState state) noexcept {
    return kProcessStateNames[static_cast<std::size_t>(state)];
}

enum class TraceStatus : std::uint8_t { kOpen, kComplete, kInterrupted, kCrashed };
inline constexpr std::array<std::string_view, 4> kTraceStatusNames = {"open", "complete",
                                                                      "interrupted", "crashed"};
[[nodiscard]] constexpr std::string_view name_of(TraceStatus status) noexcept {
    return kTraceStatusNames[static_cast<std::size_t>(status)];
}

struct ProcessRow {
    ProcessKey key{};
    proto::ProcessId uuid;
    std::optional<proto::ProcessId> parent;
    std::uint64_t pid = 0;
    std::uint64_t own_pid = 0;
    std::uint64_t start_time = 0;
    std::string boot_id;
    std::string host;
    std::string python;
    std::string implementation;
    std::string version;
    std::optional<std::string> git_sha;
    std::string argv;  // JSON array
    std::string cwd;
    ProcessState state = ProcessState::kConnected;
    bool accounting_unknown = false;
    std::string connected_at;
    std::optional<std::string> ended_at;
    std::uint64_t codes_offset = 0;
    std::uint64_t emitted_blockless = 0;
    std::uint64_t emitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t traces_refused = 0;
    std::uint64_t codes_lost = 0;
    std::uint64_t unknown_records = 0;
};

struct RingRow {
    std::uint32_t ring = 0;
    proto::Position stored;  // everything before it is
    std::uint64_t emitted = 0;
};

struct ThreadRow {
    std::uint32_t ring = 0;
    std::uint64_t native_id = 0;
    std::uint64_t ident = 0;
    std::optional<std::string> name;
};

struct TraceRow {
    TraceKey key{};
    std::string id;
    std::uint64_t number = 0;
    std::optional<std::string> name;
    std::string kind;
    TraceStatus status = TraceStatus::kOpen;
    std::string started_at;
    std::optional<std::int64_t> duration_ns;
    std::string version;
    std::optional<std::string> git_sha;
    std::string argv;
    proto::Ticks begin_ticks = 0;
    std::optional<proto::Ticks> end_ticks;
    std::optional<std::string> parent_id;
    std::string group_id;
    std::optional<proto::ActivationId> parent;
    std::uint64_t emitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t activations = 0;
    std::uint64_t unwinds = 0;
    bool is_merged = false;
};

/// A span's start, or a point in time.
struct SpanRow {
    std::uint64_t number = 0;  // within its process
    std::optional<proto::ActivationId> activation;
    std::string kind;
    std::string type;
    std::optional<std::string> subtype;
    std::optional<std::string> name;
    proto::Ticks ticks = 0;
    bool is_point = false;
    std::vector<std::uint8_t> data;  // msgpack map
};

struct SpanEndRow {
    std::uint64_t number = 0;
    std::string type;
    std::optional<std::string> name;  // in place of the one it began with
    std::string outcome;
    proto::Ticks ticks = 0;
    std::vector<std::uint8_t> data;
};

/// An end and where it lies, in nanoseconds from the trace's start.
struct SpanEnd {
    const SpanEndRow* row;
    std::int64_t end_ns;
};

/// Events lost by reason (proto::LossReason).
using Losses = std::array<std::uint64_t, proto::kLossCounters>;

}  // namespace kolo::store

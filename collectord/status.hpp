// What `kolo-collectord status` shows: gathered by the writer thread, completed by the I/O thread,
// sent as JSON.
//
// A status request is a frame of a type of our own, sent instead of a hello; proto's types lie
// elsewhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "collectord/model.hpp"
#include "proto/messages.hpp"

namespace kolo::collectord {

inline constexpr auto kStatusRequest = static_cast<proto::MessageType>(128);
inline constexpr auto kStatus = static_cast<proto::MessageType>(129);

struct ProcessStatus {
    SessionId session = SessionId::kNone;
    proto::ProcessId uuid;
    std::uint64_t pid = 0;
    std::string argv;  // JSON array
    std::string state;
    bool accounting_unknown = false;
    std::uint64_t emitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t lost = 0;  // as stored
    std::uint64_t open_traces = 0;
    std::uint64_t bytes_committed = 0;
    std::uint64_t bytes_received = 0;  // as the I/O thread counts them
    bool death_is_seen = true;         // false: a pid of another namespace, decided by a time-out
};

struct Status {
    std::string database;
    std::uint64_t database_bytes = 0;
    std::uint64_t wal_bytes = 0;
    std::string socket;
    std::uint64_t pid = 0;
    std::uint64_t connections = 0;
    std::uint64_t queue_items = 0;
    std::uint64_t queue_bytes = 0;
    double oldest_uncommitted_s = 0;
    std::uint64_t commits = 0;
    std::string trouble;     // why nothing is committed now; empty: all is well
    std::string last_error;  // the latest, also when it is over
    std::string last_error_at;
    bool is_stopping = false;
    std::vector<ProcessStatus> processes;
};

[[nodiscard]] std::string status_json(const Status& status);

/// Asks the daemon at `socket` and prints its answer. Returns the program's exit code.
[[nodiscard]] int show_status(const std::filesystem::path& socket, bool as_json);

}  // namespace kolo::collectord

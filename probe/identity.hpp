// Who this process is: what names it on its machine, across restarts of the collector.
//
// Read once, when the process first connects; on any thread. Nothing to do at fork: the child's
// drain reads its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proto/ids.hpp"

namespace kolo::probe {

struct Identity {
    std::uint64_t pid = 0;         // as the process itself sees it
    std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/self/stat
    std::string boot_id;           // empty where /proc does not tell
    std::string host;
};

[[nodiscard]] Identity read_identity();

/// 128 random bits. Nothing when the system has none to give (errno tells).
[[nodiscard]] std::optional<proto::ProcessId> draw_process_id() noexcept;

/// Field 22 of a /proc/<pid>/stat line; 0 when it is no such line.
[[nodiscard]] std::uint64_t start_time_in(const std::string& stat_line) noexcept;

}  // namespace kolo::probe

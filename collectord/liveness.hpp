// Whether a process is still there: by its pid, the time it started, and the boot it belongs to.
// Plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kolo::collectord {

/// This boot's id; empty where the kernel does not tell it.
[[nodiscard]] std::string this_boot_id();

/// Field 22 of /proc/<pid>/stat: clock ticks since the boot. Nothing when there is no such process.
[[nodiscard]] std::optional<std::uint64_t> start_time_of(std::uint64_t pid);

/// Whether the process that these three name runs here and now.
[[nodiscard]] bool is_alive(const std::string& boot_id, std::uint64_t pid,
                            std::uint64_t start_time);

}  // namespace kolo::collectord

// The daemon as a whole: takes its place, wires hub and writer together, and leaves in order.
//
// Runs on the main thread, which becomes the I/O thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace kolo::collectord {

/// What the program ends with; --help lists them.
inline constexpr int kExitUsage = 2;
inline constexpr int kExitRunning = 3;
inline constexpr int kExitDatabase = 4;
inline constexpr int kExitSocket = 5;

struct Options {
    std::filesystem::path database;
    std::filesystem::path socket;
    std::set<std::uint32_t> allowed_users;
    bool is_spawned = false;
    std::string log_level = "info";
};

/// Serves until a signal, or (spawned) until nobody needs it. Returns the program's exit code.
[[nodiscard]] int serve(const Options& options);

}  // namespace kolo::collectord

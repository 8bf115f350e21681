// What configure() fixed for this process. Plain values, written once under the GIL before anything
// records, then only read; a forked child keeps them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/encode_limits.hpp"
#include "probe/filters.hpp"

namespace kolo::probe {

enum class WhenFull : std::uint8_t { kDrop, kWait };
enum class CollectorMode : std::uint8_t { kAuto, kRequire, kOff };

/// Whose __repr__ may run.
struct ReprSettings {
    bool all = false;
    std::vector<std::string> types;  // by the name of the class or of one of its bases
    std::uint32_t max_us = 1000;     // of one repr, and of an event's together

    [[nodiscard]] bool any() const noexcept { return all || !types.empty(); }
};

struct Settings {
    std::string folder;  // the .kolo folder, absolute
    std::string socket;
    CollectorMode collector = CollectorMode::kAuto;
    std::optional<std::string> collectord_path;

    std::string hook = "auto";
    FilterSettings filters;

    WhenFull when_full = WhenFull::kDrop;
    std::chrono::milliseconds wait{0};
    std::uint64_t arena_bytes = 64ULL << 20U;

    bool values = true;
    bool return_locals = true;
    EncodeLimits limits;
    EncodeLimits span_limits;
    ReprSettings reprs;
    std::vector<std::string> redact;

    std::string version;
    std::optional<std::string> git_sha;
    std::vector<std::string> argv;
    std::string cwd;
    std::string python;
    std::string implementation;
};

}  // namespace kolo::probe

// Numbers as people read them: durations, counts, times. Plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kolo::reader {

/// "812 ns", "1.23 µs", "45.6 ms", "7.89 s", "3 min 12 s", "2 h 05 min": three digits, never "1000
/// µs".
[[nodiscard]] std::string format_duration(std::int64_t ns);

/// "4 983 000"
[[nodiscard]] std::string format_count(std::int64_t count);

/// "1 event", "4 983 events"
[[nodiscard]] std::string format_count(std::int64_t count, std::string_view thing);

/// Nanoseconds since the Unix epoch of a time as the store writes it; nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view iso);

/// "just now", "5 s ago", "3 min ago", "2 h ago", "4 days ago"; of a time to come (another clock):
/// "just now".
[[nodiscard]] std::string format_age(std::int64_t age_ns);

[[nodiscard]] std::int64_t now_ns();

}  // namespace kolo::reader

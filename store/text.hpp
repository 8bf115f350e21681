// Text as it stands in the store: times, JSON arrays, and names that are surely UTF-8. Plain
// functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kolo::store {

/// "2026-11-23T05:30:00.123456Z" for nanoseconds since the Unix epoch.
[[nodiscard]] std::string iso_time(std::int64_t realtime_ns);
/// The same for now.
[[nodiscard]] std::string iso_now();

/// A JSON array of strings; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_array(std::span<const std::string> texts);

/// `text` with every byte that is not part of UTF-8 replaced by U+FFFD, and NUL by U+FFFD too:
/// SQLite and JSON both trust what TEXT columns hold.
[[nodiscard]] std::string clean_text(std::string_view text);

}  // namespace kolo::store

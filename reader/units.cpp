#include "reader/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace kolo::reader {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Unit {
    double ns;
    std::string_view name;
};
constexpr std::array<Unit, 3> kUnits = {{{1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}}};

/// Three digits, or as many as stand before the point.
[[nodiscard]] std::string three_digits(double value) {
    // The borders are where rounding to fewer decimals would bring in a digit more.
    if (value < 9.995) {
        return fmt::format("{:.2f}", value);
    }
    if (value < 99.95) {
        return fmt::format("{:.1f}", value);
    }
    return fmt::format("{:.0f}", value);
}

/// The number that stands at `text[from, from + length)`.
[[nodiscard]] std::optional<int> number_at(std::string_view text, std::size_t from,
                                           std::size_t length) {
    int value = 0;
    const char* begin = text.data() + from;
    const auto [end, error] = std::from_chars(begin, begin + length, value);
    return error == std::errc{} && end == begin + length ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string format_duration(std::int64_t ns) {
    if (ns < 0) {
        ns = 0;
    }
    if (ns < 1000) {
        return fmt::format("{} ns", ns);
    }
    const auto exact = static_cast<double>(ns);
    for (const Unit& unit : kUnits) {
        const double limit = unit.name == "s" ? 59.95 : 999.5;
        if (exact / unit.ns < limit) {
            return fmt::format("{} {}", three_digits(exact / unit.ns), unit.name);
        }
    }
    const std::int64_t seconds = (ns + kSecond / 2) / kSecond;
    if (seconds < 3600) {
        return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
    }
    const std::int64_t minutes = (seconds + 30) / 60;
    return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
}

std::string format_count(std::int64_t count) {
    std::string digits = fmt::format("{}", count);
    const std::size_t first = count < 0 ? 1 : 0;
    for (std::size_t place = digits.size(); place > first + 3;) {
        place -= 3;
        digits.insert(place, 1, ' ');
    }
    return digits;
}

std::string format_count(std::int64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", format_count(count), thing, count == 1 ? "" : "s");
}

std::optional<std::int64_t> parse_time(std::string_view iso) {
    constexpr std::string_view kPattern = "0000-00-00T00:00:00";
    if (iso.size() < kPattern.size() || !iso.ends_with('Z')) {
        return std::nullopt;
    }
    const auto year = number_at(iso, 0, 4);
    const auto month = number_at(iso, 5, 2);
    const auto day = number_at(iso, 8, 2);
    const auto hour = number_at(iso, 11, 2);
    const auto minute = number_at(iso, 14, 2);
    const auto second = number_at(iso, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    const auto time = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                      std::chrono::minutes{*minute} + std::chrono::seconds{*second};
    std::int64_t ns = std::chrono::nanoseconds{time.time_since_epoch()}.count();
    std::int64_t unit = kSecond / 10;
    for (std::size_t i = kPattern.size() + 1; i + 1 < iso.size() && unit > 0; ++i, unit /= 10) {
        ns += (iso[i] - '0') * unit;
    }
    return ns;
}

std::string format_age(std::int64_t age_ns) {
    const std::int64_t seconds = age_ns / kSecond;
    if (seconds < 1) {
        return "just now";
    }
    if (seconds < 60) {
        return fmt::format("{} s ago", seconds);
    }
    if (seconds < 3600) {
        return fmt::format("{} min ago", seconds / 60);
    }
    if (seconds < 48L * 3600) {
        return fmt::format("{} h ago", seconds / 3600);
    }
    return fmt::format("{} days ago", seconds / 86400);
}

std::int64_t now_ns() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace kolo::reader

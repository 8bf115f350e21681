#include "store/text.hpp"

#include <time.h>

#include <array>
#include <chrono>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace kolo::store {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the well-formed UTF-8 character at the front of `text`; 0 when there is none (Unicode
/// 15, table 3-7).
[[nodiscard]] std::size_t character_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t at) -> unsigned {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const auto is_tail = [](unsigned value) { return (value & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return first == 0 ? 0 : 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return is_tail(byte(1)) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;  // no surrogates
        return byte(1) >= low && byte(1) <= high && is_tail(byte(2)) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return byte(1) >= low && byte(1) <= high && is_tail(byte(2)) && is_tail(byte(3)) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string iso_time(std::int64_t realtime_ns) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    std::int64_t seconds = realtime_ns / kSecond;
    std::int64_t rest = realtime_ns % kSecond;
    if (rest < 0) {
        rest += kSecond;
        --seconds;
    }
    const auto when = static_cast<time_t>(seconds);
    tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 64> text{};
    const std::size_t length = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 16> tail{};
    std::snprintf(tail.data(), tail.size(), ".%06dZ", static_cast<int>(rest / 1000));
    return std::string(text.data(), length) + tail.data();
}

std::string iso_now() {
    return iso_time(std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count());
}

std::string json_array(std::span<const std::string> texts) {
    nlohmann::json array = nlohmann::json::array();
    for (const std::string& text : texts) {
        array.push_back(text);
    }
    return array.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string clean_text(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        clean += length == 0 ? kReplacement : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return clean;
}

}  // namespace kolo::store

#include "reader/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kolo::reader {

namespace {

struct CodePoint {
    std::uint32_t value = 0;
    std::size_t bytes = 1;
    bool is_valid = false;
};

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

// Unicode's East Asian Width W and F, and emoji: two columns each.
constexpr std::array<Range, 16> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0x33FF},
                                          {0x3400, 0x4DBF},
                                          {0x4E00, 0x9FFF},
                                          {0xA000, 0xA4CF},
                                          {0xA960, 0xA97F},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F680, 0x1F6FF},
                                          {0x1F900, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};
// Drawn above or below the character before.
constexpr std::array<Range, 6> kCombining = {{{0x0300, 0x036F},
                                              {0x0591, 0x05BD},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F}}};
// Control characters, and those that hide, join or turn around what stands beside them.
constexpr std::array<Range, 9> kObeyed = {{{0x00, 0x1F},
                                           {0x7F, 0x9F},
                                           {0xAD, 0xAD},
                                           {0x061C, 0x061C},
                                           {0x200B, 0x200F},
                                           {0x2028, 0x202E},
                                           {0x2060, 0x206F},
                                           {0xFEFF, 0xFEFF},
                                           {0xE0000, 0xE0FFF}}};

template <std::size_t kCount>
[[nodiscard]] bool is_in(const std::array<Range, kCount>& ranges, std::uint32_t value) noexcept {
    return std::any_of(ranges.begin(), ranges.end(), [value](const Range& range) {
        return value >= range.first && value <= range.last;
    });
}

[[nodiscard]] CodePoint code_point_at(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
    };
    const std::uint32_t first = byte(0);
    if (first < 0x80) {
        return {first, 1, true};
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || first > 0xF4 || text.size() - at < length) {
        return {first, 1, false};
    }
    std::uint32_t value = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) {
            return {first, 1, false};
        }
        value = value << 6U | (byte(i) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (value < kLeast[length] || value > 0x10FFFF || is_surrogate) {
        return {first, 1, false};
    }
    return {value, length, true};
}

[[nodiscard]] std::size_t width_of(std::uint32_t code_point) noexcept {
    if (code_point < 0x300) {
        return 1;
    }
    return is_in(kWide, code_point) ? 2 : is_in(kCombining, code_point) ? 0 : 1;
}

[[nodiscard]] std::string escaped(std::uint32_t code_point) {
    switch (code_point) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            break;
    }
    if (code_point < 0x100) {
        return fmt::format("\\x{:02x}", code_point);
    }
    return code_point < 0x10000 ? fmt::format("\\u{:04x}", code_point)
                                : fmt::format("\\U{:08x}", code_point);
}

}  // namespace

void ColumnWriter::put(std::string_view visible, std::size_t columns) {
    if (full_) {
        return;
    }
    if (left_ == kUnlimited) {
        out_->append(visible);
        return;
    }
    if (columns > left_) {
        // The character that stands in the last column gives way to the mark.
        if (left_ == 0) {
            out_->resize(cut_at_);
        }
        out_->append("…");
        full_ = true;
        left_ = 0;
        return;
    }
    if (left_ > 0) {
        cut_at_ = out_->size();
    }
    out_->append(visible);
    left_ -= columns;
}

void ColumnWriter::add_character(std::string_view character, std::uint32_t code_point) {
    if (is_in(kObeyed, code_point)) {
        const std::string text = escaped(code_point);
        put(text, text.size());
    } else {
        put(character, width_of(code_point));
    }
}

void ColumnWriter::add(std::string_view text) {
    for (std::size_t at = 0; at < text.size() && !full_;) {
        const CodePoint point = code_point_at(text, at);
        if (point.is_valid) {
            add_character(text.substr(at, point.bytes), point.value);
        } else {
            put("\xEF\xBF\xBD", 1);
        }
        at += point.bytes;
    }
}

void ColumnWriter::add_quoted(std::string_view text, char quote) {
    for (std::size_t at = 0; at < text.size() && !full_;) {
        const CodePoint point = code_point_at(text, at);
        const char c = text[at];
        if (point.is_valid && (c == '\\' || c == quote)) {
            const std::array<char, 2> pair = {'\\', c};
            put({pair.data(), pair.size()}, 2);
        } else if (point.is_valid) {
            add_character(text.substr(at, point.bytes), point.value);
        } else {
            // A lone surrogate, as Python's surrogatepass writes it, or bytes that are no text at
            // all.
            const auto byte = [&](std::size_t i) {
                return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
            };
            if (text.size() - at >= 3 && byte(0) == 0xED && byte(1) >= 0xA0 &&
                (byte(2) & 0xC0U) == 0x80U) {
                put(escaped(0xD000U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU)), 6);
                at += 2;
            } else {
                put(escaped(byte(0)), 4);
            }
        }
        at += point.bytes;
    }
}

std::string printable(std::string_view text) { return cut(text, ColumnWriter::kUnlimited); }

std::string cut(std::string_view text, std::size_t columns) {
    std::string out;
    ColumnWriter(out, columns).add(text);
    return out;
}

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = code_point_at(text, at);
        columns += point.is_valid ? width_of(point.value) : 1;
        at += point.bytes;
    }
    return columns;
}

}  // namespace kolo::reader

#include "reader/value_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kolo::reader {

namespace {

using proto::Tag;

/// What a tagged array holds behind its tag, a letter a part: b bytes, f number, i integer, n
/// integer or nil, t text, v any value, z text or nil; behind a bar, parts that may be missing.
[[nodiscard]] std::string_view pattern_of(Tag tag) noexcept {
    switch (tag) {
        case Tag::kTuple:
        case Tag::kSet:
        case Tag::kFrozenSet:
            return "";
        case Tag::kObject:
            return "t|v";
        case Tag::kException:
            return "t|vnvvv";
        case Tag::kBigInt:
        case Tag::kByteArray:
        case Tag::kSurrogates:
        case Tag::kUuid:
            return "b";
        case Tag::kComplex:
            return "ff";
        case Tag::kText:
            return "ti";
        case Tag::kBytes:
            return "bi";
        case Tag::kType:
        case Tag::kFunction:
        case Tag::kModule:
        case Tag::kDecimal:
            return "t";
        case Tag::kDateTime:
            return "iiiiiiiiz";
        case Tag::kDate:
        case Tag::kTimeDelta:
            return "iii";
        case Tag::kTime:
            return "iiiiiz";
        case Tag::kSubclass:
        case Tag::kPath:
        case Tag::kRepr:
            return "tv";
        case Tag::kEnum:
            return "tzv";
    }
    return "";
}

[[nodiscard]] bool is_of(const ValueNode& node, char letter) noexcept {
    switch (letter) {
        case 'b':
            return node.kind == ValueKind::kBytes;
        case 'f':
            return node.kind == ValueKind::kFloat || node.kind == ValueKind::kInteger;
        case 'i':
            return node.kind == ValueKind::kInteger;
        case 'n':
            return node.kind == ValueKind::kInteger || node.kind == ValueKind::kNull;
        case 't':
            return node.kind == ValueKind::kText;
        case 'z':
            return node.kind == ValueKind::kText || node.kind == ValueKind::kNull;
        default:
            return true;
    }
}

/// Length of the character at `text[at]`; 0 when the bytes there are none.
[[nodiscard]] std::size_t character_bytes(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() - at < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) {
            return 0;
        }
    }
    const bool is_overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
    const bool is_surrogate = first == 0xED && byte(1) >= 0xA0;
    const bool is_beyond = first == 0xF4 && byte(1) >= 0x90;
    return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

}  // namespace

std::string tag_name(std::uint8_t tag) {
    if (tag == 0 || tag >= proto::kTagNames.size()) {
        return fmt::format("tag#{}", tag);
    }
    return std::string(proto::kTagNames[tag]);
}

std::string omission_reason(const ValueNode& omission) {
    if (omission.detail == 0 || omission.detail >= proto::kOmittedNames.size()) {
        return fmt::format("reason#{}", omission.detail);
    }
    return std::string(proto::kOmittedNames[omission.detail]);
}

std::string extension_name(const ValueNode& extension) {
    return fmt::format("extension#{}",
                       static_cast<int>(static_cast<std::int8_t>(extension.detail)));
}

bool has_parts_of(const ValueTree& tree, Tag tag, const std::vector<std::uint32_t>& parts) {
    std::size_t i = 0;
    bool must = true;
    for (const char letter : pattern_of(tag)) {
        if (letter == '|') {
            must = false;
            continue;
        }
        if (i == parts.size()) {
            return !must;
        }
        if (!is_of(tree[parts[i++]], letter)) {
            return false;
        }
    }
    return tag != Tag::kUuid || tree[parts[0]].text.size() == 16;
}

bool is_text(const ValueNode& node) noexcept {
    const bool is_tagged_text = node.kind == ValueKind::kTagged &&
                                (node.detail == static_cast<std::uint8_t>(Tag::kText) ||
                                 node.detail == static_cast<std::uint8_t>(Tag::kSurrogates));
    return node.kind == ValueKind::kText || is_tagged_text;
}

ExceptionParts exception_parts(const ValueTree& tree, const std::vector<std::uint32_t>& parts) {
    const auto part = [&](std::size_t i) {
        const bool is_told = i < parts.size() && tree[parts[i]].kind != ValueKind::kNull;
        return is_told ? std::optional(parts[i]) : std::nullopt;
    };
    ExceptionParts exception{
        tree[parts[0]].text, part(1), std::nullopt, std::nullopt, part(3), part(4), part(5)};
    if (const auto line = part(2)) {
        exception.line = tree[*line].integer;
    }
    if (exception.args && tree[*exception.args].kind == ValueKind::kList) {
        std::size_t texts = 0;
        for (const std::uint32_t argument : Parts(tree, *exception.args)) {
            if (is_text(tree[argument])) {
                exception.message = argument;
                ++texts;
            }
        }
        if (texts != 1) {
            exception.message.reset();
        }
    }
    return exception;
}

double float_of(const ValueNode& number) noexcept {
    return number.kind == ValueKind::kFloat ? number.number : static_cast<double>(number.integer);
}

std::string decimal_digits(std::string_view big_endian) {
    constexpr std::size_t kMaxBytes = 4096;
    constexpr std::uint32_t kBase = 1'000'000'000;
    if (big_endian.size() > kMaxBytes) {
        std::string digits = "0x";
        for (const char c : big_endian) {
            digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
        }
        return digits;
    }
    const bool is_negative =
        !big_endian.empty() && (static_cast<unsigned char>(big_endian[0]) & 0x80U) != 0;
    // Magnitude, least significant part first: each byte in, nine decimal digits a part.
    std::vector<std::uint32_t> parts{0};
    const auto multiply_and_add = [&parts](std::uint32_t factor, std::uint32_t addend) {
        std::uint64_t carry = addend;
        for (std::uint32_t& part : parts) {
            carry += static_cast<std::uint64_t>(part) * factor;
            part = static_cast<std::uint32_t>(carry % kBase);
            carry /= kBase;
        }
        if (carry != 0) {
            parts.push_back(static_cast<std::uint32_t>(carry));
        }
    };
    for (const char c : big_endian) {
        const auto byte = static_cast<unsigned char>(c);
        // The complement of a negative number is its magnitude less one.
        multiply_and_add(256, is_negative ? static_cast<unsigned char>(~byte) : byte);
    }
    if (is_negative) {
        multiply_and_add(1, 1);
    }
    std::string digits = fmt::format("{}{}", is_negative ? "-" : "", parts.back());
    for (auto part = parts.rbegin() + 1; part != parts.rend(); ++part) {
        digits += fmt::format("{:09}", *part);
    }
    return digits;
}

std::string iso_text(const ValueTree& tree, Tag tag, const std::vector<std::uint32_t>& parts) {
    const auto number = [&](std::size_t i) { return tree[parts[i]].integer; };
    const std::size_t time = tag == Tag::kTime ? 0 : 3;
    std::string text;
    if (tag != Tag::kTime) {
        text = fmt::format("{:04}-{:02}-{:02}", number(0), number(1), number(2));
    }
    if (tag != Tag::kDate) {
        text += fmt::format("{}{:02}:{:02}:{:02}", tag == Tag::kTime ? "" : "T", number(time),
                            number(time + 1), number(time + 2));
        if (number(time + 3) != 0) {
            text += fmt::format(".{:06}", number(time + 3));
        }
    }
    return text;
}

TimeExtras time_extras(const ValueTree& tree, Tag tag, const std::vector<std::uint32_t>& parts) {
    if (tag == Tag::kDate) {
        return {};
    }
    const std::size_t fold = tag == Tag::kTime ? 4 : 7;
    return {tree[parts[fold]].integer != 0, tree[parts[fold + 1]].text};
}

std::string uuid_text(std::string_view bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text += '-';
        }
        text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
    }
    return text;
}

bool is_valid_utf8(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_bytes(text, at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

std::int64_t count_characters(std::string_view utf8) noexcept {
    return std::count_if(utf8.begin(), utf8.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

}  // namespace kolo::reader

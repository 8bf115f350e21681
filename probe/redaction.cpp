#include "probe/redaction.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kolo::probe {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
/// How much of what stands before '=' or ':' is looked at.
constexpr std::size_t kLongestName = 128;

struct Folding {
    std::array<char, 256> to{};
    constexpr Folding() noexcept {
        for (std::size_t i = 0; i < to.size(); ++i) {
            to[i] = static_cast<char>(i);
        }
        for (std::size_t i = 'A'; i <= 'Z'; ++i) {
            to[i] = static_cast<char>(i - 'A' + 'a');
        }
        to['-'] = to[' '] = '_';
    }
};
constexpr Folding kFolding;

constexpr char fold(char character) noexcept {
    return kFolding.to[static_cast<unsigned char>(character)];
}

constexpr unsigned low5(char character) noexcept {
    return static_cast<unsigned char>(character) & 31U;
}

constexpr bool is_space(char character) noexcept {
    return character == ' ' || (character >= '\t' && character <= '\r');
}

constexpr bool is_quote(char character) noexcept { return character == '"' || character == '\''; }

struct NameCharacters {
    std::array<bool, 256> is{};
    constexpr NameCharacters() noexcept {
        for (std::size_t i = 0; i < is.size(); ++i) {
            const char folded = kFolding.to[i];
            is[i] = i != ' ' && ((folded >= 'a' && folded <= 'z') || folded == '_' ||
                                 (folded >= '0' && folded <= '9') || folded == '.');
        }
    }
};
constexpr NameCharacters kNameCharacters;

constexpr bool is_name_character(char character) noexcept {
    return kNameCharacters.is[static_cast<unsigned char>(character)];
}

constexpr bool is_scheme_character(char character) noexcept {
    const char folded = fold(character);
    return (folded >= 'a' && folded <= 'z') || (folded >= '0' && folded <= '9') ||
           character == '+' || character == '-' || character == '.';
}

/// Ends a URL's "user:password@host" part.
constexpr bool ends_authority(char character) noexcept {
    return character == '/' || character == '?' || character == '#' || is_space(character) ||
           is_quote(character) || character == '<' || character == '>';
}

constexpr bool ends_plain_value(char character) noexcept {
    return is_space(character) || is_quote(character) || character == '&' || character == ';' ||
           character == ',' || character == ')' || character == '}' || character == '#';
}

std::size_t skip_spaces(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) {
        ++at;
    }
    return at;
}

/// The name that ends at `end`; perhaps empty.
std::string_view name_before(std::string_view text, std::size_t end) noexcept {
    std::size_t begin = end;
    while (begin > 0 && end - begin < kLongestName && is_name_character(text[begin - 1])) {
        --begin;
    }
    return text.substr(begin, end - begin);
}

/// The end of a string literal's content that begins at `at`; a backslash keeps the quote in it.
std::size_t end_of_quoted(std::string_view text, std::size_t at, char quote) noexcept {
    while (at < text.size() && text[at] != quote) {
        at += text[at] == '\\' ? 2U : 1U;
    }
    return std::min(at, text.size());
}

/// The value that begins at `at`, quoted or not (a prefix as in b'…' is skipped).
std::optional<Redaction::Range> value_at(std::string_view text, std::size_t at) noexcept {
    at = skip_spaces(text, at);
    if (at + 1 < text.size() && fold(text[at]) == 'b' && is_quote(text[at + 1])) {
        ++at;
    }
    if (at < text.size() && is_quote(text[at])) {
        const std::size_t end = end_of_quoted(text, at + 1, text[at]);
        return end > at + 1 ? std::optional(Redaction::Range{at + 1, end}) : std::nullopt;
    }
    std::size_t end = at;
    while (end < text.size() && !ends_plain_value(text[end])) {
        ++end;
    }
    // "Authorization=Bearer abc": the secret is the second word.
    const std::string_view word = text.substr(at, end - at);
    if ((word == "Bearer" || word == "Basic" || word == "Token") && end < text.size() &&
        text[end] == ' ') {
        do {
            ++end;
        } while (end < text.size() && !ends_plain_value(text[end]));
    }
    return end > at ? std::optional(Redaction::Range{at, end}) : std::nullopt;
}

/// The password of a URL whose "://" has its colon at `colon` (or ":/", which pathlib makes of it).
std::optional<Redaction::Range> url_password(std::string_view text, std::size_t colon,
                                             bool is_cut) noexcept {
    if (colon == 0 || !is_scheme_character(text[colon - 1]) || text.substr(colon, 2) != ":/") {
        return std::nullopt;
    }
    std::size_t begin = kNone;
    std::size_t last_at = kNone;
    std::size_t at = colon + (text.substr(colon, 3) == "://" ? 3 : 2);
    for (; at < text.size() && !ends_authority(text[at]); ++at) {
        if (text[at] == '@') {
            last_at = at;  // a password may hold one: the last ends it
        } else if (text[at] == ':' && begin == kNone && last_at == kNone) {
            begin = at + 1;
        }
    }
    if (is_cut && at == text.size()) {
        last_at = at;
    }
    return begin != kNone && last_at != kNone && last_at > begin
               ? std::optional(Redaction::Range{begin, last_at})
               : std::nullopt;
}

constexpr bool is_mark(char character) noexcept { return character == ':' || character == '='; }

bool has_mark(const char* eight) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, eight, sizeof word);
    return Redaction::marks_in(word) != 0;
}

/// The first ':' or '=' at or after `at`.
std::size_t next_mark(std::string_view text, std::size_t at) noexcept {
    while (at + sizeof(std::uint64_t) <= text.size() && !has_mark(text.data() + at)) {
        at += sizeof(std::uint64_t);
    }
    while (at < text.size() && !is_mark(text[at])) {
        ++at;
    }
    return at;
}

}  // namespace

Redaction::Redaction(std::vector<std::string> names) : names_(std::move(names)) {
    for (std::string& name : names_) {
        std::transform(name.begin(), name.end(), name.begin(), fold);
    }
    names_.erase(
        std::remove_if(names_.begin(), names_.end(), [](const auto& name) { return name.empty(); }),
        names_.end());
    for (const std::string& name : names_) {
        std::uint32_t& seconds = beginnings_[low5(name[0])];
        seconds |= name.size() > 1 ? 1U << low5(name[1]) : ~0U;
    }
    for (std::size_t i = 0; i < remembered_.size(); ++i) {
        remembered_[i] = (i ^ 1U) << 1U;  // the hash of another slot: nothing is remembered
    }
}

bool Redaction::occurs_at(std::string_view name, std::size_t at) const noexcept {
    const std::string_view rest = name.substr(at);
    return std::any_of(names_.begin(), names_.end(), [rest](const std::string& secret) {
        return secret.size() <= rest.size() &&
               std::equal(secret.begin(), secret.end(), rest.begin(),
                          [](char wanted, char found) { return wanted == fold(found); });
    });
}

bool Redaction::matches(std::string_view name) const noexcept {
    if (name.empty()) {
        return false;
    }
    unsigned first = low5(fold(name[0]));
    for (std::size_t i = 0; i < name.size(); ++i) {
        // The last character can only be a name of one character, which has all bits set.
        const unsigned second = i + 1 < name.size() ? low5(fold(name[i + 1])) : 0;
        if ((beginnings_[first] >> second & 1U) != 0 && occurs_at(name, i)) {
            return true;
        }
        first = second;
    }
    return false;
}

bool Redaction::remember(std::uint64_t hash, std::string_view name) const noexcept {
    const bool is_secret = matches(name);
    remembered_[(hash >> 1U) % kRemembered] = (hash & ~std::uint64_t{1}) | (is_secret ? 1U : 0U);
    return is_secret;
}

std::optional<Redaction::Range> Redaction::value_after_equals(std::string_view text,
                                                              std::size_t equals) const noexcept {
    std::size_t end = equals;
    while (end > 0 && text[end - 1] == ' ') {
        --end;
    }
    const bool is_comparison = equals + 1 < text.size() && text[equals + 1] == '=';
    if (is_comparison || !matches(name_before(text, end))) {
        return std::nullopt;
    }
    return value_at(text, equals + 1);
}

std::optional<Redaction::Range> Redaction::value_after_colon(std::string_view text,
                                                             std::size_t colon) const noexcept {
    if (colon == 0 || !is_quote(text[colon - 1])) {
        return value_of_header(text, colon);
    }
    if (colon == 1) {
        return std::nullopt;
    }
    const std::size_t end = colon - 1;
    std::size_t begin = end;
    while (begin > 0 && end - begin < kLongestName && text[begin - 1] != text[end]) {
        --begin;
    }
    if (!matches(text.substr(begin, end - begin))) {
        return std::nullopt;
    }
    return value_at(text, colon + 1);
}

/// Authorization: Basic abc
std::optional<Redaction::Range> Redaction::value_of_header(std::string_view text,
                                                           std::size_t colon) const noexcept {
    const std::string_view name = name_before(text, colon);
    // Not the colon of C++'s :: or of a URL.
    const bool goes_on =
        colon + 1 < text.size() && text[colon + 1] != ':' && text[colon + 1] != '/';
    return goes_on && matches(name) ? value_at(text, colon + 1) : std::nullopt;
}

std::optional<Redaction::Range> Redaction::find_in_text(std::string_view text, std::size_t from,
                                                        bool is_cut) const noexcept {
    for (std::size_t at = next_mark(text, from); at < text.size(); at = next_mark(text, at + 1)) {
        std::optional<Range> found;
        if (text[at] == '=') {
            found = value_after_equals(text, at);
        } else {
            found = url_password(text, at, is_cut);
            if (!found) {
                found = value_after_colon(text, at);
            }
        }
        if (found) {
            return found;
        }
    }
    return std::nullopt;
}

bool Redaction::may_hold_secret(std::string_view text) noexcept {
    constexpr std::size_t kShort = 64;
    if (text.size() > kShort) {
        return std::memchr(text.data(), ':', text.size()) != nullptr ||
               std::memchr(text.data(), '=', text.size()) != nullptr;
    }
    if (text.size() < sizeof(std::uint64_t)) {
        return std::any_of(text.begin(), text.end(), is_mark);
    }
    const std::size_t last = text.size() - sizeof(std::uint64_t);
    for (std::size_t at = 0; at < last; at += sizeof(std::uint64_t)) {
        if (has_mark(text.data() + at)) {
            return true;
        }
    }
    return has_mark(text.data() + last);
}

}  // namespace kolo::probe

// Which names are secret, and where secrets stand in text.
//
// For the encoder and for what is known of code; made once when the process is configured. Called
// with the GIL held (the memory of hashed names is not otherwise guarded); nothing allocates or
// throws after construction. A forked child keeps its copy. python/kolo_probe/_redact.py follows
// the same rules for argv.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kolo::probe {

/// What stands in a text where a secret stood.
inline constexpr std::string_view kRedactedText = "[redacted]";

class Redaction {
  public:
    /// `names`: any case; '-' and ' ' count as '_'. Empty ones are ignored.
    explicit Redaction(std::vector<std::string> names);

    /// Whether one of the names occurs in `name`: "csrf_token", "HTTP_COOKIE", "X-Api-Key".
    [[nodiscard]] bool matches(std::string_view name) const noexcept;
    /// The same for a str whose hash is known (as it is of every dict key): an answer given before
    /// is remembered by the 64 bits of the hash.
    [[nodiscard]] bool matches_hashed(std::int64_t hash, std::string_view name) const noexcept {
        const auto bits = static_cast<std::uint64_t>(hash);
        const std::uint64_t known = remembered_[(bits >> 1U) % kRemembered];
        return (known ^ bits) <= 1 ? (known & 1U) != 0 : remember(bits, name);
    }

    struct Range {
        std::size_t begin;
        std::size_t end;
    };
    /// The first secret in `text` at or after `from`: the password of scheme://user:PASSWORD@host,
    /// and the value in name=VALUE (query strings, forms, cookies), name: VALUE (headers) and
    /// "name": "VALUE" (JSON, a dict's repr) where the name matches. `is_cut`: the text goes on
    /// where it ends here, so that what may be the beginning of a password is one.
    [[nodiscard]] std::optional<Range> find_in_text(std::string_view text, std::size_t from,
                                                    bool is_cut) const noexcept;
    /// A cheap first look: false when find_in_text() cannot find anything.
    [[nodiscard]] static bool may_hold_secret(std::string_view text) noexcept;
    /// The same for eight characters at once: not 0 where one of them is ':' or '='.
    [[nodiscard]] static constexpr std::uint64_t marks_in(std::uint64_t eight) noexcept {
        return has_byte(eight, ':') | has_byte(eight, '=');
    }

  private:
    /// Mycroft's test; may see one in the byte after it.
    [[nodiscard]] static constexpr std::uint64_t has_byte(std::uint64_t word,
                                                          char character) noexcept {
        constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
        const std::uint64_t zeroed = word ^ (kOnes * static_cast<unsigned char>(character));
        return (zeroed - kOnes) & ~zeroed & (kOnes << 7U);
    }
    bool remember(std::uint64_t hash, std::string_view name) const noexcept;
    [[nodiscard]] bool occurs_at(std::string_view name, std::size_t at) const noexcept;
    [[nodiscard]] std::optional<Range> value_after_equals(std::string_view text,
                                                          std::size_t equals) const noexcept;
    [[nodiscard]] std::optional<Range> value_after_colon(std::string_view text,
                                                         std::size_t colon) const noexcept;
    [[nodiscard]] std::optional<Range> value_of_header(std::string_view text,
                                                       std::size_t colon) const noexcept;

    static constexpr std::size_t kRemembered = 2048;

    std::vector<std::string> names_;  // normalised
    /// By the low 5 bits of two neighbouring characters: whether a name begins with such a pair.
    std::array<std::uint32_t, 32> beginnings_{};
    mutable std::array<std::uint64_t, kRemembered> remembered_{};  // hash, lowest bit: the answer
};

}  // namespace kolo::probe

// What JSON and terminal text share about recorded values: names, checks of a tagged value's parts,
// and texts that both show. Plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/values.hpp"
#include "reader/value_tree.hpp"

namespace kolo::reader {

/// "tuple", "datetime"…; "tag#99" for a tag of a later version.
[[nodiscard]] std::string tag_name(std::uint8_t tag);
/// "items", "redacted"…; "reason#99" for a reason of a later version.
[[nodiscard]] std::string omission_reason(const ValueNode& omission);
/// "extension#5": the type of a msgpack extension of a later version.
[[nodiscard]] std::string extension_name(const ValueNode& extension);

/// Whether `parts` are what `tag` asks for, in number and kind. A tag of a later version: always.
[[nodiscard]] bool has_parts_of(const ValueTree& tree, proto::Tag tag,
                                const std::vector<std::uint32_t>& parts);

/// Whether a value is a str, whole or not.
[[nodiscard]] bool is_text(const ValueNode& node) noexcept;

/// What was recorded of an exception; each node only where there is something to tell.
struct ExceptionParts {
    std::string_view type;
    std::optional<std::uint32_t> args;
    /// Its only str among `args`: the message of most. What its __str__ would say is not known.
    std::optional<std::uint32_t> message;
    std::optional<std::int64_t> line;
    std::optional<std::uint32_t> attributes;
    std::optional<std::uint32_t> cause;
    std::optional<std::uint32_t> context;
};
/// `parts`: of a tagged array for which has_parts_of() is true.
[[nodiscard]] ExceptionParts exception_parts(const ValueTree& tree,
                                             const std::vector<std::uint32_t>& parts);

[[nodiscard]] double float_of(const ValueNode& number) noexcept;

/// A number of big-endian two's complement bytes; beyond 4 KB in hexadecimal, as the digits would
/// take seconds.
[[nodiscard]] std::string decimal_digits(std::string_view big_endian);

/// ISO 8601 of a datetime, date or time.
[[nodiscard]] std::string iso_text(const ValueTree& tree, proto::Tag tag,
                                   const std::vector<std::uint32_t>& parts);
struct TimeExtras {
    bool fold = false;
    std::string_view zone;  // the time zone's type name; empty for a naive time
};
[[nodiscard]] TimeExtras time_extras(const ValueTree& tree, proto::Tag tag,
                                     const std::vector<std::uint32_t>& parts);

/// 01234567-89ab-…
[[nodiscard]] std::string uuid_text(std::string_view bytes);

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;
[[nodiscard]] std::int64_t count_characters(std::string_view utf8) noexcept;

}  // namespace kolo::reader

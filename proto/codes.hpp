// Code definitions: what was compiled, defined once per process and then a number.
//
// They lie one behind the other in the arena's codes area and travel as they lie:
//
//     entry = { u32 bytes (of the whole entry, a multiple of 8), u32 number, msgpack array, zero
//     padding } array = [ name, qualname or nil, path, first line, flags, number of arguments, [
//     variable names … ] ]
//
// Variables come in the order in which values are recorded: the arguments first (positional,
// keyword-only, *args,
// **kwargs), then all other locals, cells and free variables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/bytes.hpp"
#include "proto/ids.hpp"

namespace kolo::proto {

struct CodeEntryHead {
    std::uint32_t bytes;
    std::uint32_t number;
};
static_assert(sizeof(CodeEntryHead) == 8 && offsetof(CodeEntryHead, number) == 4);

/// One entry is bounded, so that a machine-written function with 10 000 locals cannot take the area
/// for itself.
inline constexpr std::uint32_t kMaxCodeEntryBytes = 64 * 1024;

struct CodeDefinition {
    CodeNumber number = CodeNumber::kUnknown;
    std::string name;
    std::optional<std::string> qualname;  // "module.Class.function"
    std::string path;                     // co_filename, as it is
    std::uint32_t first_line = 0;
    std::uint32_t flags = 0;  // co_flags
    std::uint32_t argument_count = 0;
    std::vector<std::string> variables;
    friend bool operator==(const CodeDefinition&, const CodeDefinition&) = default;
};

/// The entry's bytes. Variable names that would take it over kMaxCodeEntryBytes are left away from
/// the end.
[[nodiscard]] std::vector<std::uint8_t> encode_code(const CodeDefinition& definition);

struct DecodedCodes {
    std::vector<CodeDefinition> definitions;
    std::size_t bytes = 0;  // whole entries taken
    bool broken = false;    // what follows them is no entry
};

/// Takes whole entries off `bytes`; an entry that is cut off at the end is left for the next call.
[[nodiscard]] DecodedCodes decode_codes(Bytes bytes);

}  // namespace kolo::proto

// Recorded values as JSON: plain values as themselves, anything else as {"$type": …}, with
// "$omitted" where something was left out. Programs read these shapes: they are an interface.
// clang-format off
//
//   None, bool, int of 64 bits, float, str   null, true, 1, 1.5, "…"
//   list             […]
//   dict             {…} where each key is a str that occurs once and begins with no "$"; else
//                    {"$type": "dict", "items": [[key, value], …]}
//   cut list         {"$type": "list", "items": […], "$omitted": …}
//   tuple, set …     {"$type": "tuple", "items": […]}
//   nan, inf         {"$type": "float", "value": "nan" | "inf" | "-inf"}
//   larger int       {"$type": "int", "digits": "…"}, decimal; beyond 4 KB "0x…"
//   complex          {"$type": "complex", "real": …, "imag": …}
//   bytes            {"$type": "bytes" | "bytearray", "base64": "…"}
//   lone surrogates  {"$type": "str", "surrogatepass": base64 of UTF-8 made with "surrogatepass"}
//   cut str, bytes   as these, or "value": its beginning; "length": in all; "$omitted": …
//   datetime …       {"$type": "datetime", "value": ISO 8601, "fold": 1, "zone": its type's name}
//   timedelta        {"$type": "timedelta", "days": …, "seconds": …, "microseconds": …}
//   Decimal, UUID    {"$type": "Decimal", "value": "…"}
//   class, function  {"$type": "type" | "function" | "module", "name": "module.name"}
//   subclass of these {"$type": "subclass", "class": "module.Name", "value": what the base holds}
//   deque, mappingproxy  as a subclass of list, of dict
//   exception        {"$type": "exception", "class": "module.Name", "args": […],
//                     "message": the only str among args, or null,
//                     "line": at which it left the activation, or null (it is a value, or was not seen),
//                     "cause", "context": the exception that Python would show with it, or null,
//                     "attributes": {…} where it has some}
//   Enum's member    {"$type": "enum", "class": "module.Name", "name": … or null, "value": …}
//   pathlib's paths  {"$type": "path", "class": "pathlib.PosixPath", "value": "…"}
//   asked-for repr   {"$type": "repr", "class": "module.Name", "text": "…"}
//   other object     {"$type": "object", "class": "module.Name", "attributes": {…}}
//   left out whole   {"$type": "omitted", "$omitted": …}
//   later version's  {"$type": "tag#99", "items": […]}, {"$type": "extension#5", "base64": "…"}
//   no value         {"$type": "malformed"}
//   "$omitted"       {"reason": one of proto::kOmittedNames, or "length"; "count": where known}
// clang-format on
#pragma once

#include <nlohmann/json.hpp>

#include "reader/recording.hpp"
#include "reader/value_tree.hpp"

namespace kolo::reader {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json json_of(const ValueTree& tree, std::uint32_t node);
[[nodiscard]] inline Json json_of(ValuePlace value) { return json_of(*value.tree, value.node); }

/// {"name": value, …}
[[nodiscard]] Json json_of(const std::vector<NamedValue>& values);

/// One line; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string dump(const Json& json);

}  // namespace kolo::reader

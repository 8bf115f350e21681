// Recorded values as JSON: plain values as themselves, anything else as {"$type": …}, with
// "$omitted" where something was left out. docs/values.md lists the shapes. Plain functions.
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

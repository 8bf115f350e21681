// Recorded values as Python-like text for a terminal. Plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "reader/recording.hpp"
#include "reader/text.hpp"
#include "reader/value_tree.hpp"

namespace kolo::reader {

enum class ClassNames : std::uint8_t {
    kShort,  // Product
    kFull,   // catalog.models.Product
};

/// On one line, until `out` is full.
void write_value(ColumnWriter& out, const ValueTree& tree, std::uint32_t node, ClassNames names);
inline void write_value(ColumnWriter& out, ValuePlace value, ClassNames names) {
    write_value(out, *value.tree, value.node, names);
}

/// All of it: on one line where that fits into `columns`, else a part a line. `used` columns of the
/// first line are taken already; further lines are indented by `indent`.
void append_whole_value(std::string& out, ValuePlace value, std::size_t columns, std::size_t indent,
                        std::size_t used);

/// "shop.models.Order" → "Order"
[[nodiscard]] std::string_view last_name(std::string_view dotted);

}  // namespace kolo::reader

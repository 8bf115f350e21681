#include "reader/value_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "reader/units.hpp"
#include "reader/value_parts.hpp"

namespace kolo::reader {

namespace {

using proto::Tag;

/// One part of a container: `label` (an attribute's name with "="), or a key; then a value, or
/// words.
struct ShapePart {
    std::string label;
    std::optional<std::uint32_t> key;
    std::optional<std::uint32_t> value;
    std::string words;
};

/// How a container is written.
struct Shape {
    std::string open;
    std::string close;
    std::vector<ShapePart> parts;
    std::vector<ShapePart> tail;  // behind `close`
};

[[nodiscard]] std::string omission_words(const ValueNode& omission) {
    switch (proto::Omitted{omission.detail}) {
        case proto::Omitted::kDepth:
            return "too deep";
        case proto::Omitted::kBytes:
            return "too large";
        case proto::Omitted::kTime:
            return "took too long";
        case proto::Omitted::kRingFull:
            return "no room";
        case proto::Omitted::kChanged:
            return "changed while read";
        case proto::Omitted::kUnbound:
            return "no value";
        case proto::Omitted::kReprFailed:
            return "its repr failed";
        case proto::Omitted::kReprSlow:
            return "its repr was too slow";
        default:
            return omission_reason(omission);
    }
}

/// What stands for the parts that are missing at a container's end.
[[nodiscard]] std::string rest_words(const ValueNode& omission) {
    const auto count = format_count(static_cast<std::int64_t>(omission.magnitude));
    if (!omission.is_counted) {
        return "… ‹" + omission_words(omission) + "›";
    }
    switch (proto::Omitted{omission.detail}) {
        case proto::Omitted::kItems:
            return "… + " + count + " items";
        case proto::Omitted::kAttributes:
            return "… + " + count + " attributes";
        default:
            return "… + " + count + " ‹" + omission_words(omission) + "›";
    }
}

[[nodiscard]] std::string class_text(std::string_view name, ClassNames names) {
    return std::string(names == ClassNames::kShort ? last_name(name) : name);
}

void add_items(const ValueTree& tree, const std::vector<std::uint32_t>& parts, Shape& shape) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i + 1 == parts.size() && stands_for_rest(tree[parts[i]])) {
            shape.parts.push_back({{}, {}, {}, rest_words(tree[parts[i]])});
        } else {
            shape.parts.push_back({{}, {}, parts[i], {}});
        }
    }
}

void add_pairs(const ValueTree& tree, std::uint32_t map, bool as_attributes, Shape& shape) {
    const auto parts = parts_of(tree, map);
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
        const ValueNode& key = tree[parts[i]];
        if (i + 2 == parts.size() && key.kind == ValueKind::kOmission &&
            tree[parts[i + 1]].kind == ValueKind::kNull) {
            shape.parts.push_back({{}, {}, {}, rest_words(key)});
        } else if (as_attributes && key.kind == ValueKind::kText) {
            shape.parts.push_back({std::string(key.text) + "=", {}, parts[i + 1], {}});
        } else {
            shape.parts.push_back({{}, parts[i], parts[i + 1], {}});
        }
    }
}

/// ValueError('no', code=7) at line 12, from KeyError('k')
[[nodiscard]] Shape exception_shape(const ValueTree& tree, const ExceptionParts& exception,
                                    ClassNames names) {
    Shape shape;
    shape.open = class_text(exception.type, names) + "(";
    shape.close = ")";
    if (!exception.args) {
        shape.open = "<" + class_text(exception.type, names) + ">";
        shape.close = "";
    } else if (tree[*exception.args].kind == ValueKind::kList) {
        add_items(tree, parts_of(tree, *exception.args), shape);
    } else {
        shape.parts.push_back({{}, {}, *exception.args, {}});
    }
    if (exception.attributes && tree[*exception.attributes].kind == ValueKind::kMap) {
        add_pairs(tree, *exception.attributes, true, shape);
    } else if (exception.attributes) {
        shape.parts.push_back({"attributes=", {}, *exception.attributes, {}});
    }
    if (exception.line) {
        shape.close += fmt::format(" at line {}", *exception.line);
    }
    if (exception.cause) {
        shape.tail.push_back({", from ", {}, *exception.cause, {}});
    }
    if (exception.context) {
        shape.tail.push_back({", while handling ", {}, *exception.context, {}});
    }
    return shape;
}

[[nodiscard]] Shape tagged_shape(const ValueTree& tree, std::uint32_t node, ClassNames names) {
    const Tag tag{tree[node].detail};
    const auto parts = parts_of(tree, node);
    Shape shape;
    switch (tag) {
        case Tag::kTuple:
            add_items(tree, parts, shape);
            shape.open = "(";
            shape.close = parts.size() == 1 && !stands_for_rest(tree[parts[0]]) ? ",)" : ")";
            return shape;
        case Tag::kSet:
        case Tag::kFrozenSet:
            add_items(tree, parts, shape);
            shape.open = tag == Tag::kFrozenSet ? "frozenset(" : parts.empty() ? "set(" : "";
            shape.open += parts.empty() ? "" : "{";
            shape.close = parts.empty() ? ")" : tag == Tag::kFrozenSet ? "})" : "}";
            return shape;
        case Tag::kException:
            return exception_shape(tree, exception_parts(tree, parts), names);
        case Tag::kObject:
            shape.open = class_text(tree[parts[0]].text, names) + "(";
            shape.close = ")";
            if (parts.size() == 1) {
                shape = {};
                shape.open = "<" + class_text(tree[parts[0]].text, names) + ">";
            } else if (tree[parts[1]].kind == ValueKind::kMap) {
                add_pairs(tree, parts[1], true, shape);
            } else {
                shape.parts.push_back({{}, {}, parts[1], {}});
            }
            return shape;
        case Tag::kEnum:
            shape.open = "<" + class_text(tree[parts[0]].text, names);
            if (tree[parts[1]].kind == ValueKind::kText) {
                shape.open += "." + std::string(tree[parts[1]].text);
            }
            shape.open += ": ";
            shape.close = ">";
            shape.parts.push_back({{}, {}, parts[2], {}});
            return shape;
        case Tag::kSubclass:
        case Tag::kPath:
            shape.open = class_text(tree[parts[0]].text, names) + "(";
            shape.close = ")";
            shape.parts.push_back({{}, {}, parts[1], {}});
            return shape;
        default:
            shape.open = tag_name(tree[node].detail) + "(";
            shape.close = ")";
            add_items(tree, parts, shape);
            return shape;
    }
}

[[nodiscard]] bool is_container_tag(Tag tag) noexcept {
    switch (tag) {
        case Tag::kTuple:
        case Tag::kSet:
        case Tag::kFrozenSet:
        case Tag::kObject:
        case Tag::kException:
        case Tag::kSubclass:
        case Tag::kEnum:
        case Tag::kPath:
            return true;
        default:
            return static_cast<std::size_t>(tag) >= proto::kTagNames.size();
    }
}

/// The shape of a container; nothing for what is written in one piece.
[[nodiscard]] std::optional<Shape> shape_of(const ValueTree& tree, std::uint32_t node,
                                            ClassNames names) {
    const ValueNode& value = tree[node];
    Shape shape;
    if (value.kind == ValueKind::kList) {
        shape.open = "[";
        shape.close = "]";
        add_items(tree, parts_of(tree, node), shape);
        return shape;
    }
    if (value.kind == ValueKind::kMap) {
        shape.open = "{";
        shape.close = "}";
        add_pairs(tree, node, false, shape);
        return shape;
    }
    if (value.kind != ValueKind::kTagged) {
        return std::nullopt;
    }
    const Tag tag{value.detail};
    if (!has_parts_of(tree, tag, parts_of(tree, node))) {
        shape.open = "‹malformed " + tag_name(value.detail) + "›(";
        shape.close = ")";
        add_items(tree, parts_of(tree, node), shape);
        return shape;
    }
    return is_container_tag(tag) ? std::optional(tagged_shape(tree, node, names)) : std::nullopt;
}

[[nodiscard]] std::string float_text(double number) {
    if (std::isnan(number)) {
        return "nan";
    }
    if (std::isinf(number)) {
        return number > 0 ? "inf" : "-inf";
    }
    std::string text = fmt::format("{}", number);
    if (text.find_first_of(".e") == std::string::npos) {
        text += ".0";
    }
    return text;
}

/// Python takes the quotation mark that needs no escape.
void write_quoted(ColumnWriter& out, std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const bool has_double = text.find('"') != std::string_view::npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    const std::string_view mark(&quote, 1);
    out.add(mark);
    out.add_quoted(text, quote);
    out.add(mark);
}

void write_bytes(ColumnWriter& out, std::string_view bytes) {
    out.add("b'");
    for (std::size_t i = 0; i < bytes.size() && !out.full(); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        if (byte < 0x80) {
            out.add_quoted(bytes.substr(i, 1), '\'');
        } else {
            out.add(fmt::format("\\x{:02x}", byte));
        }
    }
    out.add("'");
}

void write_length(ColumnWriter& out, const ValueNode& length, std::string_view unit) {
    out.add(fmt::format("…({} {})", format_count(length.integer), unit));
}

void write_time(ColumnWriter& out, const ValueTree& tree, Tag tag,
                const std::vector<std::uint32_t>& parts) {
    const TimeExtras extras = time_extras(tree, tag, parts);
    out.add(tag_name(static_cast<std::uint8_t>(tag)));
    out.add("(" + iso_text(tree, tag, parts));
    if (!extras.zone.empty()) {
        out.add(" ");
        out.add(extras.zone);
    }
    out.add(extras.fold ? ", fold=1)" : ")");
}

void write_complex(ColumnWriter& out, double real, double imaginary) {
    const std::string text = float_text(imaginary);
    out.add("(" + float_text(real) + (text.starts_with('-') ? "" : "+") + text + "j)");
}

/// What an object says of itself stands as it is; what hindered it, behind the type's name.
void write_repr(ColumnWriter& out, const ValueTree& tree, const std::vector<std::uint32_t>& parts,
                ClassNames names) {
    const ValueNode& value = tree[parts[1]];
    if (value.kind == ValueKind::kText) {
        return out.add(value.text);
    }
    if (value.kind == ValueKind::kTagged && value.detail == static_cast<std::uint8_t>(Tag::kText)) {
        const auto cut = parts_of(tree, parts[1]);
        if (has_parts_of(tree, Tag::kText, cut)) {
            out.add(tree[cut[0]].text);
            return write_length(out, tree[cut[1]], "characters");
        }
    }
    out.add("<" + class_text(tree[parts[0]].text, names) + " ");
    write_value(out, tree, parts[1], names);
    out.add(">");
}

/// A tagged value that is no container.
void write_tagged_leaf(ColumnWriter& out, const ValueTree& tree, std::uint32_t node,
                       ClassNames names) {
    const Tag tag{tree[node].detail};
    const auto parts = parts_of(tree, node);
    const auto text = [&](std::size_t i) { return tree[parts[i]].text; };
    switch (tag) {
        case Tag::kBigInt:
            return out.add(decimal_digits(text(0)));
        case Tag::kComplex:
            return write_complex(out, float_of(tree[parts[0]]), float_of(tree[parts[1]]));
        case Tag::kByteArray:
            out.add("bytearray(");
            write_bytes(out, text(0));
            return out.add(")");
        case Tag::kText:
            write_quoted(out, text(0));
            return write_length(out, tree[parts[1]], "characters");
        case Tag::kBytes:
            write_bytes(out, text(0));
            return write_length(out, tree[parts[1]], "bytes");
        case Tag::kSurrogates:
            return write_quoted(out, text(0));
        case Tag::kType:
            return out.add("<class " + class_text(text(0), names) + ">");
        case Tag::kFunction:
            return out.add("<function " + class_text(text(0), names) + ">");
        case Tag::kModule:
            return out.add("<module " + std::string(text(0)) + ">");
        case Tag::kDateTime:
        case Tag::kDate:
        case Tag::kTime:
            return write_time(out, tree, tag, parts);
        case Tag::kTimeDelta:
            return out.add(fmt::format("timedelta(days={}, seconds={}, microseconds={})",
                                       tree[parts[0]].integer, tree[parts[1]].integer,
                                       tree[parts[2]].integer));
        case Tag::kDecimal:
            return out.add("Decimal('" + std::string(text(0)) + "')");
        case Tag::kUuid:
            return out.add("UUID('" + uuid_text(text(0)) + "')");
        case Tag::kRepr:
            return write_repr(out, tree, parts, names);
        default:
            return out.add(tag_name(tree[node].detail));
    }
}

void write_leaf(ColumnWriter& out, const ValueTree& tree, std::uint32_t node, ClassNames names) {
    const ValueNode& value = tree[node];
    switch (value.kind) {
        case ValueKind::kNull:
            return out.add("None");
        case ValueKind::kBool:
            return out.add(value.boolean ? "True" : "False");
        case ValueKind::kInteger:
            return out.add(fmt::format("{}", value.integer));
        case ValueKind::kUnsigned:
            return out.add(fmt::format("{}", value.magnitude));
        case ValueKind::kFloat:
            return out.add(float_text(value.number));
        case ValueKind::kText:
            return write_quoted(out, value.text);
        case ValueKind::kBytes:
            return write_bytes(out, value.text);
        case ValueKind::kOmission:
            return out.add("‹" + omission_words(value) + "›");
        case ValueKind::kTagged:
            return write_tagged_leaf(out, tree, node, names);
        case ValueKind::kExtension:
            return out.add("‹" + extension_name(value) + "›");
        default:
            return out.add("‹malformed›");
    }
}

void write_part(ColumnWriter& out, const ValueTree& tree, const ShapePart& part, ClassNames names) {
    out.add(part.label);
    if (part.key) {
        write_value(out, tree, *part.key, names);
        out.add(": ");
    }
    if (part.value) {
        write_value(out, tree, *part.value, names);
    }
    out.add(part.words);
}

/// `text` stands on the line already; appends the value, over several lines where it must.
void append_lines(std::string& out, const ValueTree& tree, std::uint32_t node, std::size_t columns,
                  std::size_t indent, std::size_t used) {
    std::string line;
    ColumnWriter one_line(line, columns > used ? columns - used : 1);
    write_value(one_line, tree, node, ClassNames::kFull);
    const auto shape = shape_of(tree, node, ClassNames::kFull);
    if (!one_line.full() || !shape || shape->parts.empty()) {
        if (one_line.full()) {
            line.clear();
            ColumnWriter whole(line, ColumnWriter::kUnlimited);
            write_value(whole, tree, node, ClassNames::kFull);
        }
        out += line;
        return;
    }
    out += printable(shape->open);
    constexpr std::size_t kStep = 4;
    for (const ShapePart& part : shape->parts) {
        std::string start = printable(part.label);
        if (part.key) {
            ColumnWriter key(start, ColumnWriter::kUnlimited);
            write_value(key, tree, *part.key, ClassNames::kFull);
            key.add(": ");
        }
        out += '\n';
        out.append(indent + kStep, ' ');
        out += start;
        if (part.value) {
            append_lines(out, tree, *part.value, columns, indent + kStep,
                         indent + kStep + columns_of(start) + 1);
        }
        out += part.words + ",";
    }
    out += '\n';
    out.append(indent, ' ');
    out += printable(shape->close.starts_with(',') ? shape->close.substr(1) : shape->close);
    for (const ShapePart& part : shape->tail) {
        out += '\n';
        out.append(indent, ' ');
        // On a line of its own it needs no comma.
        const std::string label =
            part.label.substr(part.label.starts_with(", ") ? sizeof(", ") - 1 : 0);
        out += label;
        if (part.value) {
            append_lines(out, tree, *part.value, columns, indent, indent + columns_of(label));
        }
    }
}

}  // namespace

std::string_view last_name(std::string_view dotted) {
    const std::size_t dot = dotted.rfind('.');
    return dot == std::string_view::npos || dot + 1 == dotted.size() ? dotted
                                                                     : dotted.substr(dot + 1);
}

void write_value(ColumnWriter& out, const ValueTree& tree, std::uint32_t node, ClassNames names) {
    if (out.full()) {
        return;
    }
    const auto shape = shape_of(tree, node, names);
    if (!shape) {
        return write_leaf(out, tree, node, names);
    }
    out.add(shape->open);
    bool is_first = true;
    for (const ShapePart& part : shape->parts) {
        out.add(is_first ? "" : ", ");
        is_first = false;
        if (out.full()) {
            return;
        }
        write_part(out, tree, part, names);
    }
    out.add(shape->close);
    for (const ShapePart& part : shape->tail) {
        if (!out.full()) {
            write_part(out, tree, part, names);
        }
    }
}

void append_whole_value(std::string& out, ValuePlace value, std::size_t columns, std::size_t indent,
                        std::size_t used) {
    append_lines(out, *value.tree, value.node, columns, indent, used);
}

}  // namespace kolo::reader

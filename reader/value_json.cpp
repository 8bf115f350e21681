#include "reader/value_json.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "reader/value_parts.hpp"

namespace kolo::reader {

namespace {

[[nodiscard]] std::string base64(std::string_view bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
        }
    }
    return text;
}

[[nodiscard]] Json typed(std::string_view type) {
    Json json = Json::object();
    json["$type"] = type;
    return json;
}

[[nodiscard]] Json omitted(const ValueNode& node) {
    Json json = Json::object();
    json["reason"] = omission_reason(node);
    if (node.is_counted) {
        json["count"] = node.magnitude;
    }
    return json;
}

[[nodiscard]] Json float_json(double number) {
    if (std::isfinite(number)) {
        return number;
    }
    Json json = typed("float");
    json["value"] = std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
    return json;
}

/// A str or bytes that was cut: what is there, how long it was.
void set_length(Json& json, std::int64_t length, std::int64_t shown) {
    json["length"] = length;
    json["$omitted"] = {{"reason", "length"}, {"count", std::max<std::int64_t>(0, length - shown)}};
}

/// The items of a container, and the marker for those that are missing.
[[nodiscard]] std::pair<Json, const ValueNode*> items_of(const ValueTree& tree,
                                                         const std::vector<std::uint32_t>& parts,
                                                         std::size_t from = 0) {
    Json items = Json::array();
    for (std::size_t i = from; i < parts.size(); ++i) {
        if (i + 1 == parts.size() && stands_for_rest(tree[parts[i]])) {
            return {std::move(items), &tree[parts[i]]};
        }
        items.push_back(json_of(tree, parts[i]));
    }
    return {std::move(items), nullptr};
}

[[nodiscard]] Json list_json(const ValueTree& tree, std::uint32_t node) {
    auto [items, rest] = items_of(tree, parts_of(tree, node));
    if (rest == nullptr) {
        return std::move(items);
    }
    Json json = typed("list");
    json["items"] = std::move(items);
    json["$omitted"] = omitted(*rest);
    return json;
}

/// The pairs of a map, and the marker for those that are missing (a key with nil for its value).
struct MapParts {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
    const ValueNode* rest = nullptr;
};

[[nodiscard]] MapParts map_parts(const ValueTree& tree, std::uint32_t node) {
    MapParts map;
    const auto parts = parts_of(tree, node);
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
        const bool is_last = i + 2 == parts.size();
        if (is_last && tree[parts[i]].kind == ValueKind::kOmission &&
            tree[parts[i + 1]].kind == ValueKind::kNull) {
            map.rest = &tree[parts[i]];
        } else {
            map.pairs.emplace_back(parts[i], parts[i + 1]);
        }
    }
    return map;
}

/// Whether the keys can be a JSON object's: texts, each once, and none that our own keys look like.
[[nodiscard]] bool has_plain_keys(const ValueTree& tree, const MapParts& map) {
    std::set<std::string_view> seen;
    return std::all_of(map.pairs.begin(), map.pairs.end(), [&](const auto& pair) {
        const ValueNode& key = tree[pair.first];
        return key.kind == ValueKind::kText && !key.text.starts_with('$') &&
               is_valid_utf8(key.text) && seen.insert(key.text).second;
    });
}

[[nodiscard]] Json object_of(const ValueTree& tree, const MapParts& map) {
    Json json = Json::object();
    for (const auto& [key, value] : map.pairs) {
        json.emplace(std::string(tree[key].text), json_of(tree, value));
    }
    return json;
}

[[nodiscard]] Json pairs_of(const ValueTree& tree, const MapParts& map) {
    Json json = Json::array();
    for (const auto& [key, value] : map.pairs) {
        json.push_back(Json::array({json_of(tree, key), json_of(tree, value)}));
    }
    return json;
}

[[nodiscard]] Json map_json(const ValueTree& tree, std::uint32_t node) {
    const MapParts map = map_parts(tree, node);
    if (map.rest == nullptr && has_plain_keys(tree, map)) {
        return object_of(tree, map);
    }
    Json json = typed("dict");
    json["items"] = pairs_of(tree, map);
    if (map.rest != nullptr) {
        json["$omitted"] = omitted(*map.rest);
    }
    return json;
}

void set_attributes(Json& json, const ValueTree& tree, std::uint32_t node) {
    if (tree[node].kind != ValueKind::kMap) {
        json["attributes"] = json_of(tree, node);
        return;
    }
    const MapParts map = map_parts(tree, node);
    json["attributes"] = has_plain_keys(tree, map) ? object_of(tree, map) : pairs_of(tree, map);
    if (map.rest != nullptr) {
        json["$omitted"] = omitted(*map.rest);
    }
}

[[nodiscard]] Json object_json(const ValueTree& tree, const std::vector<std::uint32_t>& parts) {
    Json json = typed("object");
    json["class"] = tree[parts[0]].text;
    if (parts.size() < 2) {
        return json;
    }
    set_attributes(json, tree, parts[1]);
    return json;
}

[[nodiscard]] Json collection_json(const ValueTree& tree, std::string_view type,
                                   const std::vector<std::uint32_t>& parts, std::size_t from = 0) {
    Json json = typed(type);
    auto [items, rest] = items_of(tree, parts, from);
    json["items"] = std::move(items);
    if (rest != nullptr) {
        json["$omitted"] = omitted(*rest);
    }
    return json;
}

[[nodiscard]] Json json_or_null(const ValueTree& tree, std::optional<std::uint32_t> node) {
    return node ? json_of(tree, *node) : Json(nullptr);
}

[[nodiscard]] Json exception_json(const ValueTree& tree, const std::vector<std::uint32_t>& parts) {
    const ExceptionParts exception = exception_parts(tree, parts);
    Json json = typed("exception");
    json["class"] = exception.type;
    if (exception.args) {
        json["args"] = json_of(tree, *exception.args);
    }
    json["message"] = json_or_null(tree, exception.message);
    json["line"] = exception.line ? Json(*exception.line) : Json(nullptr);
    json["cause"] = json_or_null(tree, exception.cause);
    json["context"] = json_or_null(tree, exception.context);
    if (exception.attributes) {
        set_attributes(json, tree, *exception.attributes);
    }
    return json;
}

[[nodiscard]] Json time_json(const ValueTree& tree, proto::Tag tag,
                             const std::vector<std::uint32_t>& parts) {
    Json json = typed(tag_name(static_cast<std::uint8_t>(tag)));
    json["value"] = iso_text(tree, tag, parts);
    const TimeExtras extras = time_extras(tree, tag, parts);
    if (extras.fold) {
        json["fold"] = 1;
    }
    if (!extras.zone.empty()) {
        json["zone"] = extras.zone;
    }
    return json;
}

[[nodiscard]] Json cut_json(const ValueTree& tree, proto::Tag tag,
                            const std::vector<std::uint32_t>& parts) {
    const std::string_view shown = tree[parts[0]].text;
    Json json = typed(tag_name(static_cast<std::uint8_t>(tag)));
    if (tag == proto::Tag::kText) {
        json["value"] = shown;
        set_length(json, tree[parts[1]].integer, count_characters(shown));
    } else {
        json["base64"] = base64(shown);
        set_length(json, tree[parts[1]].integer, static_cast<std::int64_t>(shown.size()));
    }
    return json;
}

[[nodiscard]] Json tagged_json(const ValueTree& tree, std::uint32_t node) {
    const proto::Tag tag{tree[node].detail};
    const auto parts = parts_of(tree, node);
    const std::string name = tag_name(tree[node].detail);
    if (!has_parts_of(tree, tag, parts)) {
        Json json = collection_json(tree, "malformed", parts);
        json["tag"] = name;
        return json;
    }
    Json json = typed(name);
    switch (tag) {
        case proto::Tag::kTuple:
        case proto::Tag::kSet:
        case proto::Tag::kFrozenSet:
            return collection_json(tree, name, parts);
        case proto::Tag::kObject:
            return object_json(tree, parts);
        case proto::Tag::kException:
            return exception_json(tree, parts);
        case proto::Tag::kDateTime:
        case proto::Tag::kDate:
        case proto::Tag::kTime:
            return time_json(tree, tag, parts);
        case proto::Tag::kText:
        case proto::Tag::kBytes:
            return cut_json(tree, tag, parts);
        case proto::Tag::kBigInt:
            json["digits"] = decimal_digits(tree[parts[0]].text);
            return json;
        case proto::Tag::kComplex:
            json["real"] = float_json(float_of(tree[parts[0]]));
            json["imag"] = float_json(float_of(tree[parts[1]]));
            return json;
        case proto::Tag::kByteArray:
            json["base64"] = base64(tree[parts[0]].text);
            return json;
        case proto::Tag::kSurrogates:
            // No JSON text can hold a lone surrogate: bytes for .decode("utf-8", "surrogatepass").
            json["surrogatepass"] = base64(tree[parts[0]].text);
            return json;
        case proto::Tag::kType:
        case proto::Tag::kFunction:
        case proto::Tag::kModule:
            json["name"] = tree[parts[0]].text;
            return json;
        case proto::Tag::kTimeDelta:
            json["days"] = tree[parts[0]].integer;
            json["seconds"] = tree[parts[1]].integer;
            json["microseconds"] = tree[parts[2]].integer;
            return json;
        case proto::Tag::kDecimal:
            json["value"] = tree[parts[0]].text;
            return json;
        case proto::Tag::kUuid:
            json["value"] = uuid_text(tree[parts[0]].text);
            return json;
        case proto::Tag::kSubclass:
            json["class"] = tree[parts[0]].text;
            json["value"] = json_of(tree, parts[1]);
            return json;
        case proto::Tag::kEnum:
            json["class"] = tree[parts[0]].text;
            json["name"] = json_of(tree, parts[1]);
            json["value"] = json_of(tree, parts[2]);
            return json;
        case proto::Tag::kPath:
            json["class"] = tree[parts[0]].text;
            json["value"] = json_of(tree, parts[1]);
            return json;
        case proto::Tag::kRepr:
            json["class"] = tree[parts[0]].text;
            json["text"] = json_of(tree, parts[1]);
            return json;
    }
    return collection_json(tree, name, parts);
}

}  // namespace

Json json_of(const ValueTree& tree, std::uint32_t node) {
    const ValueNode& value = tree[node];
    switch (value.kind) {
        case ValueKind::kNull:
            return nullptr;
        case ValueKind::kBool:
            return value.boolean;
        case ValueKind::kInteger:
            return value.integer;
        case ValueKind::kUnsigned:
            return value.magnitude;
        case ValueKind::kFloat:
            return float_json(value.number);
        case ValueKind::kText:
            return value.text;
        case ValueKind::kBytes: {
            Json json = typed("bytes");
            json["base64"] = base64(value.text);
            return json;
        }
        case ValueKind::kList:
            return list_json(tree, node);
        case ValueKind::kMap:
            return map_json(tree, node);
        case ValueKind::kTagged:
            return tagged_json(tree, node);
        case ValueKind::kOmission: {
            Json json = typed("omitted");
            json["$omitted"] = omitted(value);
            return json;
        }
        case ValueKind::kExtension: {
            Json json = typed(extension_name(value));
            json["base64"] = base64(value.text);
            return json;
        }
        case ValueKind::kMalformed:
            break;
    }
    return typed("malformed");
}

Json json_of(const std::vector<NamedValue>& values) {
    Json json = Json::object();
    for (const NamedValue& named : values) {
        json.emplace(named.name, json_of(named.value));
    }
    return json;
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kolo::reader

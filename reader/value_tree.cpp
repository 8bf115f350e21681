#include "reader/value_tree.hpp"

#include <cstring>

#include <msgpack.hpp>

namespace kolo::reader {

namespace {

constexpr std::size_t kCountBytes = 7;

/// Called by msgpack's parser for each thing it meets; the parser keeps its own stack, so nothing
/// here recurses.
class TreeVisitor : public msgpack::null_visitor {
  public:
    explicit TreeVisitor(ValueTree& tree) : tree_(&tree) {}

    bool visit_nil() {
        add(ValueKind::kNull);
        return true;
    }
    bool visit_boolean(bool value) {
        add(ValueKind::kBool).boolean = value;
        return true;
    }
    bool visit_positive_integer(std::uint64_t value) {
        if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
            add(ValueKind::kInteger).integer = static_cast<std::int64_t>(value);
        } else {
            add(ValueKind::kUnsigned).magnitude = value;
        }
        return true;
    }
    bool visit_negative_integer(std::int64_t value) {
        add(ValueKind::kInteger).integer = value;
        return true;
    }
    bool visit_float32(float value) { return visit_float64(static_cast<double>(value)); }
    bool visit_float64(double value) {
        add(ValueKind::kFloat).number = value;
        return true;
    }
    bool visit_str(const char* value, std::uint32_t size) {
        add(ValueKind::kText).text = {value, size};
        return true;
    }
    bool visit_bin(const char* value, std::uint32_t size) {
        add(ValueKind::kBytes).text = {value, size};
        return true;
    }
    bool visit_ext(const char* value, std::uint32_t size);

    bool start_array(std::uint32_t /*size*/) { return open(ValueKind::kList); }
    bool end_array() { return close(); }
    bool start_map(std::uint32_t /*size*/) { return open(ValueKind::kMap); }
    bool end_map() { return close(); }

    void parse_error(std::size_t /*parsed*/, std::size_t /*error*/) {}
    void insufficient_bytes(std::size_t /*parsed*/, std::size_t /*error*/) {}

  private:
    ValueNode& add(ValueKind kind) {
        ValueNode& node = tree_->nodes.emplace_back();
        node.kind = kind;
        node.end = static_cast<std::uint32_t>(tree_->nodes.size());
        return node;
    }
    bool open(ValueKind kind) {
        add(kind);
        open_.push_back(static_cast<std::uint32_t>(tree_->nodes.size() - 1));
        return open_.size() <= kMaxValueDepth;
    }
    bool close() {
        tree_->nodes[open_.back()].end = static_cast<std::uint32_t>(tree_->nodes.size());
        open_.pop_back();
        return true;
    }

    ValueTree* tree_;
    std::vector<std::uint32_t> open_;
};

bool TreeVisitor::visit_ext(const char* value, std::uint32_t size) {
    // The first byte is the type; size counts it.
    const auto type = static_cast<std::int8_t>(value[0]);
    const std::string_view content(value + 1, size - 1);
    if (type == proto::kTagType && content.size() == 1 && !open_.empty() &&
        open_.back() + 1 == tree_->nodes.size() && tree_->nodes.back().kind == ValueKind::kList) {
        tree_->nodes.back().kind = ValueKind::kTagged;
        tree_->nodes.back().detail = static_cast<std::uint8_t>(content[0]);
        return true;
    }
    if (type == proto::kOmittedType && (content.size() == 1 || content.size() == 1 + kCountBytes)) {
        ValueNode& node = add(ValueKind::kOmission);
        node.detail = static_cast<std::uint8_t>(content[0]);
        node.is_counted = content.size() > 1;
        node.magnitude = 0;
        if (node.is_counted) {
            std::memcpy(&node.magnitude, content.data() + 1, kCountBytes);
        }
        return true;
    }
    ValueNode& node = add(ValueKind::kExtension);
    node.detail = static_cast<std::uint8_t>(type);
    node.text = content;
    return true;
}

}  // namespace

void parse_values(proto::Bytes payload, ValueTree& tree) {
    tree.nodes.clear();
    tree.roots.clear();
    const auto* data = reinterpret_cast<const char*>(payload.data());
    std::size_t offset = 0;
    while (offset < payload.size()) {
        const std::size_t root = tree.nodes.size();
        tree.roots.push_back(static_cast<std::uint32_t>(root));
        TreeVisitor visitor(tree);
        bool parsed = false;
        try {
            parsed = msgpack::parse(data, payload.size(), offset, visitor);
        } catch (const msgpack::unpack_error&) {
            parsed = false;
        }
        if (!parsed) {
            // Half a value would look like a whole one.
            tree.nodes.resize(root);
            ValueNode& node = tree.nodes.emplace_back();
            node.kind = ValueKind::kMalformed;
            node.end = static_cast<std::uint32_t>(tree.nodes.size());
            return;
        }
    }
}

bool stands_for_rest(const ValueNode& node) noexcept {
    if (node.kind != ValueKind::kOmission) {
        return false;
    }
    switch (proto::Omitted{node.detail}) {
        case proto::Omitted::kItems:
        case proto::Omitted::kAttributes:
        case proto::Omitted::kChanged:
            return true;
        default:
            return node.is_counted;
    }
}

std::vector<std::uint32_t> parts_of(const ValueTree& tree, std::uint32_t container) {
    std::vector<std::uint32_t> parts;
    for (const std::uint32_t part : Parts(tree, container)) {
        parts.push_back(part);
    }
    return parts;
}

}  // namespace kolo::reader

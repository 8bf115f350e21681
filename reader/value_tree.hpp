// Recorded values, parsed: a payload's msgpack as a flat list of nodes, each container before its
// parts.
//
// Every byte is taken as hostile: what cannot be parsed becomes one malformed node, and nothing is
// allocated for items that are only announced. Texts and bytes stay views of the payload. No
// thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/bytes.hpp"
#include "proto/values.hpp"

namespace kolo::reader {

enum class ValueKind : std::uint8_t {
    kNull,
    kBool,
    kInteger,   // `integer`
    kUnsigned,  // `magnitude`: above the signed range
    kFloat,
    kText,       // `text`, UTF-8 if the probe wrote it
    kBytes,      // `text`
    kList,       // children: items
    kMap,        // children: key, value, key, value …
    kTagged,     // children: what follows the tag; `detail` is a proto::Tag, perhaps of a later
                 // version
    kOmission,   // `detail` is a proto::Omitted, perhaps of a later version; `magnitude` how many,
                 // if counted
    kExtension,  // of a type that this version does not know: `detail` is the type, `text` the
                 // bytes
    kMalformed,
};

struct ValueNode {
    ValueKind kind = ValueKind::kNull;
    std::uint8_t detail = 0;
    bool is_counted = false;
    bool boolean = false;
    std::uint32_t end = 0;  // index behind its last part
    std::int64_t integer = 0;
    std::uint64_t magnitude = 0;
    double number = 0.0;
    std::string_view text;
};

/// Values nested deeper than this are malformed: the probe's own limit is far below.
inline constexpr std::uint32_t kMaxValueDepth = 200;

struct ValueTree {
    std::vector<ValueNode> nodes;
    /// The values that a payload consists of, one behind the other.
    std::vector<std::uint32_t> roots;

    [[nodiscard]] const ValueNode& operator[](std::uint32_t node) const noexcept {
        return nodes[node];
    }
};

/// Parses all values of `payload` into `tree`, whose room is used again.
void parse_values(proto::Bytes payload, ValueTree& tree);

/// Whether `node`, as the last part of a container, stands for parts that are missing there, and
/// not for one part that was itself left out.
[[nodiscard]] bool stands_for_rest(const ValueNode& node) noexcept;

/// The parts of a container.
class Parts {
  public:
    class Iterator {
      public:
        Iterator(const ValueTree& tree, std::uint32_t node) : tree_(&tree), node_(node) {}
        [[nodiscard]] std::uint32_t operator*() const noexcept { return node_; }
        Iterator& operator++() noexcept {
            node_ = (*tree_)[node_].end;
            return *this;
        }
        friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
            return a.node_ == b.node_;
        }

      private:
        const ValueTree* tree_;
        std::uint32_t node_;
    };

    Parts(const ValueTree& tree, std::uint32_t container) : tree_(&tree), container_(container) {}
    [[nodiscard]] Iterator begin() const noexcept { return {*tree_, container_ + 1}; }
    [[nodiscard]] Iterator end() const noexcept { return {*tree_, (*tree_)[container_].end}; }
    [[nodiscard]] bool empty() const noexcept { return begin() == end(); }

  private:
    const ValueTree* tree_;
    std::uint32_t container_;
};

/// The parts as a list, to be asked for by position.
[[nodiscard]] std::vector<std::uint32_t> parts_of(const ValueTree& tree, std::uint32_t container);

}  // namespace kolo::reader

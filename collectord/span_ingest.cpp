#include "collectord/span_ingest.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <msgpack.hpp>

#include "proto/records.hpp"
#include "store/text.hpp"

namespace kolo::collectord {

namespace {

/// Of names in rows: what is longer is cut.
constexpr std::size_t kMostText = 1000;

/// Sees whether an element is text, without a copy of it or of anything else.
struct TextVisitor : msgpack::null_visitor {
    std::optional<std::string_view> text;
    int depth = 0;

    bool visit_str(const char* bytes, std::uint32_t size) {
        if (depth == 0) {
            text = std::string_view(bytes, size);
        }
        return true;
    }
    bool start_array(std::uint32_t /*count*/) { return ++depth < kMostDepth; }
    bool end_array() { return --depth >= 0; }
    bool start_map(std::uint32_t /*count*/) { return ++depth < kMostDepth; }
    bool end_map() { return --depth >= 0; }

    static constexpr int kMostDepth = 64;
};

/// Takes the elements of one msgpack array, one after the other.
class Elements {
  public:
    explicit Elements(proto::Bytes payload) : payload_(payload) {}

    /// Whether an array of `count` elements begins here.
    [[nodiscard]] bool begin(std::size_t count) {
        constexpr std::uint8_t kFixArray = 0x90;
        return !payload_.empty() && payload_[at_++] == (kFixArray | count);
    }
    /// Whether there is a next element; `text` has it where it is text.
    [[nodiscard]] bool next(std::optional<std::string>& text) {
        TextVisitor visitor;
        if (!msgpack::parse(reinterpret_cast<const char*>(payload_.data()), payload_.size(), at_,
                            visitor)) {
            return false;
        }
        text.reset();
        if (visitor.text) {
            text = shortened(*visitor.text);
        }
        return true;
    }
    [[nodiscard]] bool next(std::string& text) {
        std::optional<std::string> found;
        const bool is_there = next(found);
        text = std::move(found).value_or("");
        return is_there;
    }
    [[nodiscard]] std::vector<std::uint8_t> rest() const {
        const proto::Bytes left = payload_.subspan(std::min(at_, payload_.size()));
        return {left.begin(), left.end()};
    }

  private:
    [[nodiscard]] static std::string shortened(std::string_view text) {
        std::size_t bytes = std::min(text.size(), kMostText);
        while (bytes < text.size() && bytes > 0 &&
               (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
            --bytes;  // not in the middle of a character
        }
        return store::clean_text(text.substr(0, bytes));
    }

    proto::Bytes payload_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<store::SpanRow> span_of(const proto::Decoder& decoder) {
    const proto::DecoderState& state = decoder.state();
    store::SpanRow row;
    row.number = proto::load<proto::SpanRecord>(decoder.record(), 0).span;
    row.ticks = state.ticks;
    row.is_point = decoder.record_kind() == proto::RecordKind::kSpanPoint;
    if (state.current) {
        row.activation = state.current;
    }
    Elements elements(decoder.event().payload);
    if (!elements.begin(5) || !elements.next(row.kind) || !elements.next(row.type) ||
        !elements.next(row.subtype) || !elements.next(row.name)) {
        return std::nullopt;
    }
    row.data = elements.rest();
    return row;
}

std::optional<store::SpanEndRow> span_end_of(const proto::Decoder& decoder) {
    store::SpanEndRow row;
    row.number = proto::load<proto::SpanRecord>(decoder.record(), 0).span;
    row.ticks = decoder.state().ticks;
    Elements elements(decoder.event().payload);
    if (!elements.begin(4) || !elements.next(row.type) || !elements.next(row.name) ||
        !elements.next(row.outcome)) {
        return std::nullopt;
    }
    row.data = elements.rest();
    return row;
}

}  // namespace kolo::collectord

#include "collectord/span_ingest.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>

#include <msgpack.hpp>

#include "proto/records.hpp"
#include "store/text.hpp"

namespace kolo::collectord {

namespace {

/// Of names in rows: what is longer is cut.
constexpr std::size_t kMostText = 1000;

/// Takes the elements of one msgpack array, one after the other.
class Elements {
  public:
    explicit Elements(proto::Bytes payload) : payload_(payload) {}

    /// Whether an array of `count` elements begins here.
    [[nodiscard]] bool begin(std::size_t count) {
        constexpr std::uint8_t kFixArray = 0x90;
        return !payload_.empty() && payload_[at_++] == (kFixArray | count);
    }
    /// The next element where it is text; nothing where it is anything else.
    [[nodiscard]] std::optional<std::string> text() {
        const msgpack::unpack_limit limit(kMostElements, kMostElements, payload_.size(),
                                          payload_.size(), payload_.size(), kMostDepth);
        const auto handle = msgpack::unpack(reinterpret_cast<const char*>(payload_.data()),
                                            payload_.size(), at_, nullptr, nullptr, limit);
        const msgpack::object& found = handle.get();
        if (found.type != msgpack::type::STR) {
            return std::nullopt;
        }
        std::string_view text(found.via.str.ptr, found.via.str.size);
        std::size_t bytes = std::min(text.size(), kMostText);
        while (bytes < text.size() && bytes > 0 &&
               (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
            --bytes;  // not in the middle of a character
        }
        return store::clean_text(text.substr(0, bytes));
    }
    [[nodiscard]] std::vector<std::uint8_t> rest() const {
        const proto::Bytes left = payload_.subspan(std::min(at_, payload_.size()));
        return {left.begin(), left.end()};
    }

  private:
    static constexpr std::size_t kMostElements = 1024;
    static constexpr std::size_t kMostDepth = 64;

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
    try {
        Elements elements(decoder.event().payload);
        if (!elements.begin(5)) {
            return std::nullopt;
        }
        row.kind = elements.text().value_or("");
        row.type = elements.text().value_or("");
        row.subtype = elements.text();
        row.name = elements.text();
        row.data = elements.rest();
    } catch (const std::exception&) {
        return std::nullopt;
    }
    return row;
}

std::optional<store::SpanEndRow> span_end_of(const proto::Decoder& decoder) {
    store::SpanEndRow row;
    row.number = proto::load<proto::SpanRecord>(decoder.record(), 0).span;
    row.ticks = decoder.state().ticks;
    try {
        Elements elements(decoder.event().payload);
        if (!elements.begin(4)) {
            return std::nullopt;
        }
        row.type = elements.text().value_or("");
        row.name = elements.text();
        row.outcome = elements.text().value_or("");
        row.data = elements.rest();
    } catch (const std::exception&) {
        return std::nullopt;
    }
    return row;
}

}  // namespace kolo::collectord

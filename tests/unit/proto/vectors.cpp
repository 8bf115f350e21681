#include "tests/unit/proto/vectors.hpp"

#include <fstream>
#include <stdexcept>
#include <utility>

namespace kolo::proto {

namespace {

[[nodiscard]] Json tell_id(const ActivationId& id) {
    return Json::array({to_integer(id.ring), id.ordinal});
}

[[nodiscard]] const char* event_name(EventKind kind) {
    switch (kind) {
        case EventKind::kStart:
            return "start";
        case EventKind::kReturn:
            return "return";
        case EventKind::kUnwind:
            return "unwind";
        case EventKind::kYield:
            return "yield";
        case EventKind::kResume:
            return "resume";
        case EventKind::kThrow:
            return "throw";
    }
    return "none";
}

[[nodiscard]] Json tell_event(const Event& event) {
    return {{"step", event_name(event.kind)},
            {"id", tell_id(event.id)},
            {"parent", tell_id(event.parent)},
            {"code", to_integer(event.code)},
            {"ticks", event.ticks},
            {"trace", to_integer(event.trace)},
            {"payload", to_hex(event.payload)},
            {"result_is_none", event.result_is_none},
            {"complete", event.complete}};
}

[[nodiscard]] const char* other_name(RecordKind kind) {
    switch (kind) {
        case RecordKind::kContext:
            return "context";
        case RecordKind::kThread:
            return "thread";
        case RecordKind::kBlind:
            return "blind";
        case RecordKind::kSpanStart:
            return "span_start";
        case RecordKind::kSpanEnd:
            return "span_end";
        case RecordKind::kSpanPoint:
            return "span_point";
        default:
            return "elapsed";
    }
}

}  // namespace

Json load_vectors(const std::string& file, const std::string& key) {
    std::ifstream stream(std::string(KOLO_VECTORS) + "/" + file);
    Json vectors = Json::parse(stream).at(key);
    if (vectors.empty()) {
        throw std::invalid_argument(file + " has nothing under " + key);
    }
    return vectors;
}

std::vector<std::uint8_t> from_hex(const std::string& hex) {
    if (hex.size() % 2 != 0) {
        throw std::invalid_argument("half a byte");
    }
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

std::string to_hex(Bytes bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string hex;
    for (const std::uint8_t byte : bytes) {
        hex += kDigits[byte >> 4U];
        hex += kDigits[byte & 0xFU];
    }
    return hex;
}

Json tell_steps(Bytes records, DecoderState state) {
    Json steps = Json::array();
    Decoder decoder(records, std::move(state));
    for (;;) {
        switch (decoder.next()) {
            case DecodeStatus::kEvent:
                steps.push_back(tell_event(decoder.event()));
                break;
            case DecodeStatus::kOther:
                steps.push_back({{"step", "other"}, {"kind", other_name(decoder.record_kind())}});
                break;
            case DecodeStatus::kUnknown:
                steps.push_back({{"step", "unknown"},
                                 {"kind", static_cast<std::uint8_t>(decoder.record_kind())}});
                break;
            case DecodeStatus::kBroken:
                steps.push_back({{"step", "broken"}});
                return steps;
            case DecodeStatus::kEnd:
                return steps;
        }
    }
}

}  // namespace kolo::proto

#include "tests/unit/reader/fake_trace.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include <msgpack.hpp>

namespace kolo::reader::testing {

namespace {

/// What msgpack's packer writes to.
struct Sink {
    Payload* bytes;
    void write(const char* data, std::size_t size) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(data);
        bytes->insert(bytes->end(), first, first + size);
    }
};

template <typename Pack>
void pack_to(Payload& bytes, Pack pack) {
    Sink sink{&bytes};
    msgpack::packer<Sink> packer(sink);
    pack(packer);
}

}  // namespace

V& V::null() {
    pack_to(bytes_, [](auto& packer) { packer.pack_nil(); });
    return *this;
}

V& V::boolean(bool value) {
    pack_to(bytes_, [value](auto& packer) { packer.pack(value); });
    return *this;
}

V& V::integer(std::int64_t value) {
    pack_to(bytes_, [value](auto& packer) { packer.pack_int64(value); });
    return *this;
}

V& V::unsigned_integer(std::uint64_t value) {
    pack_to(bytes_, [value](auto& packer) { packer.pack_uint64(value); });
    return *this;
}

V& V::number(double value) {
    // Not by pack_double(), which makes an integer of every whole number.
    const auto bits = std::bit_cast<std::uint64_t>(value);
    bytes_.push_back(0xCB);
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes_.push_back(static_cast<std::uint8_t>(bits >> static_cast<unsigned>(shift)));
    }
    return *this;
}

V& V::text(std::string_view value) {
    pack_to(bytes_, [value](auto& packer) {
        packer.pack_str(static_cast<std::uint32_t>(value.size()));
        packer.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
    });
    return *this;
}

V& V::bytes(std::string_view value) {
    pack_to(bytes_, [value](auto& packer) {
        packer.pack_bin(static_cast<std::uint32_t>(value.size()));
        packer.pack_bin_body(value.data(), static_cast<std::uint32_t>(value.size()));
    });
    return *this;
}

V& V::array(std::uint32_t size) {
    pack_to(bytes_, [size](auto& packer) { packer.pack_array(size); });
    return *this;
}

V& V::map(std::uint32_t size) {
    pack_to(bytes_, [size](auto& packer) { packer.pack_map(size); });
    return *this;
}

V& V::extension(std::int8_t type, std::string_view content) {
    pack_to(bytes_, [&](auto& packer) {
        packer.pack_ext(content.size(), type);
        packer.pack_ext_body(content.data(), static_cast<std::uint32_t>(content.size()));
    });
    return *this;
}

V& V::tagged(proto::Tag tag, std::uint32_t size) {
    const char content = static_cast<char>(tag);
    return array(size + 1).extension(proto::kTagType, {&content, 1});
}

V& V::omitted(proto::Omitted reason, std::optional<std::uint64_t> count) {
    std::array<char, 8> content{};
    content[0] = static_cast<char>(reason);
    if (!count) {
        return extension(proto::kOmittedType, {content.data(), 1});
    }
    std::memcpy(&content[1], &*count, 7);
    return extension(proto::kOmittedType, {content.data(), content.size()});
}

V& V::raw(std::initializer_list<std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes);
    return *this;
}

V& V::add(const V& other) {
    bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    return *this;
}

FakeRing::FakeRing(std::uint32_t ring, proto::TraceNumber trace) : ring_(ring), trace_(trace) {
    state_.ring = proto::RingNumber{ring};
    state_.thread = 1000 + ring;
    state_.trace = trace;
}

FakeRing& FakeRing::after(proto::Ticks ticks) {
    pending_ += ticks;
    return *this;
}

std::uint32_t FakeRing::take_delta() {
    const auto delta = static_cast<std::uint32_t>(pending_);
    ticks_ += pending_;
    pending_ = 0;
    return delta;
}

template <typename Fixed>
void FakeRing::write(Fixed fixed, proto::RecordKind kind, const Payload& payload,
                     std::uint32_t delta) {
    const auto payload_bytes = static_cast<std::uint32_t>(payload.size());
    const std::size_t begin = records_.size();
    records_.resize(begin + proto::record_bytes(sizeof(Fixed), payload_bytes));
    std::copy(payload.begin(), payload.end(),
              records_.begin() + static_cast<std::ptrdiff_t>(begin + sizeof(Fixed)));
    proto::write_record(records_.data() + begin, fixed, kind, payload_bytes, delta);
}

void FakeRing::write_word(std::uint64_t word) {
    const std::size_t begin = records_.size();
    records_.resize(begin + proto::kWordBytes);
    proto::store(records_.data() + begin, word);
}

FakeRing& FakeRing::start(std::uint32_t code, const V& arguments) {
    const std::uint32_t delta = take_delta();
    if (arguments.payload().empty()) {
        write_word(proto::one_word(proto::RecordKind::kShortStart, code, delta));
    } else {
        write(proto::ValuedRecord{{}, code}, proto::RecordKind::kStart, arguments.payload(), delta);
    }
    running_.push_back(next_ordinal_++);
    return *this;
}

void FakeRing::end(proto::RecordKind short_kind, proto::RecordKind kind, const V& payload) {
    const auto distance = static_cast<std::uint32_t>(next_ordinal_ - running_.back());
    running_.pop_back();
    const std::uint32_t delta = take_delta();
    if (payload.payload().empty()) {
        write_word(proto::one_word(short_kind, distance, delta));
    } else {
        write(proto::ValuedRecord{{}, distance}, kind, payload.payload(), delta);
    }
}

FakeRing& FakeRing::returns(const V& result) {
    end(proto::RecordKind::kShortReturn, proto::RecordKind::kReturn, result);
    return *this;
}

FakeRing& FakeRing::returns_none() {
    end(proto::RecordKind::kShortReturnNone, proto::RecordKind::kReturn, {});
    return *this;
}

FakeRing& FakeRing::raises(const V& exception) {
    end(proto::RecordKind::kShortUnwind, proto::RecordKind::kUnwind, exception);
    return *this;
}

FakeRing& FakeRing::long_event(proto::RecordKind kind, proto::ActivationId id,
                               proto::ActivationId parent, std::uint32_t code, const V& payload) {
    static_cast<void>(take_delta());
    proto::LongRecord fixed{};
    fixed.ticks = ticks_;
    fixed.ordinal = id.ordinal;
    fixed.parent_ordinal = parent.ordinal;
    fixed.ring = to_integer(id.ring);
    fixed.parent_ring = to_integer(parent.ring);
    fixed.code = code;
    write(fixed, kind, payload.payload(), 0);
    if (to_integer(id.ring) == ring_ && !running_.empty() && running_.back() == id.ordinal) {
        running_.pop_back();
    }
    return *this;
}

FakeRing& FakeRing::end_at_distance(std::uint32_t distance) {
    write_word(proto::one_word(proto::RecordKind::kShortReturn, distance, take_delta()));
    return *this;
}

FakeRing& FakeRing::unknown_record() {
    proto::RecordHead head{static_cast<proto::RecordKind>(0x3F), 0, 2, 0};
    const std::size_t begin = records_.size();
    records_.resize(begin + 16);
    proto::store(records_.data() + begin, head);
    return *this;
}

FakeRing& FakeRing::blind(proto::Ticks begin, proto::Ticks end) {
    write(proto::BlindRecord{{}, begin, end}, proto::RecordKind::kBlind, {}, take_delta());
    return *this;
}

FakeRing& FakeRing::raw_records(std::initializer_list<std::uint8_t> bytes) {
    records_.insert(records_.end(), bytes);
    return *this;
}

FakeRing& FakeRing::context(proto::ActivationId current) {
    proto::ContextRecord fixed{};
    fixed.trace = to_integer(trace_);
    fixed.current_ordinal = current.ordinal;
    fixed.current_ring = to_integer(current.ring);
    write(fixed, proto::RecordKind::kContext, {}, take_delta());
    return *this;
}

FakeRing& FakeRing::cut() {
    if (records_.empty()) {
        return *this;
    }
    proto::append_slice(slices_, state_, position_, records_);
    proto::Decoder decoder(records_, state_);
    while (true) {
        const auto status = decoder.next();
        if (status == proto::DecodeStatus::kEnd || status == proto::DecodeStatus::kBroken) {
            break;
        }
    }
    state_ = decoder.state();
    position_.offset += static_cast<std::uint32_t>(records_.size());
    records_.clear();
    return *this;
}

FakeRing& FakeRing::next_block() {
    cut();
    state_.open.clear();
    ++position_.sequence;
    position_.offset = 0;
    return *this;
}

std::vector<std::uint8_t> FakeRing::chunk() {
    cut();
    return std::exchange(slices_, {});
}

store::StoredTrace stored_trace(const std::vector<std::vector<std::uint8_t>>& chunks,
                                const std::vector<std::string>& codes, const std::string& status) {
    store::StoredTrace stored;
    stored.trace.id = "trc_01TEST";
    stored.trace.number = to_integer(kTrace);
    stored.trace.name = "GET /";
    stored.trace.kind = "request";
    stored.trace.status = status;
    stored.trace.started_at = "2026-11-23T05:00:00.000000Z";
    stored.trace.version = "1.0";
    stored.trace.argv = R"(["gunicorn","-w","2"])";
    stored.trace.pid = 42;
    stored.process = {"box", "3.11.7", "CPython", "/srv/shop", "ended", "exact"};
    for (std::size_t i = 0; i < codes.size(); ++i) {
        store::StoredCode code;
        code.number = static_cast<std::uint32_t>(i + 1);
        code.name = codes[i];
        code.qualname = "shop." + codes[i];
        code.path = "/srv/shop/" + codes[i] + ".py";
        code.first_line = static_cast<std::int64_t>(10 * (i + 1));
        code.flags = codes[i].starts_with("gen") ? 0x20 : 0;
        code.argument_count = 2;
        code.variables = R"(["a","b","c"])";
        stored.codes.push_back(code);
    }
    for (const auto& chunk : chunks) {
        stored.bytes.resize((stored.bytes.size() + 7) & ~std::size_t{7});
        stored.chunks.emplace_back(stored.bytes.size(), chunk.size());
        stored.bytes.insert(stored.bytes.end(), chunk.begin(), chunk.end());
    }
    return stored;
}

}  // namespace kolo::reader::testing

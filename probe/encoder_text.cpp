// Encoder: str, bytes and names, with the secrets taken out of them.
#include <algorithm>
#include <cstring>

#include "probe/encoder.hpp"
#include "probe/python/names.hpp"
#include "probe/python/type_facts.hpp"

namespace kolo::probe {
namespace {

using msgpack::Body;
using proto::Tag;

constexpr std::uint32_t kTaggedBytes = 1 + msgpack::kTagBytes;
/// A cut text is worth writing when at least so many bytes of it fit.
constexpr std::size_t kLeastCutBytes = 32;
/// What stands around the beginning of a cut text: tag, header, length in all.
constexpr std::size_t kCutFrame = kTaggedBytes + msgpack::kMaxLengthBytes + msgpack::kMaxIntBytes;
/// A copy or a scan of so many bytes counts as much work as a small value.
constexpr std::int64_t kBytesPerWork = 256;

/// memcpy, without the call where few bytes are copied.
void copy(std::uint8_t* to, const void* from, std::size_t length) noexcept {
    using Half = std::uint64_t;
    if (length < sizeof(Half)) {
        for (std::size_t i = 0; i < length; ++i) {
            to[i] = static_cast<const std::uint8_t*>(from)[i];
        }
    } else if (length <= 2 * sizeof(Half)) {
        Half first = 0;
        Half last = 0;
        const std::size_t at = length - sizeof(Half);
        std::memcpy(&first, from, sizeof first);
        std::memcpy(&last, static_cast<const std::uint8_t*>(from) + at, sizeof last);
        std::memcpy(to, &first, sizeof first);
        std::memcpy(to + at, &last, sizeof last);
    } else {
        std::memcpy(to, from, length);
    }
}

/// A copy of so many bytes whatever the name's length costs less than one of the length alone,
/// where there is room for it.
void copy_name(std::uint8_t* to, const TypeFacts& facts, std::size_t room) noexcept {
    constexpr std::size_t kShort = 40;
    static_assert(kShort < sizeof facts.name);
    if (facts.name_bytes <= kShort && room >= kShort) {
        std::memcpy(to, facts.name.data(), kShort);
    } else if (room >= sizeof facts.name) {
        std::memcpy(to, facts.name.data(), sizeof facts.name);
    } else {
        std::copy_n(facts.name.data(), facts.name_bytes, to);
    }
}

std::string_view view(const void* data, std::size_t length) noexcept {
    return {static_cast<const char*>(data), length};
}

}  // namespace

/// Replaces what is secret in the body that ends at `at_ + width + length`, header at `at_` not
/// written yet; then writes the header and moves on.
bool Encoder::take_secrets_out(Body kind, std::uint32_t width, std::size_t length,
                               bool is_cut) noexcept {
    std::uint8_t* data = at_ + width;
    std::size_t from = 0;
    while (const auto found = redaction_.find_in_text(view(data, length), from, is_cut)) {
        const std::size_t grown = length - (found->end - found->begin) + kRedactedText.size();
        // The header may get wider as well.
        if (!fits(msgpack::kMaxLengthBytes + std::max(grown, length))) {
            return false;
        }
        std::memmove(data + found->begin + kRedactedText.size(), data + found->end,
                     length - found->end);
        std::memcpy(data + found->begin, kRedactedText.data(), kRedactedText.size());
        length = grown;
        from = found->begin + kRedactedText.size();
    }
    const std::uint32_t needed = std::max(width, msgpack::length_bytes(kind, length));
    if (needed != width) {
        std::memmove(at_ + needed, data, length);
    }
    at_ = msgpack::put_length(at_, kind, length, needed) + length;
    return true;
}

/// The body stands behind the room for its (shortest) header already.
bool Encoder::finish_body(Body kind, std::size_t length, bool is_cut) noexcept {
    const std::uint32_t width = msgpack::length_bytes(kind, length);
    until_clock_ -= static_cast<std::int64_t>(length) / kBytesPerWork;
    if (Redaction::may_hold_secret(view(at_ + width, length))) {
        return take_secrets_out(kind, width, length, is_cut);
    }
    at_ = msgpack::put_length(at_, kind, length, width) + length;
    return true;
}

bool Encoder::body(Body kind, const void* data, std::size_t length, bool is_cut) noexcept {
    const std::uint32_t width = msgpack::length_bytes(kind, length);
    if (!fits(width + length)) {
        return false;
    }
    copy(at_ + width, data, length);
    return finish_body(kind, length, is_cut);
}

bool Encoder::text(PyObject* value) noexcept {
    if (is_plain_ascii(value)) {
        const std::string_view plain = plain_ascii(value);
        if (plain.size() <= limits_.text && body(Body::kText, plain.data(), plain.size(), false)) {
            return true;
        }
    }
    return any_text(characters_of(value));
}

bool Encoder::any_text(const Characters& characters) noexcept {
    if (characters.data == nullptr) {
        return marker(proto::Omitted::kUnreadable);
    }
    if (characters.length > limits_.text) {
        return cut_text(characters);
    }
    if (characters.is_ascii) {
        return body(Body::kText, characters.data, characters.length, false) || cut_text(characters);
    }
    const Utf8Size size = utf8_size(characters, characters.length);
    const Body kind = size.has_surrogates ? Body::kBytes : Body::kText;
    const std::uint32_t width = msgpack::length_bytes(kind, size.bytes);
    if (!fits((size.has_surrogates ? kTaggedBytes : 0) + width + size.bytes)) {
        return cut_text(characters);
    }
    if (size.has_surrogates) {
        at_ = msgpack::put_count(at_, msgpack::Shape::kArray, 2, 1);
        at_ = msgpack::put_tag(at_, Tag::kSurrogates);
    }
    write_utf8(characters, characters.length, Surrogates::kEncode, at_ + width, size.bytes);
    return finish_body(kind, size.bytes, false);
}

/// The beginning, as much as text and bytes allow. Lone surrogates become U+FFFD.
bool Encoder::cut_text(const Characters& characters) noexcept {
    if (out_of_room_ || !fits(kCutFrame + std::min<std::size_t>(kLeastCutBytes, limits_.text))) {
        return false;
    }
    std::uint8_t* const data = at_ + kTaggedBytes + msgpack::kMaxLengthBytes;
    const std::size_t most = std::min<std::size_t>(characters.length, limits_.text);
    const Utf8Written written =
        write_utf8(characters, most, Surrogates::kReplace, data, bytes_left() - kCutFrame);
    if (written.characters < most) {
        no_room();  // says whether more of it would help
        if (out_of_room_) {
            return false;
        }
    }
    at_ = msgpack::put_count(at_, msgpack::Shape::kArray, 3, 1);
    at_ = msgpack::put_tag(at_, Tag::kText);
    std::memmove(at_ + msgpack::length_bytes(Body::kText, written.bytes), data, written.bytes);
    reserved_ += msgpack::kMaxIntBytes;
    const bool is_whole = finish_body(Body::kText, written.bytes, true);
    reserved_ -= msgpack::kMaxIntBytes;
    if (is_whole) {
        at_ = msgpack::put_uint(at_, characters.length);
    }
    return is_whole;
}

bool Encoder::bytes(const char* data, std::size_t length, bool is_array) noexcept {
    if (length <= limits_.text && fits(kTaggedBytes + msgpack::kMaxLengthBytes + length)) {
        if (is_array) {
            at_ = msgpack::put_count(at_, msgpack::Shape::kArray, 2, 1);
            at_ = msgpack::put_tag(at_, Tag::kByteArray);
        }
        return body(Body::kBytes, data, length, false);
    }
    const std::size_t most = std::min<std::size_t>(length, limits_.text);
    if (out_of_room_ || !fits(kCutFrame + std::min<std::size_t>(kLeastCutBytes, most))) {
        return false;
    }
    at_ = msgpack::put_count(at_, msgpack::Shape::kArray, 3, 1);
    at_ = msgpack::put_tag(at_, Tag::kBytes);
    reserved_ += msgpack::kMaxIntBytes;
    const std::size_t room = bytes_left() - msgpack::kMaxLengthBytes;
    if (room < most) {
        no_room();  // says whether more of it would help
    }
    const bool is_whole = !out_of_room_ && body(Body::kBytes, data, std::min(most, room), true);
    reserved_ -= msgpack::kMaxIntBytes;
    if (is_whole) {
        at_ = msgpack::put_uint(at_, length);
    }
    return is_whole;
}

bool Encoder::tagged_name(Tag tag, const std::uint8_t* bytes, std::size_t length) noexcept {
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, msgpack::Shape::kArray, 2, 1), tag);
    return name(view(bytes, length));
}

bool Encoder::type_name(PyTypeObject* type) noexcept {
    const TypeFacts* const facts = known_facts(type);
    return facts != nullptr ? known_type_name(*facts) : any_type_name(type);
}

// Never inlined: its room would be taken at each level of what is nested.
[[gnu::noinline]] bool Encoder::any_type_name(PyTypeObject* type) noexcept {
    std::uint8_t written[kMaxNameBytes];
    return name(view(written, write_type_name(type, written)));
}

bool Encoder::known_type_name(const TypeFacts& facts) noexcept {
    if (!fits(facts.name_bytes)) {
        return false;
    }
    copy_name(at_, facts, bytes_left());
    at_ += facts.name_bytes;
    return true;
}

bool Encoder::name(std::string_view name) noexcept {
    const std::uint32_t width = msgpack::length_bytes(Body::kText, name.size());
    if (!fits(width + name.size())) {
        return false;
    }
    at_ = msgpack::put_length(at_, Body::kText, name.size(), width);
    copy(at_, name.data(), name.size());
    at_ += name.size();
    return true;
}

/// Whether what follows on a command line is a secret: "--token", but not "--token=…", in which the
/// value is found as in any text.
bool Encoder::is_secret_option(PyObject* argument) const noexcept {
    if (!PyUnicode_Check(argument) || !is_plain_ascii(argument)) {
        return false;
    }
    const std::string_view text = plain_ascii(argument);
    return text.size() > 1 && text[0] == '-' && text.find('=') == std::string_view::npos &&
           redaction_.matches(text);
}

bool Encoder::is_secret_name(PyObject* name) const noexcept {
    if (PyUnicode_Check(name)) {
        if (const Py_hash_t hash = known_hash(name); hash != -1 && is_plain_ascii(name)) {
            return redaction_.matches_hashed(hash, plain_ascii(name));
        }
        const Characters characters = characters_of(name);
        if (characters.data == nullptr) {
            return true;  // cannot be read, so cannot be cleared of being a secret's name
        }
        if (characters.is_ascii) {
            return redaction_.matches(view(characters.data, characters.length));
        }
        std::uint8_t utf8[kMaxNameBytes];
        const Utf8Written written =
            write_utf8(characters, characters.length, Surrogates::kReplace, utf8, sizeof utf8);
        return redaction_.matches(view(utf8, written.bytes));
    }
    if (PyBytes_Check(name)) {
        return redaction_.matches(
            view(PyBytes_AS_STRING(name), static_cast<std::size_t>(PyBytes_GET_SIZE(name))));
    }
    return false;
}

}  // namespace kolo::probe

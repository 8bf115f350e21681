// Encoder: the standard library's values.
#include <algorithm>

#include "probe/encoder.hpp"
#include "probe/python/pathlib_text.hpp"
#include "probe/python/stdlib_types.hpp"

namespace kolo::probe {
namespace {

using msgpack::Shape;
using proto::Omitted;
using proto::Tag;

constexpr std::uint32_t kTaggedBytes = 1 + msgpack::kTagBytes;

Tag time_tag(StdlibKind kind) noexcept {
    switch (kind) {
        case StdlibKind::kDateTime:
            return Tag::kDateTime;
        case StdlibKind::kDate:
            return Tag::kDate;
        case StdlibKind::kTime:
            return Tag::kTime;
        default:
            return Tag::kTimeDelta;
    }
}

}  // namespace

bool Encoder::standard(PyObject* value, StdlibKind kind) noexcept {
    switch (kind) {
        case StdlibKind::kDecimal:
            return decimal(value);
        case StdlibKind::kUuid:
            return uuid(value);
        case StdlibKind::kEnum:
            return enumerated(value);
        case StdlibKind::kPath:
            return path(value);
        case StdlibKind::kDeque:
            return deque(value);
        case StdlibKind::kMappingProxy:
            return mapping_proxy(value);
        default:
            return time(value, kind);
    }
}

// Never inlined: what it needs of the C stack would be taken at each level of what is nested.
[[gnu::noinline]] bool Encoder::decimal(PyObject* value) noexcept {
    constexpr std::size_t kMostDecimalBytes = 600;
    char text[kMostDecimalBytes];
    const std::size_t length = write_decimal(value, text);
    return length == 0
               ? marker(Omitted::kBytes)
               : tagged_name(Tag::kDecimal, reinterpret_cast<const std::uint8_t*>(text), length);
}

bool Encoder::uuid(PyObject* value) noexcept {
    std::uint8_t bytes[16];
    if (!read_uuid(value, bytes)) {
        return marker(Omitted::kUnreadable);
    }
    constexpr std::uint32_t kHeader = 2;
    if (!fits(kTaggedBytes + kHeader + sizeof bytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 2, 1), Tag::kUuid);
    at_ = msgpack::put_length(at_, msgpack::Body::kBytes, sizeof bytes, kHeader);
    at_ = std::copy(bytes, bytes + sizeof bytes, at_);
    return true;
}

/// A member's value is nearly always an int or a str, which take no depth.
bool Encoder::enumerated(PyObject* value) noexcept {
    const EnumMember member = enum_member(value);
    if (member.value == nullptr) {
        return other(value);
    }
    if (is_on_path(value)) {
        return marker(Omitted::kCycle);
    }
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 4, 1), Tag::kEnum);
    if (!type_name(Py_TYPE(value))) {
        return false;
    }
    const bool is_named = member.name != nullptr;
    if (!(is_named ? any_text(characters_of(member.name)) : nothing())) {
        return false;
    }
    if (is_named && is_secret_name(member.name)) {
        return marker(Omitted::kRedacted);
    }
    if (PyLong_CheckExact(member.value) || PyUnicode_CheckExact(member.value)) {
        return encode(member.value);
    }
    if (depth_ >= kMostDepth) {
        return marker(Omitted::kDepth);
    }
    path_[depth_++] = value;
    const bool is_whole = encode(member.value);
    --depth_;
    return is_whole;
}

bool Encoder::path(PyObject* value) noexcept {
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 3, 1), Tag::kPath);
    return type_name(Py_TYPE(value)) && path_content(value);
}

// Never inlined, as decimal().
[[gnu::noinline]] bool Encoder::path_content(PyObject* value) noexcept {
    PathRoom room;  // NOLINT: only what path_text() fills is read
    const PathText text = path_text(value, pure_path(Py_TYPE(value)), room);
    return text.is_long ? marker(Omitted::kBytes) : any_text(text.characters);
}

bool Encoder::deque(PyObject* value) noexcept {
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 3, 1), Tag::kSubclass);
    return type_name(Py_TYPE(value)) && deque_content(value);
}

bool Encoder::mapping_proxy(PyObject* value) noexcept {
    PyObject* const mapping = proxied_dict(value);
    if (mapping == nullptr) {
        return other(value);
    }
    if (!fits(kTaggedBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 3, 1), Tag::kSubclass);
    return type_name(Py_TYPE(value)) && dict(mapping);
}

bool Encoder::time(PyObject* value, StdlibKind kind) noexcept {
    const TimeFields fields = time_fields(value, kind);
    constexpr std::size_t kMostFieldBytes = 5;
    if (!fits(kTaggedBytes + fields.count * kMostFieldBytes + 1)) {
        return false;
    }
    const std::uint32_t elements = 1U + fields.count + (fields.has_zone ? 1U : 0U);
    at_ = msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, elements, 1), time_tag(kind));
    for (std::uint8_t i = 0; i < fields.count; ++i) {
        at_ = msgpack::put_int(at_, fields.values[i]);
    }
    if (!fields.has_zone) {
        return true;
    }
    if (fields.zone == nullptr) {
        at_ = msgpack::put_byte(at_, msgpack::kNone);
        return true;
    }
    return type_name(Py_TYPE(fields.zone));
}

}  // namespace kolo::probe

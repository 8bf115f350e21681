#include "probe/encoder.hpp"

#include <time.h>

#include <algorithm>

#include "probe/python/names.hpp"
#include "probe/python/stdlib_types.hpp"
#include "probe/python/type_facts.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

using proto::Omitted;
using proto::Tag;

/// What an event may need beyond event_bytes, so that closing markers never cut content.
constexpr std::size_t kClosingBytes = 64;
/// A value of its own, an array's header and the omission that may end the array.
constexpr std::size_t kOwnMarker = msgpack::kOmissionBytes;
constexpr std::size_t kArrayEnd = 3 + msgpack::kCountedOmissionBytes;

/// Reading the clock costs as much as several values: it is looked at so often only. The first look
/// starts it, so that small events never pay.
constexpr std::int64_t kWorkPerLook = 64;

std::int64_t now_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

// --- Budgets
// --------------------------------------------------------------------------------------

Encoder::Encoder(std::uint8_t* to, std::uint32_t room, const EncodeLimits& limits,
                 const Redaction& redaction) noexcept
    : to_(to),
      at_(to),
      limit_(std::min<std::size_t>(room, std::size_t{limits.event_bytes} + kClosingBytes)),
      reserved_(kArrayEnd),
      cap_(limit_),
      until_clock_(kWorkPerLook),
      limits_(limits),
      redaction_(redaction),
      is_room_short_(room < std::size_t{limits.event_bytes} + kClosingBytes) {}

bool Encoder::no_room() noexcept {
    // Where the value's own budget is what ran out, more room would not help.
    if (is_room_short_ && !is_value_limit_) {
        out_of_room_ = true;
    }
    reason_ = Omitted::kBytes;
    return false;
}

bool Encoder::look_at_clock() noexcept {
    if (reason_ == Omitted::kTime) {
        return false;  // for the rest of the event
    }
    const std::int64_t now = now_ns();
    if (deadline_ns_ == 0) {
        deadline_ns_ = now + std::int64_t{limits_.event_us} * 1000;
    }
    if (now >= deadline_ns_) {
        reason_ = Omitted::kTime;
        until_clock_ = 0;
        return false;
    }
    until_clock_ = kWorkPerLook;
    return true;
}

// --- Elements of the event
// ------------------------------------------------------------------------

void Encoder::begin_array(std::uint32_t count) noexcept {
    if (out_of_room_) {
        return;
    }
    count = std::min<std::uint32_t>(count, UINT16_MAX);
    const std::uint32_t width = msgpack::count_bytes(count);
    const std::size_t left = cap_ - std::min<std::size_t>(cap_, size());
    if (width + count * kOwnMarker > left) {
        if (is_room_short_) {
            out_of_room_ = true;
            return;
        }
        const std::size_t end = width + msgpack::kCountedOmissionBytes;
        elements_left_ =
            static_cast<std::uint32_t>(left > end ? (left - end) / kOwnMarker : std::size_t{0});
        elements_cut_ = count - elements_left_;
        reserved_ = elements_left_ * kOwnMarker + msgpack::kCountedOmissionBytes;
        at_ = msgpack::put_count(at_, msgpack::Shape::kArray, elements_left_ + 1, width);
    } else {
        elements_left_ = count;
        reserved_ = count * kOwnMarker;
        at_ = msgpack::put_count(at_, msgpack::Shape::kArray, count, width);
    }
    in_array_ = true;
    if (elements_left_ == 0) {
        end_element();
    }
}

bool Encoder::begin_element() noexcept {
    if (out_of_room_) {
        return false;
    }
    if (!in_array_) {
        return size() + kOwnMarker + reserved_ <= cap_;  // always, for the one value that may be
    }
    if (elements_left_ == 0) {
        return false;
    }
    --elements_left_;
    reserved_ -= kOwnMarker;
    return true;
}

void Encoder::end_element() noexcept {
    if (in_array_ && elements_left_ == 0 && elements_cut_ > 0) {
        reserved_ -= msgpack::kCountedOmissionBytes;
        at_ = msgpack::put_counted_omission(at_, Omitted::kBytes, elements_cut_);
        elements_cut_ = 0;
    }
}

template <typename Encode>
void Encoder::element(Encode encode) noexcept {
    if (!begin_element()) {
        return;
    }
    std::uint8_t* const begin = at_;
    // Outside the array nothing was set aside for the marker that may have to replace the value.
    const std::size_t by_room = in_array_ ? cap_ : cap_ - kOwnMarker;
    const std::size_t by_value = size() + reserved_ + limits_.value_bytes;
    limit_ = std::min(by_room, by_value);
    is_value_limit_ = by_value < by_room;
    if (!encode()) {
        at_ = msgpack::put_omission(begin, reason_);
    }
    limit_ = cap_;
    end_element();
}

void Encoder::any_element(PyObject* value) noexcept {
    element([this, value]() noexcept { return encode(value); });
}

void Encoder::exception(PyObject* type, PyObject* value, int line) noexcept {
    element([this, type, value, line]() noexcept { return raised(type, value, line); });
}

void Encoder::none() noexcept {
    if (begin_element()) {
        at_ = msgpack::put_byte(at_, msgpack::kNone);  // shorter than the marker set aside for it
        end_element();
    }
}

void Encoder::omitted(Omitted reason) noexcept {
    if (begin_element()) {
        at_ = msgpack::put_omission(at_, reason);  // for which room is always set aside
        end_element();
    }
}

// --- Values
// ---------------------------------------------------------------------------------------

bool Encoder::marker(Omitted reason) noexcept {
    if (!fits(msgpack::kOmissionBytes)) {
        return false;
    }
    at_ = msgpack::put_omission(at_, reason);
    return true;
}

bool Encoder::encode(PyObject* value) noexcept {
    if (!has_time()) {
        return false;
    }
    if (bytes_left() >= kSmallBytes) {
        if (std::uint8_t* const end = put_small(at_, value)) {
            at_ = end;
            return true;
        }
    }
    PyTypeObject* const type = Py_TYPE(value);
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && reprs_ == nullptr) {
        if (const TypeFacts* const facts = known_facts(type); facts != nullptr && facts->is_plain) {
            return object(value, facts);
        }
    }
    if (type == &PyUnicode_Type) {
        return text(value);
    }
    if (type == &PyLong_Type) {
        return integer(value);
    }
    if (value == Py_None) {
        return nothing();
    }
    if (type == &PyBool_Type) {
        return fits(1) && (at_ = msgpack::put_byte(at_, value == Py_True ? 0xC3 : 0xC2), true);
    }
    if (type == &PyFloat_Type) {
        return number(PyFloat_AS_DOUBLE(value));
    }
    return encode_builtin(value, type);
}

bool Encoder::encode_builtin(PyObject* value, PyTypeObject* type) noexcept {
    if (type == &PyDict_Type) {
        return dict(value);
    }
    if (type == &PyList_Type) {
        return list(value);
    }
    if (type == &PyTuple_Type) {
        return tuple(value, Tag::kTuple, nullptr);
    }
    if (type == &PyBytes_Type) {
        return bytes(PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value)),
                     false);
    }
    if (type == &PySet_Type) {
        return set(value, Tag::kSet);
    }
    if (type == &PyFrozenSet_Type) {
        return set(value, Tag::kFrozenSet);
    }
    if (type == &PyByteArray_Type) {
        return bytes(PyByteArray_AS_STRING(value),
                     static_cast<std::size_t>(PyByteArray_GET_SIZE(value)), true);
    }
    if (type == &PyComplex_Type) {
        return complex(value);
    }
    return encode_other(value, type);
}

/// Classes, functions and modules are their names.
[[gnu::noinline]] bool Encoder::named(PyObject* value, bool& is_named) noexcept {
    std::uint8_t name[kMaxNameBytes];
    is_named = true;
    if (PyType_Check(value)) {
        const std::size_t length = write_type_name(reinterpret_cast<PyTypeObject*>(value), name);
        return tagged_name(Tag::kType, name, length);
    }
    if (PyModule_Check(value)) {
        return tagged_name(Tag::kModule, name, write_module_name(value, name));
    }
    if (const std::size_t length = write_function_name(value, name); length > 0) {
        return tagged_name(Tag::kFunction, name, length);
    }
    is_named = false;
    return false;
}

bool Encoder::encode_other(PyObject* value, PyTypeObject* type) noexcept {
    if (reprs_ != nullptr && !PyType_Check(value)) {
        if (const auto told = reprs_->of_named(value)) {
            return repr(value, *told);
        }
    }
    if (PyExceptionInstance_Check(value)) {
        return exception_alone(type, value, 0, 0);
    }
    // Functions of all kinds are of static types.
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || PyType_Check(value)) {
        bool is_named = false;
        const bool is_whole = named(value, is_named);
        if (is_named) {
            return is_whole;
        }
    }
    const TypeFacts* const facts = known_facts(type);
    const StdlibKind kind = facts != nullptr ? facts->kind : stdlib_kind(type);
    return kind != StdlibKind::kNone ? standard(value, kind) : other(value);
}

/// What is none of the kinds that are known by themselves.
bool Encoder::other(PyObject* value) noexcept {
    const TypeFacts* const facts = known_facts(Py_TYPE(value));
    PyTypeObject* const base = facts != nullptr ? facts->base : builtin_base(Py_TYPE(value));
    if (base == &PyModule_Type) {
        bool is_named = false;
        return named(value, is_named);
    }
    if (base != nullptr) {
        return subclass(value, base);
    }
    if (reprs_ != nullptr) {
        if (const auto told = reprs_->of_any(value)) {
            return repr(value, *told);
        }
    }
    return object(value, known_facts(Py_TYPE(value)));
}

bool Encoder::repr(PyObject* value, const ReprTexts::Told& told) noexcept {
    if (!fits(1 + msgpack::kTagBytes)) {
        return false;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, msgpack::Shape::kArray, 3, 1), Tag::kRepr);
    return type_name(Py_TYPE(value)) &&
           (told.text != nullptr ? any_text(characters_of(told.text)) : marker(told.reason));
}

bool Encoder::nothing() noexcept {
    return fits(1) && (at_ = msgpack::put_byte(at_, msgpack::kNone), true);
}

bool Encoder::integer(PyObject* value) noexcept {
    int overflow = 0;
    const long long small = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
        if (!fits(msgpack::kMaxIntBytes)) {
            return false;
        }
        at_ = msgpack::put_int(at_, small);
        return true;
    }
    constexpr std::size_t kHeader = 1 + msgpack::kTagBytes + msgpack::kMaxLengthBytes;
    constexpr std::size_t kLeast = 16;
    if (!fits(kHeader + kLeast)) {
        return false;
    }
    std::uint8_t* const digits = at_ + kHeader;
    const std::size_t length = int_bytes(value, digits, bytes_left() - kHeader);
    if (length == 0) {
        return no_room();
    }
    if (length == 9 && digits[0] == 0) {  // up to 2**64: msgpack has it
        std::uint64_t large = 0;
        for (std::size_t i = 1; i < length; ++i) {
            large = large << 8U | digits[i];
        }
        at_ = msgpack::put_uint(at_, large);
        return true;
    }
    at_ = msgpack::put_tag(msgpack::put_count(at_, msgpack::Shape::kArray, 2, 1), Tag::kBigInt);
    at_ = msgpack::put_length(at_, msgpack::Body::kBytes, length, msgpack::kMaxLengthBytes);
    at_ += length;
    return true;
}

bool Encoder::number(double value) noexcept {
    if (!fits(9)) {
        return false;
    }
    at_ = msgpack::put_double(at_, value);
    return true;
}

bool Encoder::complex(PyObject* value) noexcept {
    if (!fits(1 + msgpack::kTagBytes + 18)) {
        return false;
    }
    const Py_complex parts = reinterpret_cast<const PyComplexObject*>(value)->cval;
    at_ = msgpack::put_tag(msgpack::put_count(at_, msgpack::Shape::kArray, 3, 1), Tag::kComplex);
    at_ = msgpack::put_double(msgpack::put_double(at_, parts.real), parts.imag);
    return true;
}

}  // namespace kolo::probe

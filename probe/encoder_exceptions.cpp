// Encoder: exceptions. Their arguments, attributes, and the chain that Python would show with them.
#include <algorithm>

#include "probe/encoder.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

using msgpack::Shape;
using proto::Omitted;
using proto::Tag;

/// Exceptions behind each other, the first one included.
constexpr std::uint32_t kMostInChain = 9;

bool is_instance(PyObject* value) noexcept {
    return value != nullptr && PyExceptionInstance_Check(value);
}

/// What Python shows above an exception's own traceback.
struct Before {
    PyObject* exception = nullptr;  // borrowed
    bool is_cause = false;
};

Before before(PyObject* value) noexcept {
    if (!is_instance(value)) {
        return {};
    }
    const auto* const exception = reinterpret_cast<const PyBaseExceptionObject*>(value);
    if (is_instance(exception->cause)) {
        return {exception->cause, true};
    }
    const bool is_shown = exception->suppress_context == 0 && is_instance(exception->context);
    return {is_shown ? exception->context : nullptr, false};
}

/// What OSError keeps beside its args, though it is what one wants to know.
PyObject* file_name(PyObject* value) noexcept {
    PyTypeObject* const os_error = reinterpret_cast<PyTypeObject*>(PyExc_OSError);
    PyTypeObject* type = Py_TYPE(value);
    while (type != nullptr && type != os_error) {
        type = type->tp_base;
    }
    PyObject* const name =
        type != nullptr ? reinterpret_cast<const PyOSErrorObject*>(value)->filename : nullptr;
    return name != Py_None ? name : nullptr;
}

}  // namespace

bool Encoder::raised(PyObject* type, PyObject* value, int line) noexcept {
    if (is_instance(value)) {
        return exception_chain(value, line);
    }
    if (type == nullptr || !PyType_Check(type)) {
        return marker(Omitted::kUnreadable);
    }
    return exception_alone(reinterpret_cast<PyTypeObject*>(type), value, line, 0);
}

/// Each is the last part of the one before it, so that this is a loop.
bool Encoder::exception_chain(PyObject* value, int line) noexcept {
    const PyObject* seen[kMostInChain];
    std::uint32_t count = 0;
    for (;;) {
        seen[count++] = value;
        const Before next = before(value);
        // The marker that may have to stand for the next one.
        const std::uint32_t after = next.exception != nullptr ? msgpack::kOmissionBytes : 0;
        const std::uint32_t elements = after == 0 ? 0 : (next.is_cause ? 5 : 6);
        std::uint8_t* const begin = at_;
        reserved_ += after;
        const bool is_whole = exception_alone(Py_TYPE(value), value, line, elements);
        reserved_ -= after;
        if (!is_whole) {
            at_ = begin;
            return count > 1 && marker(reason_);
        }
        if (next.exception == nullptr) {
            return true;
        }
        if (std::find(seen, seen + count, next.exception) != seen + count) {
            return marker(Omitted::kCycle);
        }
        if (count == kMostInChain) {
            return marker(Omitted::kDepth);
        }
        if (!has_time()) {
            return marker(reason_);
        }
        value = next.exception;
        line = 0;
    }
}

/// Without what came before it, for which it leaves the place: of `elements` behind the tag (0: as
/// many as it needs) the last is the caller's to write.
bool Encoder::exception_alone(PyTypeObject* type, PyObject* value, int line,
                              std::uint32_t elements) noexcept {
    constexpr std::uint32_t kFixed = 1 + msgpack::kTagBytes + msgpack::kMaxIntBytes + 2;
    PyObject* const file = is_instance(value) ? file_name(value) : nullptr;
    const std::size_t count = is_instance(value) ? attribute_count(value) : 0;
    const bool has_attributes = count > 0 || file != nullptr;
    if (elements == 0) {
        elements = has_attributes ? 4 : (line > 0 ? 3 : 2);
    }
    if (!fits(kFixed)) {
        return false;
    }
    at_ =
        msgpack::put_tag(msgpack::put_count(at_, Shape::kArray, 1 + elements, 1), Tag::kException);
    reserved_ += msgpack::kMaxIntBytes + 2;  // the line, and nil for attributes and cause
    const bool is_told = type_name(type) && exception_arguments(value);
    reserved_ -= msgpack::kMaxIntBytes + 2;
    if (!is_told) {
        return false;
    }
    if (elements > 2) {
        at_ = line > 0 ? msgpack::put_uint(at_, static_cast<std::uint64_t>(line))
                       : msgpack::put_byte(at_, msgpack::kNone);
    }
    if (elements > 3 && !exception_attributes(value, has_attributes, count, file)) {
        return false;
    }
    if (elements > 5) {
        at_ = msgpack::put_byte(at_, msgpack::kNone);  // it has a context, and no cause
    }
    return true;
}

bool Encoder::exception_attributes(PyObject* value, bool has_any, std::size_t count,
                                   PyObject* file) noexcept {
    if (!has_any) {
        return nothing();
    }
    if (is_on_path(value)) {
        return marker(Omitted::kCycle);
    }
    std::uint8_t* const begin = at_;
    ++reserved_;
    const bool is_whole = attribute_map(value, count, file, nullptr);
    --reserved_;
    if (!is_whole) {
        at_ = begin;
        return marker(reason_);
    }
    return true;
}

bool Encoder::exception_arguments(PyObject* value) noexcept {
    if (is_instance(value)) {
        PyObject* const args = reinterpret_cast<const PyBaseExceptionObject*>(value)->args;
        if (args == nullptr || !PyTuple_CheckExact(args)) {
            return marker(Omitted::kUnreadable);
        }
        return tuple(args, kUntagged, nullptr);
    }
    // Not normalised: the arguments that the class would be called with.
    if (value != nullptr && PyTuple_CheckExact(value)) {
        return tuple(value, kUntagged, nullptr);
    }
    const bool is_given = value != nullptr && value != Py_None;
    if (!fits(1 + msgpack::kOmissionBytes)) {
        return false;
    }
    at_ = msgpack::put_count(at_, Shape::kArray, is_given ? 1 : 0, 1);
    std::uint8_t* const begin = at_;
    if (is_given && !encode(value)) {
        at_ = begin;
        return marker(reason_);
    }
    return true;
}

}  // namespace kolo::probe

// What a thread state and the interpreter's own wrapper objects hold.
#include <string_view>

#include "probe/python/version.hpp"

namespace kolo::probe {

PyObject* unwrapped(PyObject* value) noexcept {
    struct Wrapper {
        PyObject base;
        PyObject* value;
    };
    // The type has not been exported since 3.12: known by its name, which no Python class can have
    // without being a heap type.
    static PyTypeObject* wrapper_type = nullptr;  // guarded by the GIL
    PyTypeObject* const type = Py_TYPE(value);
    if (type != wrapper_type) {
        if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 ||
            type->tp_basicsize != static_cast<Py_ssize_t>(sizeof(Wrapper)) ||
            std::string_view(type->tp_name) != "async_generator_wrapped_value") {
            return value;
        }
        wrapper_type = type;
    }
    PyObject* const inner = reinterpret_cast<const Wrapper*>(value)->value;
    return inner == nullptr ? value : inner;
}

}  // namespace kolo::probe

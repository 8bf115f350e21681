#include "probe/python/qualname.hpp"

#include "probe/text.hpp"

namespace kolo::probe {

#if PY_VERSION_HEX >= 0x030B0000

std::optional<std::string> code_qualname(PyCodeObject* code, PyObject* /*globals*/) {
    return text_of(code->co_qualname);
}

#else

namespace {

/// The function that `value` is or wraps, when it has `code`; null otherwise.
[[nodiscard]] PyObject* function_of(PyObject* value, PyCodeObject* code) noexcept {
    if (Py_TYPE(value) == &PyClassMethod_Type || Py_TYPE(value) == &PyStaticMethod_Type) {
        // Both begin with the wrapped callable (Objects/funcobject.c); there is no public access to
        // it without attribute look-up.
        struct Wrapper {
            PyObject_HEAD PyObject* callable;
        };
        value = reinterpret_cast<Wrapper*>(value)->callable;
    }
    return value != nullptr && PyFunction_Check(value) &&
                   PyFunction_GET_CODE(value) == reinterpret_cast<PyObject*>(code)
               ? value
               : nullptr;
}

[[nodiscard]] PyObject* find_in(PyObject* names, PyCodeObject* code) noexcept {
    if (names == nullptr || !PyDict_CheckExact(names)) {
        return nullptr;
    }
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t at = 0;
    while (PyDict_Next(names, &at, &key, &value) != 0) {
        if (PyObject* function = function_of(value, code)) {
            return function;
        }
    }
    return nullptr;
}

}  // namespace

std::optional<std::string> code_qualname(PyCodeObject* code, PyObject* globals) {
    const std::string name = text_of(code->co_name);
    if (name == "<module>") {
        return name;
    }
    if (globals == nullptr || !PyDict_CheckExact(globals)) {
        return std::nullopt;
    }
    PyObject* function = find_in(globals, code);
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t at = 0;
    while (function == nullptr && PyDict_Next(globals, &at, &key, &value) != 0) {
        if (PyType_Check(value)) {
            function = find_in(reinterpret_cast<PyTypeObject*>(value)->tp_dict, code);
        }
    }
    if (function == nullptr) {
        return std::nullopt;
    }
    return text_of(reinterpret_cast<PyFunctionObject*>(function)->func_qualname);
}

#endif

}  // namespace kolo::probe

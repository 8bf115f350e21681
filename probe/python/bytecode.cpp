// Where the interpreter keeps a code's bytecode. All versions.
#include "probe/python/bytecode.hpp"

#include "probe/python/version.hpp"

namespace kolo::probe {

Bytecode::Bytecode(PyCodeObject* code) noexcept : code_(code) {
#if PY_VERSION_HEX < 0x030B0000
    bytes_ = code->co_code;
    Py_XINCREF(bytes_);
#else
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    was_cached_ = cached() == nullptr || *cached() != nullptr;
    bytes_ = PyCode_GetCode(code);
    PyErr_Restore(type, value, traceback);  // and drops a MemoryError of ours
#endif
}

Bytecode::~Bytecode() {
    Py_XDECREF(bytes_);
    if (!was_cached_ && cached() != nullptr) {
        Py_CLEAR(*cached());
    }
}

std::span<const std::uint8_t> Bytecode::units() const noexcept {
    if (bytes_ == nullptr || !PyBytes_Check(bytes_)) {
        return {};
    }
    return {reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(bytes_)),
            static_cast<std::size_t>(PyBytes_GET_SIZE(bytes_))};
}

/// Where the interpreter keeps its copy; null where that is not known.
PyObject** Bytecode::cached() const noexcept {
#if !KOLO_PYTHON_IS_KNOWN || PY_VERSION_HEX < 0x030B0000
    return nullptr;
#elif PY_VERSION_HEX < 0x030C0000
    return &code_->_co_code;
#else
    static PyObject* none = nullptr;  // _co_cached is made by the first PyCode_GetCode
    return code_->_co_cached == nullptr ? &none : &code_->_co_cached->_co_code;
#endif
}

}  // namespace kolo::probe

// What a code object holds in its extra slot (PEP 523), read where it lies: the public function is
// a call and three checks, at every event.
//
// Under the GIL; runs nothing, changes nothing.
#pragma once

#include <Python.h>

#include "probe/python/version.hpp"

namespace kolo::probe {

#if PY_VERSION_HEX < 0x030C0000  // where they had no public name yet
inline constexpr auto* PyUnstable_Code_GetExtra = _PyCode_GetExtra;
inline constexpr auto* PyUnstable_Code_SetExtra = _PyCode_SetExtra;
inline constexpr auto* PyUnstable_Eval_RequestCodeExtraIndex = _PyEval_RequestCodeExtraIndex;
#endif

/// Null when nothing was stored.
[[nodiscard]] inline void* code_extra(PyCodeObject* code, Py_ssize_t slot) noexcept {
#if KOLO_PYTHON_IS_KNOWN
    // Objects/codeobject.c, _PyCodeObjectExtra: unchanged since 3.6.
    struct Extras {
        Py_ssize_t size;
        void* values[1];
    };
    const auto* const extras = static_cast<const Extras*>(code->co_extra);
    return extras != nullptr && slot < extras->size ? extras->values[slot] : nullptr;
#else
    void* value = nullptr;
    return PyUnstable_Code_GetExtra(reinterpret_cast<PyObject*>(code), slot, &value) == 0 ? value
                                                                                          : nullptr;
#endif
}

}  // namespace kolo::probe

// The value of a small int, read where it lies: the public function is a call, and looks at more.
//
// For the encoder, on recording threads, with the GIL held.
#pragma once

#include <Python.h>

#include <cstdint>
#include <optional>

#include "probe/python/version.hpp"

#if PY_VERSION_HEX < 0x030B0000
#include <longintrepr.h>
#endif

namespace kolo::probe {

/// Nothing for one of more than one digit (30 bits), and where the version is not known.
[[nodiscard]] inline std::optional<std::int64_t> small_int(PyObject* value) noexcept {
    [[maybe_unused]] const auto* const number = reinterpret_cast<const PyLongObject*>(value);
#if !KOLO_PYTHON_IS_KNOWN
    return std::nullopt;
#elif PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Long_IsCompact(number) == 0) {
        return std::nullopt;
    }
    return PyUnstable_Long_CompactValue(number);
#else
    switch (Py_SIZE(value)) {
        case 0:
            return 0;
        case 1:
            return std::int64_t{number->ob_digit[0]};
        case -1:
            return -std::int64_t{number->ob_digit[0]};
        default:
            return std::nullopt;
    }
#endif
}

}  // namespace kolo::probe

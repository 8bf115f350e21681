// The bytes of an int.
#include <cstring>

#include "probe/python/version.hpp"

namespace kolo::probe {
namespace {

/// How many leading bytes only repeat the sign.
std::size_t redundant(const std::uint8_t* bytes, std::size_t size) noexcept {
    std::size_t at = 0;
    while (at + 1 < size && ((bytes[at] == 0x00 && bytes[at + 1] < 0x80) ||
                             (bytes[at] == 0xFF && bytes[at + 1] >= 0x80))) {
        ++at;
    }
    return at;
}

/// How many bytes write_bytes() needs: at least as many as the value has. 0 when unknown.
std::size_t bytes_needed(PyObject* value) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    const std::size_t bits = _PyLong_NumBits(value);
    if (bits == static_cast<std::size_t>(-1)) {  // over 2**64 bits: no memory holds that
        PyErr_Clear();
        return 0;
    }
    return bits / 8 + 1;
#else
    const Py_ssize_t bytes = PyLong_AsNativeBytes(value, nullptr, 0, Py_ASNATIVEBYTES_BIG_ENDIAN);
    return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
#endif
}

bool write_bytes(PyObject* value, std::uint8_t* to, std::size_t size) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    return _PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(value), to, size, 0, 1) == 0;
#else
    return PyLong_AsNativeBytes(value, to, static_cast<Py_ssize_t>(size),
                                Py_ASNATIVEBYTES_BIG_ENDIAN) >= 0;
#endif
}

}  // namespace

std::size_t int_bytes(PyObject* value, std::uint8_t* to, std::size_t room) noexcept {
    const std::size_t size = bytes_needed(value);
    if (size == 0 || size > room || !write_bytes(value, to, size)) {
        return 0;
    }
    const std::size_t skip = redundant(to, size);
    std::memmove(to, to + skip, size - skip);
    return size - skip;
}

}  // namespace kolo::probe

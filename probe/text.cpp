#include "probe/text.hpp"

#include <cstdint>

namespace kolo::probe {

namespace {

void append_utf8(std::string& to, Py_UCS4 character) {
    const auto byte = [&to](std::uint32_t value) { to.push_back(static_cast<char>(value)); };
    if (character >= 0xD800 && character <= 0xDFFF) {
        character = 0xFFFD;
    }
    if (character < 0x80) {
        byte(character);
    } else if (character < 0x800) {
        byte(0xC0U | (character >> 6U));
        byte(0x80U | (character & 0x3FU));
    } else if (character < 0x10000) {
        byte(0xE0U | (character >> 12U));
        byte(0x80U | ((character >> 6U) & 0x3FU));
        byte(0x80U | (character & 0x3FU));
    } else {
        byte(0xF0U | (character >> 18U));
        byte(0x80U | ((character >> 12U) & 0x3FU));
        byte(0x80U | ((character >> 6U) & 0x3FU));
        byte(0x80U | (character & 0x3FU));
    }
}

}  // namespace

std::string text_of(PyObject* text) {
    std::string utf8;
    if (text == nullptr || !PyUnicode_CheckExact(text)) {
        return utf8;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (!PyUnicode_IS_READY(text)) {  // a legacy string that nobody has looked at yet
        return utf8;
    }
#endif
    const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const int kind = static_cast<int>(PyUnicode_KIND(text));
    const void* data = PyUnicode_DATA(text);
    utf8.reserve(static_cast<std::size_t>(length));
    for (Py_ssize_t i = 0; i < length; ++i) {
        append_utf8(utf8, PyUnicode_READ(kind, data, i));
    }
    return utf8;
}

}  // namespace kolo::probe

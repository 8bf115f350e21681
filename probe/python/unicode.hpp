// The characters of a str, read where they lie and turned into UTF-8 by us: PyUnicode_AsUTF8 would
// leave a copy in the str for as long as it lives.
//
// For the encoder, on recording threads, with the GIL held. Runs no code, allocates nothing.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kolo::probe {

/// A str's (or a subclass's) characters. Borrows.
struct Characters {
    const void* data = nullptr;  // null: a legacy str that is not ready (before 3.12)
    std::size_t length = 0;
    std::uint8_t width = 1;  // bytes a character
    bool is_ascii = false;
};

[[nodiscard]] inline Characters characters_of(PyObject* text) noexcept {
#if PY_VERSION_HEX < 0x030C0000
    if (!PyUnicode_IS_READY(text)) {
        return {};
    }
#endif
    return {PyUnicode_DATA(text), static_cast<std::size_t>(PyUnicode_GET_LENGTH(text)),
            static_cast<std::uint8_t>(PyUnicode_KIND(text)), PyUnicode_IS_ASCII(text) != 0};
}

/// The most common form: ASCII characters behind the head. An instance of a subclass has none.
[[nodiscard]] inline bool is_plain_ascii(PyObject* text) noexcept {
    const auto state = reinterpret_cast<const PyASCIIObject*>(text)->state;
    return state.ascii != 0 && state.compact != 0;
}

[[nodiscard]] inline std::string_view plain_ascii(PyObject* text) noexcept {
    const auto* const head = reinterpret_cast<const PyASCIIObject*>(text);
    return {reinterpret_cast<const char*>(head + 1), static_cast<std::size_t>(head->length)};
}

/// Empty for anything that is not an ASCII str.
[[nodiscard]] inline std::string_view ascii_of(PyObject* text) noexcept {
    if (!PyUnicode_Check(text)) {
        return {};
    }
    if (is_plain_ascii(text)) {
        return plain_ascii(text);
    }
    const Characters characters = characters_of(text);
    if (!characters.is_ascii) {
        return {};
    }
    return {static_cast<const char*>(characters.data), characters.length};
}

/// The hash that a str keeps once it was asked for (as every dict key's was); -1 before. Computes
/// none.
[[nodiscard]] inline Py_hash_t known_hash(PyObject* text) noexcept {
    return reinterpret_cast<const PyASCIIObject*>(text)->hash;
}

struct Utf8Size {
    std::size_t bytes = 0;
    bool has_surrogates = false;
};
/// What the first `count` characters take in UTF-8, surrogates as three bytes each.
[[nodiscard]] Utf8Size utf8_size(const Characters& characters, std::size_t count) noexcept;

enum class Surrogates : std::uint8_t { kEncode, kReplace };  // three bytes, or U+FFFD

struct Utf8Written {
    std::size_t characters;
    std::size_t bytes;
};
/// Writes the first `count` characters, or as many of them as fit `room` whole.
Utf8Written write_utf8(const Characters& characters, std::size_t count, Surrogates surrogates,
                       std::uint8_t* to, std::size_t room) noexcept;

}  // namespace kolo::probe

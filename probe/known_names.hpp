// Names of attributes and keys as they are written, and whether they are on the list of secrets:
// found out once for each name instead of each time it is met.
//
// A table of fixed size under the GIL, by the hash that a str keeps; the newer name wins. It holds
// copies and keeps nothing alive. Kept over forks.
#pragma once

#include <Python.h>

#include <array>
#include <cstdint>

#include "probe/python/unicode.hpp"
#include "probe/redaction.hpp"

namespace kolo::probe {

struct KnownName {
    static constexpr std::size_t kMostBytes = 32;

    const Redaction* redaction = nullptr;  // whose answer `is_secret` is
    Py_hash_t hash = -1;
    std::array<std::uint8_t, kMostBytes> written{};  // msgpack: a str, head and all
    std::uint8_t bytes = 0;
    bool is_secret = false;
};

inline constexpr std::size_t kKnownNames = 512;
extern std::array<KnownName, kKnownNames> g_known_names;

/// Looks at `name` and keeps what is found. Null where it is not short plain text.
[[nodiscard]] const KnownName* learn_name(PyObject* name, Py_hash_t hash,
                                          const Redaction& redaction) noexcept;

/// Null for what is no str, has no hash yet, or is not short plain text. Two names are taken for
/// one when all 64 bits of their hashes are the same, as they are in Redaction::matches_hashed().
[[nodiscard]] inline const KnownName* known_name(PyObject* name,
                                                 const Redaction& redaction) noexcept {
    if (!PyUnicode_CheckExact(name)) {
        return nullptr;
    }
    const Py_hash_t hash = known_hash(name);
    const KnownName& known = g_known_names[static_cast<std::size_t>(hash) % kKnownNames];
    if (hash != -1 && known.hash == hash && known.redaction == &redaction) {
        return &known;
    }
    return hash != -1 ? learn_name(name, hash, redaction) : nullptr;
}

}  // namespace kolo::probe

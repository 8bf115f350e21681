// What the encoder needs of a class, worked out once: its name as it is written, and of which kind
// its instances are.
//
// For the encoder, on recording threads, with the GIL held. A small table in which a class may push
// another out; keeps no reference: an entry counts only while the class has the version that it
// had, which no other class or state of it ever gets. Runs no code, allocates nothing. Fork: the
// child keeps it.
#pragma once

#include <Python.h>

#include <array>
#include <cstdint>

#include "probe/python/stdlib_types.hpp"
#include "probe/python/version.hpp"

namespace kolo::probe {

struct TypeFacts {
    StdlibKind kind;
    bool is_plain;  // made in Python, its instances are objects with attributes and nothing else
    bool has_slots_read;  // `slots` are all there are
    std::uint8_t name_bytes;
    std::array<std::uint8_t, 78> name;  // msgpack: a str, head and all
    PyTypeObject* base;                 // builtin_base()
    ObjectSlots slots;
};

/// Valid until the next call. Null where nothing can be kept: a long name, a class in flux, a
/// version of Python that is not known.
[[nodiscard]] const TypeFacts* known_facts(PyTypeObject* type) noexcept;

}  // namespace kolo::probe

// The names of classes, functions and modules, taken from their C structures: no attribute is
// looked up.
//
// For the encoder, on recording threads, with the GIL held. Runs no code, allocates nothing.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace kolo::probe {

/// Room for a name; longer ones are cut.
inline constexpr std::size_t kMaxNameBytes = 255;
using NameRoom = std::span<std::uint8_t, kMaxNameBytes>;

/// Each writes UTF-8 and returns its bytes.
/// "module.Qualname" of a class; builtins stand without their module.
[[nodiscard]] std::size_t write_type_name(PyTypeObject* type, NameRoom to) noexcept;
/// "module.qualname" of a function, method or builtin; 0 when `object` is none.
[[nodiscard]] std::size_t write_function_name(PyObject* object, NameRoom to) noexcept;
/// A module's name; 0 where it has none that can be read.
[[nodiscard]] std::size_t write_module_name(PyObject* module, NameRoom to) noexcept;

/// The first value in `dict` under the exact str `name` (ASCII), among its first `most` entries;
/// borrowed. Compares characters only: a look-up could call a key's __eq__.
[[nodiscard]] PyObject* find_by_name(PyObject* dict, const char* name, std::size_t most) noexcept;

}  // namespace kolo::probe

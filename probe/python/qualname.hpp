// A code object's qualified name without its module, on every version. Under the GIL; runs no code.
// Once per code.
#pragma once

#include <Python.h>

#include <optional>
#include <string>

namespace kolo::probe {

/// 3.11 and later: co_qualname. Before: that of the function which has this code, when the module's
/// globals lead to it directly or through a class of the module; nothing where it cannot be known.
[[nodiscard]] std::optional<std::string> code_qualname(PyCodeObject* code, PyObject* globals);

}  // namespace kolo::probe

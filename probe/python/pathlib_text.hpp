// The text of pathlib's paths, from the slots that each version keeps it in.
//
// For the encoder, on recording threads, with the GIL held. Runs no code (str(path) runs eight
// frames of pathlib), allocates nothing, and leaves the path's caches as they are.
#pragma once

#include <Python.h>

#include <array>
#include <cstdint>

#include "probe/python/unicode.hpp"

namespace kolo::probe {

/// pathlib.PurePath, when `type` derives from it; else null.
[[nodiscard]] PyTypeObject* pure_path(PyTypeObject* type) noexcept;

/// Room for a path that has to be put together.
using PathRoom = std::array<Py_UCS4, 1024>;

struct PathText {
    Characters characters;  // without data: it cannot be read, or, where `is_long`, exceeds `room`
    bool is_long = false;
};
/// What str() would give (a Windows path that was never asked for its text: as it was given). Lies
/// in the path or in `room`.
[[nodiscard]] PathText path_text(PyObject* path, PyTypeObject* pure_path, PathRoom& room) noexcept;

}  // namespace kolo::probe

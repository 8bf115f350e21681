// What frame evaluation (PEP 523) hands over on 3.9 to 3.11, the versions whose default hook it is.
//
// Under the GIL; runs no code, makes no frame object.
#pragma once

#include <Python.h>

#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN && PY_VERSION_HEX < 0x030C0000
#define KOLO_HAS_FRAME_EVALUATION 1
#else
#define KOLO_HAS_FRAME_EVALUATION 0
#endif

#if KOLO_HAS_FRAME_EVALUATION

namespace kolo::probe {

#if PY_VERSION_HEX < 0x030B0000
using EvaluatedFrame = PyFrameObject;
#else
using EvaluatedFrame = _PyInterpreterFrame;
#endif

/// What an evaluation is to the activation: its start, a resumption, or nothing. Calling a
/// generator or coroutine function is an evaluation of its own on 3.11, before the activation
/// starts; its frame is gone afterwards.
enum class Entry : std::uint8_t { kStart, kResume, kNothing };
[[nodiscard]] Entry entry_of(FrameRef frame, const CodeExits& exits, bool can_suspend) noexcept;

/// Whether the evaluation that is about to begin fails at once, at the recursion limit: nothing of
/// the frame will run, and no traceback will name it.
[[nodiscard]] bool will_be_refused(PyThreadState* thread) noexcept;

/// After an evaluation that had a result: whether the frame will go on.
[[nodiscard]] bool is_suspended(FrameRef frame) noexcept;

/// The exception that is set, as raised: `value` may be anything, or null (it is not normalised).
struct RaisedException {
    PyObject* type;       // borrowed
    PyObject* value;      // borrowed
    PyObject* traceback;  // borrowed; not in the exception yet
};
[[nodiscard]] RaisedException raised_exception(PyThreadState* thread) noexcept;

}  // namespace kolo::probe

#endif

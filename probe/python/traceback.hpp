// The line at which an exception left a frame, from its traceback.
//
// For the recorder, in a hook, with the GIL held. Runs no code, allocates nothing.
#pragma once

#include <Python.h>

#include "probe/python/version.hpp"

namespace kolo::probe {

/// `traceback`: the newest entry, or null. 0 where that entry is not `frame`'s: what was thrown in
/// from outside, say, or raised by nobody's code. After `finally` and bare `raise` the entry still
/// has the line that raised, which the frame itself has left.
[[nodiscard]] int raised_line(PyObject* traceback, FrameRef frame) noexcept;

}  // namespace kolo::probe

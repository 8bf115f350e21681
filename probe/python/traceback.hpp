// The line at which an exception left a frame, from its traceback.
//
// For the recorder, in a hook, with the GIL held. Runs no code, allocates nothing.
#pragma once

#include <Python.h>

#include "probe/python/version.hpp"

namespace kolo::probe {

/// The line of one instruction of a code: what was worked out last for it, as an exception mostly
/// leaves a frame where the one before did.
struct KnownLine {
    int instruction = -1;  // as a traceback counts it
    int line = 0;
};

/// `traceback`: the newest entry, or null. 0 where that entry is not `frame`'s: what was thrown in
/// from outside, say, or raised by nobody's code. After `finally` and bare `raise` the entry still
/// has the line that raised, which the frame itself has left. `known` is kept with the frame's
/// code.
[[nodiscard]] int raised_line(PyObject* traceback, FrameRef frame, KnownLine& known) noexcept;

}  // namespace kolo::probe

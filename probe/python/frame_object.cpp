// Frames of 3.9 and 3.10: one frame object for each call, with everything in it.
#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN && PY_VERSION_HEX < 0x030B0000

#include <frameobject.h>

namespace kolo::probe {

static_assert(offsetof(PyFrameObject, f_localsplus) > offsetof(PyFrameObject, f_blockstack));

namespace {

PyFrameObject* object(FrameRef frame) noexcept {
    return static_cast<PyFrameObject*>(frame.address);
}

}  // namespace

FrameRef frame_of(PyFrameObject* frame) noexcept { return {frame}; }
FrameRef running_frame(PyThreadState* /*thread*/) noexcept { return {}; }
FrameRef frame_below(FrameRef /*frame*/) noexcept { return {}; }
PyCodeObject* frame_code(FrameRef frame) noexcept { return object(frame)->f_code; }
PyObject* frame_globals(FrameRef frame) noexcept { return object(frame)->f_globals; }

bool frame_may_be_edited(FrameRef frame) noexcept { return object(frame)->f_trace != nullptr; }

int frame_last_instruction(FrameRef frame) noexcept {
#if PY_VERSION_HEX < 0x030A0000
    return object(frame)->f_lasti;
#else
    return object(frame)->f_lasti * 2;  // 3.10 counts code units
#endif
}

Exit frame_exit(FrameRef frame, const CodeExits& exits, bool argument_is_null) noexcept {
    return exits.at(frame_last_instruction(frame), argument_is_null);
}

// Copied when the frame is made.
PyObject* uncopied_closure(FrameRef /*frame*/) noexcept { return nullptr; }

FrameVariables::FrameVariables(FrameRef frame, std::span<const VariableSlot> slots) noexcept
    : fast_(object(frame)->f_localsplus), slots_(slots) {}

}  // namespace kolo::probe

#endif

// Frames and attributes of a version that this build does not know: what public API gives without
// running code or making objects. Variables and attributes cannot be read.
#include "probe/python/version.hpp"

#if !KOLO_PYTHON_IS_KNOWN

namespace kolo::probe {

namespace {

PyFrameObject* object(FrameRef frame) noexcept {
    return static_cast<PyFrameObject*>(frame.address);
}

}  // namespace

// The frame object is made once and lives as long as its frame.
FrameRef frame_of(PyFrameObject* frame) noexcept { return {frame}; }
FrameRef running_frame(PyThreadState* /*thread*/) noexcept { return {PyEval_GetFrame()}; }

FrameRef frame_below(FrameRef /*frame*/) noexcept { return {}; }

PyCodeObject* frame_code(FrameRef frame) noexcept {
    PyCodeObject* const code = PyFrame_GetCode(object(frame));
    Py_DECREF(code);  // the frame holds it
    return code;
}

PyObject* frame_globals(FrameRef frame) noexcept {
    PyObject* const globals = PyFrame_GetGlobals(object(frame));
    Py_DECREF(globals);  // the frame's function holds it
    return globals;
}

bool frame_may_be_edited(FrameRef /*frame*/) noexcept { return true; }

int frame_last_instruction(FrameRef frame) noexcept { return PyFrame_GetLasti(object(frame)); }

Exit frame_exit(FrameRef frame, const CodeExits& exits, bool argument_is_null) noexcept {
    return exits.at(frame_last_instruction(frame), argument_is_null);
}

PyObject* uncopied_closure(FrameRef /*frame*/) noexcept { return nullptr; }

FrameVariables::FrameVariables(FrameRef /*frame*/, std::span<const VariableSlot> slots) noexcept
    : fast_(nullptr), slots_(slots) {}

bool read_slots(PyTypeObject* /*type*/, ObjectSlots& /*slots*/) noexcept { return true; }

bool visit_attributes(PyObject* /*object*/, AttributeVisitor /*visit*/, void* /*data*/,
                      const ObjectSlots* /*slots*/) noexcept {
    return false;
}

std::size_t attribute_count(PyObject* /*object*/, const ObjectSlots* /*slots*/) noexcept {
    return 0;
}

}  // namespace kolo::probe

#endif

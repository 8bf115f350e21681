// Frames of 3.11 to 3.13: a _PyInterpreterFrame on the thread's stack or in the generator, and a
// frame object that only points to it.
#define Py_BUILD_CORE_MODULE 1  // NOLINT(bugprone-reserved-identifier): what the headers ask for
#include "probe/python/version.hpp"

#if KOLO_PYTHON_IS_KNOWN && PY_VERSION_HEX >= 0x030B0000

#undef HAVE_STD_ATOMIC  // C's _Atomic, which C++ does not have

#include <internal/pycore_frame.h>

namespace kolo::probe {
namespace {

// A patch release must not have moved what is read here.
#if PY_VERSION_HEX < 0x030C0000
static_assert(offsetof(_PyInterpreterFrame, f_code) == 32 &&
              offsetof(_PyInterpreterFrame, prev_instr) == 56 &&
              offsetof(_PyInterpreterFrame, localsplus) == 72);
#elif PY_VERSION_HEX < 0x030D0000
static_assert(offsetof(_PyInterpreterFrame, f_code) == 0 &&
              offsetof(_PyInterpreterFrame, prev_instr) == 56 &&
              offsetof(_PyInterpreterFrame, owner) == 70 &&
              offsetof(_PyInterpreterFrame, localsplus) == 72);
#else
static_assert(offsetof(_PyInterpreterFrame, f_executable) == 0 &&
              offsetof(_PyInterpreterFrame, instr_ptr) == 56 &&
              offsetof(_PyInterpreterFrame, localsplus) == 72);
#endif
static_assert(offsetof(PyFrameObject, f_frame) == 24);

_PyInterpreterFrame* inner(FrameRef frame) noexcept {
    return static_cast<_PyInterpreterFrame*>(frame.address);
}

PyCodeObject* code_of(const _PyInterpreterFrame* frame) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    return frame->f_code;
#else
    return reinterpret_cast<PyCodeObject*>(frame->f_executable);
#endif
}

const _Py_CODEUNIT* instruction_of(const _PyInterpreterFrame* frame) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    return frame->prev_instr;
#else
    return frame->instr_ptr;
#endif
}

#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
bool is_suspended(_PyInterpreterFrame* frame) noexcept {
    if (frame->owner != FRAME_OWNED_BY_GENERATOR) {
        return false;
    }
    const auto* generator = reinterpret_cast<const PyGenObject*>(
        reinterpret_cast<const char*>(frame) - offsetof(PyGenObject, gi_iframe));
    return generator->gi_frame_state == FRAME_SUSPENDED;
}
#endif

}  // namespace

FrameRef frame_of(PyFrameObject* frame) noexcept { return {frame->f_frame}; }

FrameRef running_frame(PyThreadState* thread) noexcept {
#if PY_VERSION_HEX < 0x030D0000
    return {thread->cframe->current_frame};
#else
    return {thread->current_frame};
#endif
}

FrameRef frame_below(FrameRef frame) noexcept { return {inner(frame)->previous}; }

PyCodeObject* frame_code(FrameRef frame) noexcept { return code_of(inner(frame)); }
PyObject* frame_globals(FrameRef frame) noexcept { return inner(frame)->f_globals; }

bool frame_may_be_edited(FrameRef frame) noexcept {
    const PyFrameObject* const object = inner(frame)->frame_obj;
#if PY_VERSION_HEX < 0x030D0000
    return object != nullptr && object->f_trace != nullptr;
#else
    return object != nullptr;
#endif
}

int frame_last_instruction(FrameRef frame) noexcept {
    const auto* const start =
        reinterpret_cast<const _Py_CODEUNIT*>(frame_code(frame)->co_code_adaptive);
    return static_cast<int>((instruction_of(inner(frame)) - start) *
                            static_cast<std::ptrdiff_t>(sizeof(_Py_CODEUNIT)));
}

Exit frame_exit(FrameRef frame, const CodeExits& exits, bool argument_is_null) noexcept {
    const Exit exit = exits.at(frame_last_instruction(frame), argument_is_null);
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
    // An exception thrown in at this `yield` leaves the generator running; a value going out has
    // suspended it before the hook is called.
    if (exit == Exit::kYield && !is_suspended(inner(frame))) {
        return Exit::kUnwind;
    }
#endif
    return exit;
}

PyObject* uncopied_closure([[maybe_unused]] FrameRef frame) noexcept {
#if PY_VERSION_HEX < 0x030C0000
    return frame_last_instruction(frame) < 0 ? inner(frame)->f_func->func_closure : nullptr;
#else
    return nullptr;  // hooks of 3.12 on see a frame behind its RESUME
#endif
}

FrameVariables::FrameVariables(FrameRef frame, std::span<const VariableSlot> slots) noexcept
    : fast_(inner(frame)->localsplus), slots_(slots) {}

}  // namespace kolo::probe

#endif

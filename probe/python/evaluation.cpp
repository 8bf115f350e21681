#define Py_BUILD_CORE_MODULE 1  // NOLINT(bugprone-reserved-identifier): what the headers ask for
#include "probe/python/evaluation.hpp"

#if KOLO_HAS_FRAME_EVALUATION

#if PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>
#else
#undef HAVE_STD_ATOMIC  // C's _Atomic, which C++ does not have
#include <internal/pycore_frame.h>
#endif

namespace kolo::probe {

#if PY_VERSION_HEX < 0x030B0000

namespace {

PyFrameObject* object(FrameRef frame) noexcept {
    return static_cast<PyFrameObject*>(frame.address);
}

}  // namespace

Entry entry_of(FrameRef frame, const CodeExits& /*exits*/, bool can_suspend) noexcept {
    return can_suspend && object(frame)->f_lasti >= 0 ? Entry::kResume : Entry::kStart;
}

bool is_suspended(FrameRef frame) noexcept {
#if PY_VERSION_HEX < 0x030A0000
    return object(frame)->f_stacktop != nullptr;
#else
    return object(frame)->f_state == FRAME_SUSPENDED;
#endif
}

#else

namespace {

_PyInterpreterFrame* inner(FrameRef frame) noexcept {
    return static_cast<_PyInterpreterFrame*>(frame.address);
}

}  // namespace

Entry entry_of(FrameRef frame, const CodeExits& exits, bool can_suspend) noexcept {
    if (!can_suspend) {
        return Entry::kStart;
    }
    if (inner(frame)->owner != FRAME_OWNED_BY_GENERATOR) {
        return Entry::kNothing;
    }
    return exits.is_first_entry(frame_last_instruction(frame)) ? Entry::kStart : Entry::kResume;
}

bool is_suspended(FrameRef frame) noexcept {
    const auto* generator = reinterpret_cast<const PyGenObject*>(
        static_cast<const char*>(frame.address) - offsetof(PyGenObject, gi_iframe));
    return generator->gi_frame_state == FRAME_SUSPENDED;
}

#endif

bool will_be_refused(PyThreadState* thread) noexcept {
    // What _Py_EnterRecursiveCall is going to find (Python/ceval.c). Beyond the limit code runs
    // only while the RecursionError itself is made, or, on 3.9, until the program has recovered.
#if PY_VERSION_HEX < 0x030A0000
    return thread->recursion_depth >= Py_GetRecursionLimit() && thread->overflowed == 0;
#elif PY_VERSION_HEX < 0x030B0000
    return thread->recursion_depth >= Py_GetRecursionLimit() && thread->recursion_headroom == 0;
#else
    return thread->recursion_remaining <= 0 && thread->recursion_headroom == 0;
#endif
}

RaisedException raised_exception(PyThreadState* thread) noexcept {
    return {thread->curexc_type, thread->curexc_value, thread->curexc_traceback};
}

}  // namespace kolo::probe

#endif

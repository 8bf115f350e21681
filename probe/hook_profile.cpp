#include "probe/hook_profile.hpp"

#include <Python.h>

#include <unistd.h>

#include <string_view>

#include "probe/codes.hpp"
#include "probe/fork.hpp"
#include "probe/process.hpp"
#include "probe/recorder.hpp"

// Exported by every version from 3.9 on, declared only in some of its internal headers: like
// PyEval_SetProfile, for any thread of the interpreter.
extern "C" int _PyEval_SetProfile(PyThreadState* thread, Py_tracefunc function, PyObject* argument);

namespace kolo::probe {

namespace {

void record_call(Recorder& recorder, const FrameEvent& event, PyObject* argument) noexcept {
    if (event.info->can_suspend &&
        !event.info->exits.is_start(frame_last_instruction(event.frame))) {
        // 3.12 hands over the exception that throw() threw; elsewhere it looks like any other
        // resumption.
        const bool thrown = argument != nullptr && PyExceptionInstance_Check(argument);
        recorder.resume(event, thrown);
    } else {
        recorder.start(event);
    }
}

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
/// After throw() through `yield from` or `await` the outer frame goes on without an event on 3.11:
/// that it has is seen when it calls.
void find_resumed(const Process& process, Recorder& recorder, const FrameEvent& call) noexcept {
    const FrameRef below = frame_below(call.frame);
    if (below.address == nullptr) {
        return;
    }
    PyCodeObject* code = frame_code(below);
    CodeInfo* info =
        find_code(code, process.configuration.filters, process.configuration.redaction);
    if (info != nullptr && info->can_suspend) {
        // Nothing, unless it is known as suspended.
        recorder.resume({call.thread, below, code, info}, false);
    }
}
#endif

int profile(PyObject* /*self*/, PyFrameObject* frame, int what, PyObject* argument) noexcept {
    if (what != PyTrace_CALL && what != PyTrace_RETURN) {
        return 0;
    }
    const FrameRef running = frame_of(frame);
    PyCodeObject* code = frame_code(running);
    Process* process = what == PyTrace_CALL ? process_for(code) : current_process();
    if (process == nullptr) {
        return 0;
    }
    CodeInfo* info =
        find_code(code, process->configuration.filters, process->configuration.redaction);
    if (info == nullptr) {
        return 0;
    }
    Recorder* recorder = what == PyTrace_CALL ? ensure_recorder(*process) : current_recorder();
    if (recorder == nullptr) {
        return 0;
    }
    FrameEvent event{PyThreadState_Get(), running, code, info, argument};
    if (what == PyTrace_CALL) {
#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
        find_resumed(*process, *recorder, event);
#endif
        record_call(*recorder, event, argument);
        return 0;
    }
    const Exit exit = frame_exit(running, info->exits, argument == nullptr);
    if (exit == Exit::kUnwind) {
        event.value = nullptr;  // 3.12 hands over None; the exception itself is out of reach
    }
    recorder->leave(event, exit);
    return 0;
}

int do_nothing(PyObject* /*self*/, PyFrameObject* /*frame*/, int /*what*/,
               PyObject* /*argument*/) noexcept {
    return 0;
}

/// One line, once per process, whichever of the two it is.
void warn_of_other_profiler(std::string_view text) noexcept {
    static bool warned = false;
    if (!warned) {
        warned = true;
        static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
    }
}

constexpr std::string_view kLeftAlone =
    "kolo-probe: another profiler (sys.setprofile or cProfile) is active on a thread, and "
    "is left alone: calls "
    "on that thread are not recorded. Stop the other profiler before tracing begins.\n";
constexpr std::string_view kReplaced =
    "kolo-probe: another profiler (sys.setprofile or cProfile) took the profile hook's place "
    "during "
    "a trace: later calls on that thread are not recorded. Use it outside of traces, or another "
    "hook.\n";

/// The calling thread had the hook and has it no more.
void lose_thread() noexcept {
    if (Recorder* recorder = current_recorder(); recorder != nullptr && recorder->is_running()) {
        recorder->lose_running();
    }
    warn_of_other_profiler(kReplaced);
}

void set_on(PyThreadState* thread) noexcept {
    if (thread->c_profilefunc == profile) {
        return;
    }
    if (thread->c_profilefunc != nullptr) {
        warn_of_other_profiler(kLeftAlone);
        return;
    }
    if (_PyEval_SetProfile(thread, profile, nullptr) != 0) {
        PyErr_Clear();  // an audit hook refused
    }
}

template <typename Visit>
void for_each_thread(Visit visit) noexcept {
    PyInterpreterState* interpreter = PyThreadState_Get()->interp;
    for (PyThreadState* thread = PyInterpreterState_ThreadHead(interpreter); thread != nullptr;
         thread = PyThreadState_Next(thread)) {
        visit(thread);
    }
}

}  // namespace

void set_profile_hook_everywhere() noexcept {
    // What runs here by our account has ended unseen, or will, where somebody took the hook away.
    if (Recorder* recorder = current_recorder(); recorder != nullptr && recorder->is_running() &&
                                                 PyThreadState_Get()->c_profilefunc != profile) {
        lose_thread();
    }
    for_each_thread(set_on);
}

void notice_replaced_profile_hook() noexcept {
    if (PyThreadState_Get()->c_profilefunc != profile) {
        lose_thread();
    }
}

void set_profile_hook_here() noexcept { set_on(PyThreadState_Get()); }

void remove_profile_hook() noexcept {
    for_each_thread([](PyThreadState* thread) {
        if ((thread->c_profilefunc == profile || thread->c_profilefunc == do_nothing) &&
            _PyEval_SetProfile(thread, nullptr, nullptr) != 0) {
            PyErr_Clear();
        }
    });
}

void set_noop_profile_hook() noexcept { PyEval_SetProfile(do_nothing, nullptr); }

}  // namespace kolo::probe

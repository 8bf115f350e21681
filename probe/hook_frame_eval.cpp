#include "probe/hook_frame_eval.hpp"

#include <Python.h>

#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "probe/c_stack.hpp"
#include "probe/codes.hpp"
#include "probe/fork.hpp"
#include "probe/process.hpp"
#include "probe/python/evaluation.hpp"
#include "probe/recorder.hpp"
#include "probe/ticks.hpp"

namespace kolo::probe {

#if KOLO_HAS_FRAME_EVALUATION

namespace {

/// The function that was there before ours; it is called by it.
_PyFrameEvalFunction g_inner = nullptr;
_PyFrameEvalFunction g_ours = nullptr;
/// Somebody's function, set after ours, that calls ours.
_PyFrameEvalFunction g_chains = nullptr;
/// Frames on all threads below which evaluation is handed back.
std::uint32_t g_handed_back = 0;

void set_function(PyThreadState* thread, _PyFrameEvalFunction function) noexcept {
    _PyInterpreterState_SetEvalFrameFunc(thread->interp, function);
}

[[nodiscard]] bool is_set(PyThreadState* thread, _PyFrameEvalFunction function) noexcept {
    return _PyInterpreterState_GetEvalFrameFunc(thread->interp) == function;
}

// What lies on the stack while the program's code runs is not noexcept: CPython ends daemon threads
// by unwinding (thread_exit.hpp).

#if PY_VERSION_HEX >= 0x030B0000
/// When evaluation was handed back.
proto::Ticks g_blind_since = 0;

[[gnu::noinline]] void hand_back(PyThreadState* thread) noexcept {
    if (g_handed_back++ != 0 || !is_set(thread, g_ours)) {
        return;
    }
    set_function(thread, g_inner);
    g_blind_since = read_ticks();
    if (Recorder* recorder = current_recorder()) {
        recorder->blind_from(g_blind_since);
    }
}

[[gnu::noinline]] void take_again(PyThreadState* thread) noexcept {
    if (--g_handed_back != 0 || g_ours == nullptr || !is_set(thread, g_inner)) {
        return;
    }
    set_function(thread, g_ours);
    if (Recorder* recorder = current_recorder()) {
        recorder->blind_until(g_blind_since, read_ticks());
    }
}

/// Lets the frame run, its calls inlined again: ours is set again when the last such frame has
/// ended, unless somebody set another function meanwhile.
[[gnu::noinline]] PyObject* run_deep(PyThreadState* thread, EvaluatedFrame* frame, int throws) {
    hand_back(thread);
    PyObject* result = g_inner(thread, frame, throws);
    take_again(thread);
    return result;
}
#endif

[[nodiscard]] PyObject* run(PyThreadState* thread, EvaluatedFrame* frame, int throws) {
#if PY_VERSION_HEX >= 0x030B0000
    if (is_c_stack_deep()) {
        return run_deep(thread, frame, throws);
    }
#endif
    return g_inner(thread, frame, throws);
}

// Before and behind the evaluation, each in a function of its own: what they need of the C stack is
// given back before the program's own code runs.

/// False: this evaluation is nothing that will end.
[[gnu::noinline]] bool record_entry(Process& process, CodeInfo* info, FrameRef frame,
                                    PyThreadState* thread, bool throws) noexcept {
    const Entry entry = entry_of(frame, info->exits, info->can_suspend);
    Recorder* recorder = entry != Entry::kNothing ? ensure_recorder(process) : nullptr;
    if (recorder == nullptr) {
        return false;
    }
    FrameEvent event{thread, frame, frame_code(frame), info};
    if (entry == Entry::kStart && !throws) {
        if (will_be_refused(thread)) {
            return false;
        }
        recorder->start(event);
        return true;
    }
    if (throws) {
        const RaisedException raised = raised_exception(thread);
        event.exception_type = raised.type;
        event.value = raised.value;
    }
    recorder->resume(event, throws);
    return true;
}

[[gnu::noinline]] void record_exit(CodeInfo* info, FrameRef frame, PyThreadState* thread,
                                   PyObject* result) noexcept {
    Recorder* recorder = current_recorder();
    if (recorder == nullptr) {
        return;
    }
    FrameEvent event{thread, frame, frame_code(frame), info, result};
    Exit exit = Exit::kReturn;
    if (result == nullptr) {
        exit = Exit::kUnwind;
        const RaisedException raised = raised_exception(thread);
        event.exception_type = raised.type;
        event.value = raised.value;
        event.traceback = raised.traceback;
    } else if (info->can_suspend && is_suspended(frame)) {
        exit = Exit::kYield;
    }
    recorder->leave(event, exit);
}

PyObject* evaluate(PyThreadState* thread, EvaluatedFrame* frame, int throws) {
    const FrameRef ref{frame};
    Process* process = process_for(frame_code(ref));
    CodeInfo* info = process != nullptr ? find_code(frame_code(ref), process->configuration.filters,
                                                    process->configuration.redaction)
                                        : nullptr;
    if (info == nullptr || !record_entry(*process, info, ref, thread, throws != 0)) {
        return run(thread, frame, throws);
    }
    PyObject* result = run(thread, frame, throws);
    record_exit(info, ref, thread, result);
    return result;
}

/// Lets the interpreter run a code of ours as it runs any: whoever stands in our place may hand it
/// on to us. Then its verdict is known.
[[nodiscard]] bool is_still_called() noexcept {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* code = Py_CompileString("None", "<frozen kolo_probe>", Py_eval_input);
    PyObject* globals = PyDict_New();
    PyObject* result =
        code != nullptr && globals != nullptr ? PyEval_EvalCode(code, globals, globals) : nullptr;
    const bool called = code != nullptr &&
                        code_extra(reinterpret_cast<PyCodeObject*>(code), g_code_slot) != nullptr;
    Py_XDECREF(result);
    Py_XDECREF(globals);
    Py_XDECREF(code);
    PyErr_Restore(type, value, traceback);  // and drops what went wrong here
    return called;
}

PyObject* evaluate_only(PyThreadState* thread, EvaluatedFrame* frame, int throws) {
    if (const Configuration* configuration = current_configuration()) {
        static_cast<void>(
            find_code(frame_code({frame}), configuration->filters, configuration->redaction));
    }
    return run(thread, frame, throws);
}

}  // namespace

bool is_frame_eval_known() noexcept { return true; }

bool set_frame_eval_hook(bool does_nothing) noexcept {
    PyThreadState* thread = PyThreadState_Get();
    g_inner = _PyInterpreterState_GetEvalFrameFunc(thread->interp);
    g_ours = does_nothing ? evaluate_only : evaluate;
    set_function(thread, g_ours);
    return true;
}

void notice_replaced_frame_eval_hook() noexcept {
    static bool warned = false;
    PyThreadState* thread = PyThreadState_Get();
    const _PyFrameEvalFunction found = _PyInterpreterState_GetEvalFrameFunc(thread->interp);
    // Where evaluation is handed back, the one before ours stands there and is no stranger.
    if (warned || found == g_ours || found == g_chains ||
        (g_handed_back != 0 && found == g_inner)) {
        return;
    }
    if (is_still_called()) {
        g_chains = found;
        return;
    }
    warned = true;
    constexpr std::string_view kText =
        "kolo-probe: another tool set a frame evaluation function (PEP 523) that does not call the "
        "one before it, kolo-probe's: calls are not recorded any more. Start that tool before "
        "tracing begins, or use hook = \"profile\".\n";
    static_cast<void>(!write(STDERR_FILENO, kText.data(), kText.size()));
}

void remove_frame_eval_hook() noexcept {
    PyThreadState* thread = PyThreadState_Get();
    if (is_set(thread, g_ours)) {
        set_function(thread, g_inner);
    }
    g_ours = nullptr;  // frames that still run below ours end as they would; none is seen any more
}

#else

bool is_frame_eval_known() noexcept { return false; }
bool set_frame_eval_hook(bool /*does_nothing*/) noexcept { return false; }
void notice_replaced_frame_eval_hook() noexcept {}
void remove_frame_eval_hook() noexcept {}

#endif

}  // namespace kolo::probe

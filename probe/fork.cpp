#include "probe/fork.hpp"

#include <pthread.h>

#include <chrono>
#include <optional>

#include "probe/codes.hpp"
#include "probe/recorder.hpp"
#include "probe/thread_exit.hpp"
#include "probe/traces.hpp"

namespace kolo::probe {

namespace {

/// Where the process was forked, for the child.
std::optional<TraceOrigin> g_origin;

[[nodiscard]] const PyThreadState* running_thread() noexcept {
#if PY_VERSION_HEX < 0x030D0000  // where it had no public name yet
    return _PyThreadState_UncheckedGet();
#else
    return PyThreadState_GetUnchecked();
#endif
}

/// Native code may fork without the GIL; then nothing of the interpreter can be looked at.
/// (PyGILState_Check() says yes to everything once there was a subinterpreter.)
[[nodiscard]] bool holds_gil() noexcept {
    const PyThreadState* running = running_thread();
    return running != nullptr && running == PyGILState_GetThisThreadState();
}

void before_fork() noexcept {
    g_origin = holds_gil() ? current_origin() : std::nullopt;
    if (Process* process = current_process()) {
        process->drain.stop();  // started again at the next slow path, not in the parent's handler
                                // (CPython gh-100228)
    }
}

void in_child() noexcept {
    forget_recorder();
    forget_process_in_child();
    g_is_forked_inside = g_origin.has_value();
}

/// A program that waits for the ring rather than lose events also waits until its collector holds
/// the arena: a child may be gone by os._exit() before its drain thread has said hello.
void wait_for_hello(Process& process) noexcept {
    constexpr std::chrono::seconds kLongest{2};
    if (process.configuration.settings.when_full != WhenFull::kWait) {
        return;
    }
    PyThreadState* thread = PyEval_SaveThread();
    static_cast<void>(process.drain.wait_connected(kLongest));
    survive_thread_exit([thread] { PyEval_RestoreThread(thread); });
}

}  // namespace

bool g_is_forked_inside = false;

void watch_forks() noexcept {
    static const bool kRegistered = pthread_atfork(before_fork, nullptr, in_child) == 0;
    static_cast<void>(kRegistered);
}

Process* begin_in_child() noexcept {
    g_is_forked_inside = false;  // tried once
    Process* process = ensure_process();
    if (process != nullptr) {
        begin_fork_trace(*process, *g_origin);
        wait_for_hello(*process);
    }
    return process;
}

Process* begin_in_child_for(PyCodeObject* code) noexcept {
    const Configuration* configuration = current_configuration();
    const CodeInfo* info = configuration != nullptr
                               ? find_code(code, configuration->filters, configuration->redaction)
                               : nullptr;
    return info != nullptr && info->is_recorded ? begin_in_child() : nullptr;
}

}  // namespace kolo::probe

// What a fork does to the probe: the drain thread is stopped before it; the child forgets its
// parent's process and starts clean. Through pthread_atfork, because uWSGI and native code fork
// without the interpreter knowing.
//
// A child forked inside a trace goes on in a trace of kind `fork`, linked to the one it was forked
// in: made at the first event to be recorded in it, since most children of programs that run others
// never get that far. That takes the place of a hook's own work once in a child's life, and is the
// only time that a hook makes an arena and a thread.
#pragma once

#include <Python.h>

#include "probe/process.hpp"

namespace kolo::probe {

/// Registers the handlers; once per program.
void watch_forks() noexcept;

/// In a child forked inside a trace, until it goes on. Under the GIL.
extern bool g_is_forked_inside;

/// Makes the child's process and begins its trace; null where that cannot be done.
Process* begin_in_child() noexcept;

/// current_process(), and in a child that was forked inside a trace the one that goes on.
[[nodiscard]] inline Process* continue_after_fork() noexcept {
    Process* process = current_process();
    return process == nullptr && g_is_forked_inside ? begin_in_child() : process;
}

/// The same, for a hook that is entered by `code`: the child goes on as soon as a code is to be
/// recorded.
[[nodiscard]] Process* begin_in_child_for(PyCodeObject* code) noexcept;
[[nodiscard]] inline Process* process_for(PyCodeObject* code) noexcept {
    Process* process = current_process();
    return process == nullptr && g_is_forked_inside ? begin_in_child_for(code) : process;
}

}  // namespace kolo::probe

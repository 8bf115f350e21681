// For calls that let go of the GIL: a thread that asks for it back while the interpreter goes down
// is ended by CPython (until 3.13) with pthread_exit, which unwinds its stack. Through a function
// that is noexcept, as ours are, that would end the whole process.
//
// On daemon threads, at the very end of a process. Such a thread stands still instead, as it does
// from 3.14 on (gh-87135).
#pragma once

#include <cxxabi.h>
#include <unistd.h>

namespace kolo::probe {

/// What `call` returns. Not for calls that throw.
template <typename Call>
auto survive_thread_exit(Call call) noexcept {
    try {
        return call();
    } catch (const abi::__forced_unwind&) {
        // Leaving this block would end the process too: the unwinding has to be finished.
        for (;;) {
            pause();
        }
    }
}

}  // namespace kolo::probe

#include "probe/fork.hpp"

#include <pthread.h>

#include "probe/process.hpp"
#include "probe/recorder.hpp"

namespace kolo::probe {

namespace {

void before_fork() noexcept {
    if (Process* process = current_process()) {
        process->drain.stop();  // started again at the next slow path, not in the parent's handler
                                // (CPython gh-100228)
    }
}

void in_child() noexcept {
    forget_recorder();
    forget_process_in_child();
}

}  // namespace

void watch_forks() noexcept {
    static const bool kRegistered = pthread_atfork(before_fork, nullptr, in_child) == 0;
    static_cast<void>(kRegistered);
}

}  // namespace kolo::probe

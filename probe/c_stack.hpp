// How much of the calling thread's C stack is used.
//
// For the frame evaluation hook: on 3.11 it makes Python calls use the C stack, which they
// otherwise do not. Any thread; the first question on a thread is slow.
#pragma once

namespace kolo::probe {

/// Whether more than a quarter of this thread's C stack is in use: the rest is the program's own.
[[nodiscard]] bool is_c_stack_deep() noexcept;

}  // namespace kolo::probe

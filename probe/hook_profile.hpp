// The "profile" hook: PyEval_SetProfile, on every version.
//
// Entered for every Python and C call of the program on threads where it is set, so it leaves at
// once for C functions and for code that the filters reject. It cannot see the exception that
// leaves a frame. Under the GIL.
#pragma once

namespace kolo::probe {

/// Sets the hook on every thread that has none. A profile function that somebody else set is left
/// alone; the first time standard error says so. Cheap when it is set everywhere.
void set_profile_hook_everywhere() noexcept;
/// Sets the hook on the calling thread, unless somebody else's is there.
void set_profile_hook_here() noexcept;
/// Says, once, when the calling thread has lost the hook to another profiler.
void notice_replaced_profile_hook() noexcept;
/// Takes it away from every thread that has it.
void remove_profile_hook() noexcept;
/// A hook that does nothing, on the calling thread: what the interpreter's own part costs.
void set_noop_profile_hook() noexcept;

}  // namespace kolo::probe

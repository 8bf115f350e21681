// Which of the hooks is set: chosen once per program, by configuration and version.
//
// "monitoring" (3.12 and later) costs nothing for code that is not recorded, "frame_eval" (3.9
// to 3.11) one look-up; "profile" works everywhere. All hand the same events to the recorder. Under
// the GIL; kept over forks.
#pragma once

#include <string>

namespace kolo::probe {

/// Sets the hook `wanted` ("auto", "monitoring", "frame_eval" or "profile") for every thread, if it
/// is not set yet. Where that one cannot be had, the profile hook is set instead, and standard
/// error says so. Cheap when all is set.
void set_hook(const std::string& wanted) noexcept;
/// For a thread that has just been started: sets what is set per thread.
void set_hook_on_new_thread() noexcept;
/// For the end of a trace: says, once, where another tool has taken the hook's place meanwhile.
/// Ends that cannot be seen any more on this thread are counted as lost (hook_replaced).
void notice_replaced_hook() noexcept;
/// Sets a hook that is entered as the one `wanted` would be, and does nothing.
void set_noop_hook(const std::string& wanted) noexcept;
void remove_hook() noexcept;

/// "monitoring", "frame_eval", "profile", or "none" when no hook is set.
[[nodiscard]] const char* hook_name() noexcept;

}  // namespace kolo::probe

// Which greenlet a thread is running, when the program uses greenlets at all.
//
// greenlet switches the interpreter's frames but leaves thread-local state as it was: the recorder
// swaps its frame stack when the current greenlet changes. Under the GIL.
#pragma once

namespace kolo::probe {

/// Looks whether greenlet is loaded; cheap, at each begin of a trace.
void find_greenlets() noexcept;

/// Set once greenlet is found; under the GIL.
extern bool g_has_greenlets;

/// Identity of the current greenlet, where there are any.
[[nodiscard]] const void* find_current_greenlet() noexcept;

/// Identity of the current greenlet; null while greenlet is not loaded.
[[nodiscard]] inline const void* current_greenlet() noexcept {
    return g_has_greenlets ? find_current_greenlet() : nullptr;
}

}  // namespace kolo::probe

// Which greenlet a thread is running, when the program uses greenlets at all.
//
// greenlet switches the interpreter's frames but leaves thread-local state as it was: the recorder
// swaps its frame stack when the current greenlet changes. Under the GIL.
#pragma once

#include <cstdint>
#include <string_view>

namespace kolo::probe {

/// Looks whether greenlet is loaded; cheap, at each begin of a trace.
void find_greenlets() noexcept;
/// For every path of code that is seen for the first time: greenlet's own tells that it is being
/// imported, in the middle of a trace.
void notice_greenlets(std::string_view path) noexcept;

/// Whether there are greenlets; under the GIL.
enum class Greenlets : std::uint8_t { kNone, kExpected, kFound };
extern Greenlets g_greenlets;

/// Identity of the current greenlet, where there are any.
[[nodiscard]] const void* find_current_greenlet() noexcept;

/// Identity of the current greenlet; null while greenlet is not loaded.
[[nodiscard]] inline const void* current_greenlet() noexcept {
    return g_greenlets == Greenlets::kNone ? nullptr : find_current_greenlet();
}

/// Identity of the greenlet that is the current one's parent (from which it was made, unless the
/// program said otherwise); null for a thread's first, or where greenlet is not loaded.
[[nodiscard]] const void* parent_greenlet() noexcept;
/// Identity of the current thread's first greenlet: what ran before there were any.
[[nodiscard]] const void* first_greenlet() noexcept;

}  // namespace kolo::probe

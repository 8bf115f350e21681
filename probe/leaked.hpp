// Tells LeakSanitizer what is leaked on purpose: what threads may still use while the process goes
// down, and what a forked child has no memory of. Nothing in an ordinary build.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace kolo::probe {

/// `object`, and all that only it refers to, is never freed.
inline void leak_on_purpose([[maybe_unused]] const void* object) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    __lsan_ignore_object(object);
#endif
}

}  // namespace kolo::probe

// Reads the tick source: the processor's counter where the kernel itself uses it for its clock (11
// ns), CLOCK_MONOTONIC otherwise (28 ns). Any thread; no state but one flag that is set before the
// first reading.
#pragma once

#include <time.h>

#include <cstdint>

#include "proto/clock.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace kolo::probe {

/// Set by choose_tick_source(), before any thread records; read-only afterwards.
inline bool g_counter_is_trusted = false;

/// Looks at what the kernel trusts; at the first trace of a process.
void choose_tick_source() noexcept;

[[nodiscard]] inline std::int64_t clock_ns(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

[[nodiscard]] inline proto::Ticks read_ticks() noexcept {
#if defined(__x86_64__)
    if (g_counter_is_trusted) {
        return __rdtsc();
    }
#elif defined(__aarch64__)
    if (g_counter_is_trusted) {
        std::uint64_t ticks = 0;
        asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    return static_cast<proto::Ticks>(clock_ns(CLOCK_MONOTONIC));
}

/// Ticks, monotonic and real time, read as one: the narrowest of a few tries, so that an
/// interruption between the readings does not bend the scale.
[[nodiscard]] proto::ClockPair read_clock_pair() noexcept;

}  // namespace kolo::probe

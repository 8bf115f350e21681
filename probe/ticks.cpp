#include "probe/ticks.hpp"

#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

namespace kolo::probe {

namespace {

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

}  // namespace

void choose_tick_source() noexcept {
#if defined(__x86_64__)
    // The kernel falls back to another source as soon as it finds the counters of two processors
    // apart.
    const std::unique_ptr<std::FILE, FileCloser> file(
        std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re"));
    char name[32] = {};
    g_counter_is_trusted = file && std::fgets(name, sizeof name, file.get()) != nullptr &&
                           std::strncmp(name, "tsc", 3) == 0;
#elif defined(__aarch64__)
    g_counter_is_trusted = true;  // the architected counter is one for all processors
#endif
}

proto::ClockPair read_clock_pair() noexcept {
    proto::ClockPair best{};
    proto::Ticks narrowest = std::numeric_limits<proto::Ticks>::max();
    for (int attempt = 0; attempt < 5; ++attempt) {
        const proto::Ticks before = read_ticks();
        const std::int64_t monotonic = clock_ns(CLOCK_MONOTONIC);
        const std::int64_t realtime = clock_ns(CLOCK_REALTIME);
        const proto::Ticks width = read_ticks() - before;
        if (width < narrowest) {
            narrowest = width;
            best = {before + width / 2, monotonic, realtime};
        }
    }
    if (!g_counter_is_trusted) {
        best.ticks = static_cast<proto::Ticks>(best.monotonic_ns);
    }
    return best;
}

}  // namespace kolo::probe

#include "probe/hook.hpp"

#include <Python.h>

#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "probe/hook_monitoring.hpp"
#include "probe/hook_profile.hpp"

namespace kolo::probe {

namespace {

enum class Hook : std::uint8_t { kNone, kMonitoring, kProfile };

Hook g_hook = Hook::kNone;

void say_fallback() noexcept {
    constexpr std::string_view kText =
        "kolo-probe: sys.monitoring cannot be used (it needs Python 3.12, and tool id 4 or 3 "
        "free), so the slower "
        "profile hook is. Stop the other tools, or set hook = \"profile\" to say that this is "
        "meant.\n";
    static_cast<void>(!write(STDERR_FILENO, kText.data(), kText.size()));
}

/// Monitoring, where it is wanted and can be had.
[[nodiscard]] bool try_monitoring(const std::string& wanted, bool does_nothing) noexcept {
    const bool is_meant = wanted == "monitoring";
    if (!is_meant && (wanted != "auto" || !is_monitoring_known())) {
        return false;
    }
    if (set_monitoring_hook(does_nothing)) {
        g_hook = Hook::kMonitoring;
        return true;
    }
    say_fallback();
    return false;
}

}  // namespace

void set_hook(const std::string& wanted) noexcept {
    if (g_hook == Hook::kNone && !try_monitoring(wanted, false)) {
        g_hook = Hook::kProfile;
    }
    if (g_hook == Hook::kProfile) {
        set_profile_hook_everywhere();
    }
}

void set_hook_on_new_thread() noexcept {
    if (g_hook == Hook::kProfile) {
        set_profile_hook_here();
    }
}

void set_noop_hook(const std::string& wanted) noexcept {
    if (g_hook == Hook::kNone && !try_monitoring(wanted, true)) {
        set_noop_profile_hook();
    }
}

void remove_hook() noexcept {
    if (g_hook == Hook::kMonitoring) {
        remove_monitoring_hook();
    } else {
        remove_profile_hook();
    }
    g_hook = Hook::kNone;
}

const char* hook_name() noexcept {
    switch (g_hook) {
        case Hook::kMonitoring:
            return "monitoring";
        case Hook::kProfile:
            return "profile";
        case Hook::kNone:
            break;
    }
    return "none";
}

}  // namespace kolo::probe

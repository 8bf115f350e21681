#include "probe/hook.hpp"

#include <Python.h>

#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "probe/hook_frame_eval.hpp"
#include "probe/hook_monitoring.hpp"
#include "probe/hook_profile.hpp"

namespace kolo::probe {

namespace {

enum class Hook : std::uint8_t { kNone, kMonitoring, kFrameEval, kProfile };

Hook g_hook = Hook::kNone;

void say_fallback() noexcept {
    constexpr std::string_view kText =
        "kolo-probe: the hook that is wanted cannot be used, so the slower profile hook is. "
        "\"monitoring\" needs Python 3.12 and tool id 4 or 3 free (stop the other tools), "
        "\"frame_eval\" "
        "Python 3.9 to 3.11; hook = \"profile\" says that this one is meant.\n";
    static_cast<void>(!write(STDERR_FILENO, kText.data(), kText.size()));
}

/// The hook that `wanted` means on this version.
[[nodiscard]] Hook meant_by(const std::string& wanted) noexcept {
    if (wanted == "monitoring" || (wanted == "auto" && is_monitoring_known())) {
        return Hook::kMonitoring;
    }
    if (wanted == "frame_eval" || (wanted == "auto" && is_frame_eval_known())) {
        return Hook::kFrameEval;
    }
    return Hook::kProfile;
}

/// Sets the hook that is meant, if it is one for the whole interpreter; kProfile where it is not,
/// or cannot be had.
[[nodiscard]] Hook set_for_all(const std::string& wanted, bool does_nothing) noexcept {
    const Hook meant = meant_by(wanted);
    const bool is_set =
        meant == Hook::kProfile || (meant == Hook::kMonitoring ? set_monitoring_hook(does_nothing)
                                                               : set_frame_eval_hook(does_nothing));
    if (!is_set) {
        say_fallback();
    }
    return is_set ? meant : Hook::kProfile;
}

}  // namespace

void set_hook(const std::string& wanted) noexcept {
    if (g_hook == Hook::kNone) {
        g_hook = set_for_all(wanted, false);
    }
    if (g_hook == Hook::kProfile) {
        set_profile_hook_everywhere();
    }
}

void notice_replaced_hook() noexcept {
    if (g_hook == Hook::kProfile) {
        notice_replaced_profile_hook();
    } else if (g_hook == Hook::kFrameEval) {
        notice_replaced_frame_eval_hook();
    }
}

void set_hook_on_new_thread() noexcept {
    if (g_hook == Hook::kProfile) {
        set_profile_hook_here();
    }
}

void set_noop_hook(const std::string& wanted) noexcept {
    if (g_hook != Hook::kNone) {
        return;
    }
    g_hook = set_for_all(wanted, true);
    if (g_hook == Hook::kProfile) {
        set_noop_profile_hook();
    }
}

void remove_hook() noexcept {
    switch (g_hook) {
        case Hook::kMonitoring:
            remove_monitoring_hook();
            break;
        case Hook::kFrameEval:
            remove_frame_eval_hook();
            break;
        case Hook::kProfile:
        case Hook::kNone:
            remove_profile_hook();
            break;
    }
    g_hook = Hook::kNone;
}

const char* hook_name() noexcept {
    switch (g_hook) {
        case Hook::kMonitoring:
            return "monitoring";
        case Hook::kFrameEval:
            return "frame_eval";
        case Hook::kProfile:
            return "profile";
        case Hook::kNone:
            break;
    }
    return "none";
}

}  // namespace kolo::probe

#include "probe/c_stack.hpp"

#include <pthread.h>

#include <cstdint>

namespace kolo::probe {

namespace {

/// Addresses below it are deep; 0: not known yet. initial-exec: one instruction, see recorder.cpp.
thread_local std::uintptr_t t_shallow_from __attribute__((tls_model("initial-exec"))) = 0;

[[nodiscard]] std::uintptr_t find_shallow_from() noexcept {
    constexpr std::uintptr_t kNeverDeep = 1;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return kNeverDeep;
    }
    void* lowest = nullptr;
    std::size_t size = 0;
    const bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    pthread_attr_destroy(&attributes);
    return known ? reinterpret_cast<std::uintptr_t>(lowest) + size - size / 4 : kNeverDeep;
}

}  // namespace

bool is_c_stack_deep() noexcept {
    if (t_shallow_from == 0) {
        t_shallow_from = find_shallow_from();
    }
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) < t_shallow_from;
}

}  // namespace kolo::probe

// Beginning and ending traces, and which trace is current: slots, the context variable, boundaries.
//
// Under the GIL. Beginning or ending a trace costs microseconds, changes no code and runs no Python
// code.
#pragma once

#include <Python.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "probe/frame_stack.hpp"
#include "probe/process.hpp"

namespace kolo::probe {

/// How Python names a trace: its number and slot in one integer, 0 for none. Kept in the context
/// variable.
using TraceToken = std::uint64_t;
[[nodiscard]] constexpr TraceToken token_of(const TraceRef& trace) noexcept {
    static_assert(proto::kTraceSlots == 1024);
    return trace ? (to_integer(trace.number) << 10U) | trace.slot : 0;
}
[[nodiscard]] constexpr TraceRef trace_of(TraceToken token) noexcept {
    return {proto::TraceNumber{token >> 10U},
            static_cast<std::uint32_t>(token & (proto::kTraceSlots - 1))};
}

/// Makes the context variable; once per process. False with a Python exception set when the
/// interpreter cannot.
[[nodiscard]] bool make_context_variable() noexcept;
/// The trace in the context variable of the current Context; none when there is none.
[[nodiscard]] TraceRef trace_in_context() noexcept;

/// Where a trace began: what it is linked to.
struct TraceOrigin {
    proto::TraceFields trace{};  // as they were then; without an id: nowhere
    proto::ActivationId activation;
};

/// What asked for a trace from elsewhere: another process's trace, and its group.
struct RemoteOrigin {
    std::string_view parent_id;  // empty: not known
    std::optional<std::array<std::uint8_t, proto::kTraceGroupBytes>> group;
};
[[nodiscard]] TraceToken begin_trace(proto::TraceKind kind, std::string_view name,
                                     const RemoteOrigin& remote) noexcept;
/// Where a trace that began here and now would begin; nothing outside every trace.
[[nodiscard]] std::optional<TraceOrigin> current_origin() noexcept;
/// In the child of a fork: begins the trace in which it goes on, for its plain calls on this
/// thread. Leaves the context variable alone: it is called by a hook, which makes no object.
void begin_fork_trace(Process& process, const TraceOrigin& origin) noexcept;
void end_trace(TraceToken token, std::optional<std::string_view> name) noexcept;
/// For generators that hold a trace: takes boundary and context variable away, or puts them back.
void suspend_trace(TraceToken token) noexcept;
void resume_trace(TraceToken token) noexcept;
/// Plain calls made here that find no other trace belong to this one from now on; 0: to none.
void adopt_trace(TraceToken token) noexcept;
/// The trace that a call made here and now would belong to.
[[nodiscard]] TraceToken current_trace() noexcept;
[[nodiscard]] std::optional<std::string> trace_id_of(TraceToken token);
/// As 32 hexadecimal digits.
[[nodiscard]] std::optional<std::string> trace_group_of(TraceToken token);
/// Ends every live trace of the process, as stop_recording() does.
void end_all_traces(Process& process) noexcept;

}  // namespace kolo::probe

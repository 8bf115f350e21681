// What a trace slot's image means for a trace's row. Runs on the writer thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "collectord/model.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::collectord {

/// "trc_" and the 26 characters of a ULID.
[[nodiscard]] bool is_trace_id(std::string_view id) noexcept;

/// The row of a trace that is told for the first time. Its key is the caller's to give.
[[nodiscard]] store::TraceRow make_trace_row(const store::ProcessRow& process,
                                             const proto::TraceImage& image);

/// Takes over what changes in a trace's life: name, end, counters.
void apply_image(Model& model, Process& process, Trace& trace, const proto::TraceImage& image);

/// Gives the trace its last status and its duration: to its end, or to the last event seen.
void settle_trace(Model& model, Process& process, Trace& trace, store::TraceStatus status);

/// Nanoseconds between two of the process's ticks; never negative.
[[nodiscard]] std::int64_t duration_ns(Process& process, proto::Ticks begin, proto::Ticks end);

}  // namespace kolo::collectord

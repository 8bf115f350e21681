// --json of list, show and node. docs and DESIGN name the keys; they are an interface: programs
// read them. Activations are written one by one, so that a large trace never stands in memory as
// JSON.
#pragma once

#include "reader/output.hpp"
#include "reader/recording.hpp"
#include "reader/value_json.hpp"

namespace kolo::reader {

/// A line of `list --json`, and the heart of `show --json`'s "trace".
[[nodiscard]] Json trace_json(const store::TraceSummary& trace);

/// An activation as `show --json` has it.
[[nodiscard]] Json activation_json(const Recording& recording, ActivationIndex activation,
                                   ActivationValues& values);

void print_trace_json(const Recording& recording, Output& out);
void print_activation_json(const Recording& recording, ActivationIndex activation, Output& out);

}  // namespace kolo::reader

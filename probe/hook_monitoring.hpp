// The "monitoring" hook: sys.monitoring (PEP 669), 3.12 and later.
//
// Callbacks are entered for Python frames only; code that the filters reject answers DISABLE and is
// not entered again, except when an exception crosses it. Events are set once, for all threads.
// Tool id 4, else 3: 0, 1, 2 and 5 belong to debuggers, coverage, profilers and optimizers. Under
// the GIL; kept over forks.
#pragma once

namespace kolo::probe {

/// Whether this interpreter has sys.monitoring at all.
[[nodiscard]] bool is_monitoring_known() noexcept;
/// Claims a tool id and sets callbacks and events. False, and nothing is changed, where it cannot.
[[nodiscard]] bool set_monitoring_hook(bool does_nothing) noexcept;
/// Takes callbacks and events away and gives the id back.
void remove_monitoring_hook() noexcept;

}  // namespace kolo::probe

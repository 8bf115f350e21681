// What a fork does to the probe: the drain thread is stopped before it; the child forgets its
// parent's process and starts clean. Through pthread_atfork, because uWSGI and native code fork
// without the interpreter knowing.
#pragma once

namespace kolo::probe {

/// Registers the handlers; once per program.
void watch_forks() noexcept;

}  // namespace kolo::probe

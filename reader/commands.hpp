// The commands of kolo-trace: what they are called with, what they print where, and their exit
// codes.
#pragma once

#include "reader/output.hpp"

namespace kolo::reader {

// Exit codes, as --help lists them.
inline constexpr int kDone = 0;
inline constexpr int kNotFound = 1;
inline constexpr int kUsage = 2;
inline constexpr int kDatabaseProblem = 4;
inline constexpr int kOutputProblem = 5;

/// Runs the command line; returns the exit code. What `out` holds is flushed.
[[nodiscard]] int run(int argc, const char* const* argv, const Look& look, Output& out,
                      Output& errors);

}  // namespace kolo::reader

// From a piece of a block to slices of traces: the heart of the ingest.
//
// Checks that the piece follows on what came before, steps over what is stored already, splits the
// rest by trace and counts. Runs on the writer thread. Believes nothing: the bytes come from a
// process that may be anybody's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "collectord/model.hpp"
#include "proto/bytes.hpp"

namespace kolo::collectord {

/// Finds a trace of `process` by number, in the model or in the store; null when there is none.
using FindTrace = std::function<Trace*(Process&, std::uint64_t)>;

/// Takes one piece of a block. Returns what is wrong when it does not follow on what came before
/// (nothing is taken).
[[nodiscard]] std::optional<std::string> ingest_block(Model& model, Process& process,
                                                      const proto::BlockMessage& block,
                                                      proto::Bytes records,
                                                      const FindTrace& find_trace);

/// From here on (a new connection, a salvage) the bytes of every ring begin with a whole block
/// again.
void expect_whole_blocks(Process& process);

}  // namespace kolo::collectord

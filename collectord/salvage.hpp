// Salvage: what a dead process had recorded and not yet sent is read from its arena and taken like
// any message.
//
// Runs on the writer thread, after everything that came over the socket. The arena is read with
// pread and every number in it is checked: the process may have died in the middle of anything, or
// be hostile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "collectord/model.hpp"
#include "proto/bytes.hpp"
#include "proto/messages.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::collectord {

/// Where salvaged things go: the same ways that messages take. Each says what was wrong, if
/// anything.
struct SalvageTarget {
    std::function<std::optional<std::string>(std::uint64_t offset, proto::Bytes entries)> codes;
    std::function<std::optional<std::string>(const proto::TraceImage&)> trace;
    std::function<std::optional<std::string>(const proto::BlockMessage&, proto::Bytes records)>
        block;
    std::function<void(const proto::CountsMessage&)> counts;
    /// Events of a trace that its thread had counted and not yet added to the trace's slot.
    std::function<void(std::uint64_t trace, std::uint64_t emitted)> residue;
    /// Called between blocks; may commit.
    std::function<void()> relieve;
};

struct Salvaged {
    std::uint32_t blocks = 0;
    std::uint32_t refused = 0;  // parts of the arena that could not be what they claimed to be
};

/// Nothing when the arena cannot be read at all.
[[nodiscard]] std::optional<Salvaged> salvage(int arena, const Process& process,
                                              const SalvageTarget& target);

}  // namespace kolo::collectord

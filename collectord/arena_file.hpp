// A process's arena as the collector holds it: a descriptor that somebody sent, looked at with
// pread and never mapped.
//
// Checked on the I/O thread when it comes with the hello; read on the writer thread after its
// process's death.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/arena.hpp"
#include "proto/messages.hpp"

namespace kolo::collectord {

/// What is wrong with `descriptor` as the arena that `hello` announces; nothing when it is one: a
/// memfd of the size announced, sealed against every change of its size, with a header of this
/// process.
[[nodiscard]] std::optional<std::string> wrong_with_arena(int descriptor,
                                                          const proto::Hello& hello);

/// The layout of an arena; nothing when it cannot be read.
[[nodiscard]] std::optional<proto::ArenaLayout> read_layout(int descriptor);

/// Reads exactly `bytes` at `offset`; an empty vector when they cannot be read.
[[nodiscard]] std::vector<std::uint8_t> read_arena(int descriptor, std::uint64_t offset,
                                                   std::size_t bytes);

/// Bytes of memory that the arena takes now.
[[nodiscard]] std::uint64_t resident_bytes(int descriptor);

}  // namespace kolo::collectord

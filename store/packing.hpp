// Packing: the small plain chunks of a trace become few compressed ones, and which code occurs in
// them is counted.
//
// Belongs to the collector's writer thread; keeps working memory between calls. Knows bytes only,
// no database.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "proto/bytes.hpp"
#include "proto/ids.hpp"
#include "store/chunks.hpp"

namespace kolo::store {

/// A compressed chunk decompresses to about this much at most (and to one slice at least), so that
/// a reader that wants one activation does not unpack everything.
inline constexpr std::size_t kPieceBytes = 1U << 20U;

struct PackedPiece {
    std::vector<std::uint8_t> data;
    std::size_t raw_bytes = 0;
    std::uint64_t events = 0;
};

struct PackedTrace {
    std::vector<PackedPiece> pieces;
    std::vector<std::pair<proto::CodeNumber, std::uint64_t>> starts;  // by code, each code once
    proto::Ticks last_ticks = 0;  // of the latest event; 0 without one
};

class Packer {
  public:
    /// Merges `chunks` (plain slices of one trace) and compresses them. Nothing when one of them is
    /// broken.
    [[nodiscard]] std::optional<PackedTrace> pack(const std::vector<proto::Bytes>& chunks);

  private:
    void count_start(proto::CodeNumber code);

    ChunkCompressor compressor_;
    std::vector<std::uint64_t> counts_;  // by code number; all zero between calls
    std::vector<proto::CodeNumber> counted_;
};

}  // namespace kolo::store

// Slices: what a chunk in the store is made of. A slice is a run of records of one block that
// belong to one trace, with everything that a decoder must know before its first record, so that it
// decodes alone.
//
//     chunk = slice*      slice = SliceHeader, open_count × OpenStart, `bytes` of records
//
// Written by the collector (connection thread of execution), merged by its writer, read by the
// reader. No thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "proto/decoder.hpp"

namespace kolo::proto {

/// Value of the store's `chunk.format` column for this layout.
inline constexpr int kChunkFormatSlices = 1;

struct SliceHeader {
    std::uint32_t ring;
    std::uint32_t task;
    BlockSequence sequence;
    std::uint64_t thread;  // native thread id
    Ticks ticks;
    Ordinal current_ordinal;
    std::uint32_t current_ring;
    std::uint32_t open_count;
    Ordinal next_ordinal;
    std::uint32_t offset;  // of the first record in its block
    std::uint32_t bytes;
};
static_assert(sizeof(SliceHeader) == 64 && offsetof(SliceHeader, sequence) == 8 &&
              offsetof(SliceHeader, thread) == 16 && offsetof(SliceHeader, ticks) == 24 &&
              offsetof(SliceHeader, current_ordinal) == 32 &&
              offsetof(SliceHeader, current_ring) == 40 &&
              offsetof(SliceHeader, open_count) == 44 &&
              offsetof(SliceHeader, next_ordinal) == 48 && offsetof(SliceHeader, offset) == 56 &&
              offsetof(SliceHeader, bytes) == 60);

struct Slice {
    SliceHeader header{};
    std::vector<OpenStart> open;
    Bytes records;
};

/// Appends a slice to a chunk. `state` is the decoder's state before the first of `records`.
void append_slice(std::vector<std::uint8_t>& chunk, const DecoderState& state, Position position,
                  Bytes records);

/// Takes slices off a chunk, one by one.
class SliceReader {
  public:
    explicit SliceReader(Bytes chunk) : left_(chunk) {}
    /// The next slice; nothing at the end and when the rest is no slice (then `broken()`).
    [[nodiscard]] std::optional<Slice> next();
    [[nodiscard]] bool broken() const noexcept { return broken_; }

  private:
    Bytes left_;
    bool broken_ = false;
};

/// The state in which `slice`'s records are to be decoded, as events of `trace`.
[[nodiscard]] DecoderState state_at(const Slice& slice, TraceNumber trace);

/// The slices of several chunks, in order of (ring, position), runs that lie side by side in one
/// block joined into one. Nothing when a chunk is broken.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> merge_chunks(
    const std::vector<Bytes>& chunks);

}  // namespace kolo::proto

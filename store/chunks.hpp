// The bytes of a chunk: plain or compressed with zstd. The column `codec` says which.
//
// Written by the collector's writer thread, read by it and by the reader. A ChunkCompressor keeps
// zstd's working memory and belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proto/bytes.hpp"

struct ZSTD_CCtx_s;

namespace kolo::store {

enum class Codec : int { kNone = 0, kZstd = 1 };

/// No chunk of ours holds more before compression; a column that claims more is damaged.
inline constexpr std::size_t kMaxRawBytes = 64U << 20U;

class ChunkCompressor {
  public:
    ChunkCompressor();
    [[nodiscard]] std::vector<std::uint8_t> compress(proto::Bytes raw);

  private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

/// The plain bytes of a chunk. Nothing when the codec is not known or the bytes are not what the
/// columns say.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> chunk_bytes(Codec codec, proto::Bytes data,
                                                                   std::size_t raw_bytes);

}  // namespace kolo::store

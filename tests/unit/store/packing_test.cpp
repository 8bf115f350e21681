#include "store/packing.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "proto/decoder.hpp"
#include "proto/records.hpp"
#include "proto/slice.hpp"
#include "store/chunks.hpp"

namespace kolo::store::test {
namespace {

using Chunk = std::vector<std::uint8_t>;

/// `calls` value-less calls of `code` in one slice at `position`.
void add_slice(Chunk& chunk, std::uint32_t ring, proto::Position position, std::uint32_t calls,
               std::uint32_t code) {
    Chunk records;
    std::mt19937 random(code);
    const auto put = [&records](std::uint64_t word) {
        records.resize(records.size() + sizeof word);
        proto::store(records.data() + records.size() - sizeof word, word);
    };
    for (std::uint32_t i = 0; i < calls; ++i) {
        put(proto::one_word(proto::RecordKind::kShortStart, code,
                            static_cast<std::uint32_t>(random() % 1000)));
        put(proto::one_word(proto::RecordKind::kShortReturn, 1,
                            static_cast<std::uint32_t>(random() % 1000)));
    }
    proto::DecoderState state;
    state.ring = proto::RingNumber{ring};
    state.ticks = 1000;
    proto::append_slice(chunk, state, position, records);
}

[[nodiscard]] Chunk unpacked(const PackedTrace& packed) {
    Chunk all;
    for (const PackedPiece& piece : packed.pieces) {
        const auto raw = chunk_bytes(Codec::kZstd, piece.data, piece.raw_bytes);
        EXPECT_TRUE(raw);
        all.insert(all.end(), raw->begin(), raw->end());
    }
    return all;
}

TEST(Packing, HoldsWhatTheChunksHeld) {
    Chunk later;
    Chunk earlier;
    add_slice(later, 1, {1, 0}, 50, 2);
    add_slice(earlier, 1, {0, 0}, 50, 1);
    add_slice(earlier, 2, {0, 0}, 50, 3);
    Packer packer;
    const auto packed = packer.pack({proto::Bytes(later), proto::Bytes(earlier)});
    ASSERT_TRUE(packed);
    EXPECT_EQ(unpacked(*packed),
              *proto::merge_chunks({proto::Bytes(later), proto::Bytes(earlier)}));
    ASSERT_EQ(packed->pieces.size(), 1U);
    EXPECT_EQ(packed->pieces[0].events, 300U);
    EXPECT_LT(packed->pieces[0].data.size(), packed->pieces[0].raw_bytes / 2) << "it is worth it";
    EXPECT_GT(packed->last_ticks, 1000U);
}

TEST(Packing, CountsWhichCodeStartedHowOften) {
    Chunk chunk;
    add_slice(chunk, 1, {0, 0}, 3, 1);
    add_slice(chunk, 1, {1, 0}, 4, 70'000);
    add_slice(chunk, 1, {2, 0}, 5, 1);
    add_slice(chunk, 1, {3, 0}, 6, 0);         // a code that found no room
    add_slice(chunk, 1, {4, 0}, 7, 0xFFFFFF);  // a code that no arena can hold
    Packer packer;
    for (int round = 0; round < 2; ++round) {
        const auto packed = packer.pack({proto::Bytes(chunk)});
        ASSERT_TRUE(packed);
        using Starts = std::vector<std::pair<proto::CodeNumber, std::uint64_t>>;
        EXPECT_EQ(packed->starts,
                  (Starts{{proto::CodeNumber{1}, 8}, {proto::CodeNumber{70'000}, 4}}))
            << "also the second time";
    }
}

TEST(Packing, CutsLargeTracesIntoPieces) {
    Chunk chunk;
    for (std::uint64_t sequence = 0; sequence < 60; ++sequence) {
        add_slice(chunk, 1, {sequence, 0}, 4000, 1);
    }
    Packer packer;
    const auto packed = packer.pack({proto::Bytes(chunk)});
    ASSERT_TRUE(packed);
    EXPECT_GT(packed->pieces.size(), 3U);
    std::uint64_t events = 0;
    for (const PackedPiece& piece : packed->pieces) {
        EXPECT_LE(piece.raw_bytes, kPieceBytes);
        events += piece.events;
    }
    EXPECT_EQ(events, 60U * 8000U);
    EXPECT_EQ(unpacked(*packed), chunk);
}

TEST(Packing, RefusesWhatIsNoChunk) {
    Chunk chunk;
    add_slice(chunk, 1, {0, 0}, 3, 1);
    chunk.pop_back();
    Packer packer;
    EXPECT_FALSE(packer.pack({proto::Bytes(chunk)}));
}

TEST(ChunkBytes, TrustsNoColumn) {
    const Chunk raw(1000, 7);
    const Chunk packed = ChunkCompressor().compress(raw);
    EXPECT_EQ(chunk_bytes(Codec::kZstd, packed, raw.size()), raw);
    EXPECT_EQ(chunk_bytes(Codec::kNone, raw, raw.size()), raw);
    EXPECT_FALSE(chunk_bytes(Codec::kNone, raw, 999));
    EXPECT_FALSE(chunk_bytes(Codec::kZstd, packed, 999)) << "longer than said";
    EXPECT_FALSE(chunk_bytes(Codec::kZstd, packed, 1001)) << "shorter than said";
    EXPECT_FALSE(chunk_bytes(Codec::kZstd, packed, std::size_t{1} << 40U))
        << "no memory is asked for";
    EXPECT_FALSE(chunk_bytes(Codec::kZstd, raw, raw.size())) << "not zstd";
    EXPECT_FALSE(chunk_bytes(static_cast<Codec>(9), raw, raw.size()))
        << "a codec of a later version";
}

}  // namespace
}  // namespace kolo::store::test

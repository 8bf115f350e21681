// What the decoder promises of hostile bytes: it ends, and it reads nothing outside (which the
// sanitizers see).
#include "proto/decoder.hpp"

#include <gtest/gtest.h>

#include <random>

#include "proto/messages.hpp"
#include "proto/slice.hpp"
#include "tests/unit/proto/vectors.hpp"

namespace kolo::proto {
namespace {

/// Bytes on the heap, without slack behind them.
[[nodiscard]] std::unique_ptr<std::uint8_t[]> exactly(Bytes bytes) {
    auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return copy;
}

void walk(Bytes bytes) {
    const auto copy = exactly(bytes);
    Decoder decoder(Bytes(copy.get(), bytes.size()), DecoderState{});
    std::uint32_t steps = 0;
    for (auto status = decoder.next();
         status != DecodeStatus::kEnd && status != DecodeStatus::kBroken; status = decoder.next()) {
        // Reads every byte of it, where the sanitizers watch.
        ASSERT_EQ(to_hex(decoder.event().payload).size(), 2 * decoder.event().payload.size());
        ASSERT_LE(++steps, bytes.size() / kWordBytes) << "every step takes a word at least";
    }
    ASSERT_LE(decoder.offset(), bytes.size());
}

TEST(Decoder, StopsAtTheFirstByteThatIsMissing) {
    for (const Json& vector : load_vectors("records.json", "cases")) {
        for (const Json& block : vector["blocks"]) {
            const auto records = from_hex(block["records_hex"]);
            for (std::size_t length = 0; length <= records.size(); ++length) {
                walk(Bytes(records).first(length));
            }
        }
    }
}

TEST(Decoder, SurvivesAnyByteChanged) {
    std::mt19937_64 random(4711);  // the same bytes in every run
    for (const Json& vector : load_vectors("records.json", "cases")) {
        for (const Json& block : vector["blocks"]) {
            const auto records = from_hex(block["records_hex"]);
            for (int round = 0; round < 500; ++round) {
                auto changed = records;
                for (int i = 0; i < 3; ++i) {
                    changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
                }
                walk(changed);
            }
        }
    }
}

TEST(Decoder, SurvivesNoise) {
    std::mt19937_64 random(4712);
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::uint8_t> noise(random() % 512);
        for (auto& byte : noise) {
            byte = static_cast<std::uint8_t>(random());
        }
        walk(noise);
        SliceReader reader(noise);
        while (reader.next()) {
        }
        static_cast<void>(decode_hello(noise));
        static_cast<void>(decode_welcome(noise));
        static_cast<void>(decode_refused(noise));
        static_cast<void>(decode_ack(noise));
    }
}

TEST(Decoder, StaysWhereItBroke) {
    const std::uint64_t zero = 0;
    std::vector<std::uint8_t> records(8);
    store(records.data(), zero);
    Decoder decoder(records, DecoderState{});
    EXPECT_EQ(decoder.next(), DecodeStatus::kBroken);
    EXPECT_EQ(decoder.next(), DecodeStatus::kBroken);
    EXPECT_EQ(decoder.offset(), 0U);
}

}  // namespace
}  // namespace kolo::proto

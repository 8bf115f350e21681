// Records, slices, codes, arena and values against proto/vectors.
#include <gtest/gtest.h>

#include <string>

#include <msgpack.hpp>

#include "proto/arena.hpp"
#include "proto/codes.hpp"
#include "proto/slice.hpp"
#include "proto/values.hpp"
#include "tests/unit/proto/vectors.hpp"

namespace kolo::proto {
namespace {

TEST(RecordVectors, EveryBlockDecodesAloneToTheEventsItTells) {
    for (const Json& vector : load_vectors("records.json", "cases")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        for (const Json& block : vector["blocks"]) {
            const auto start_bytes = from_hex(block["start_hex"]);
            ASSERT_EQ(start_bytes.size(), sizeof(BlockStart));
            const auto start = load<BlockStart>(start_bytes, 0);
            const Json& fields = block["start"];
            EXPECT_EQ(start.ring, fields["ring"]);
            EXPECT_EQ(start.task, fields["task"]);
            EXPECT_EQ(start.sequence, fields["sequence"]);
            EXPECT_EQ(start.thread, fields["thread"]);
            EXPECT_EQ(start.ticks, fields["ticks"]);
            EXPECT_EQ(start.trace, fields["trace"]);
            EXPECT_EQ(Json::array({start.current_ring, start.current_ordinal}), fields["current"]);
            EXPECT_EQ(start.next_ordinal, fields["next_ordinal"]);
            const auto records = from_hex(block["records_hex"]);
            EXPECT_EQ(tell_steps(records, state_at(start)), block["steps"]);
        }
    }
}

TEST(RecordVectors, AnActivationThatGoesOnInAnotherRingIsOne) {
    for (const Json& vector : load_vectors("records.json", "cases")) {
        if (vector["name"] != "a generator that goes on in another thread") {
            continue;
        }
        std::string told;
        for (const Json& block : vector["blocks"]) {
            for (const Json& step : block["steps"]) {
                if (step["id"] == Json::array({1, 1})) {
                    told += step["step"].get<std::string>() + " ";
                    EXPECT_EQ(step["code"], 6);
                }
            }
        }
        EXPECT_EQ(told, "start yield resume yield throw unwind ");
        return;
    }
    FAIL() << "no such vector";
}

TEST(SliceVectors, EverySliceDecodesAlone) {
    for (const Json& vector : load_vectors("slices.json", "chunks")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto chunk = from_hex(vector["hex"]);
        SliceReader reader(chunk);
        for (const Json& expected : vector["slices"]) {
            const auto slice = reader.next();
            ASSERT_TRUE(slice);
            EXPECT_EQ(slice->header.ring, expected["ring"]);
            EXPECT_EQ(slice->header.sequence, expected["sequence"]);
            EXPECT_EQ(slice->header.offset, expected["offset"]);
            EXPECT_EQ(tell_steps(slice->records, state_at(*slice, TraceNumber{vector["trace"]})),
                      expected["steps"]);
        }
        EXPECT_FALSE(reader.next());
        EXPECT_FALSE(reader.broken());
    }
}

TEST(SliceVectors, RunsSideBySideAreMerged) {
    for (const Json& vector : load_vectors("slices.json", "merges")) {
        std::vector<std::vector<std::uint8_t>> chunks;
        for (const Json& chunk : vector["chunks"]) {
            chunks.push_back(from_hex(chunk));
        }
        const auto merged = merge_chunks({chunks.begin(), chunks.end()});
        ASSERT_TRUE(merged);
        EXPECT_EQ(to_hex(*merged), vector["merged"]);
    }
}

TEST(SliceVectors, BrokenChunksAreToldAsSuch) {
    for (const Json& vector : load_vectors("slices.json", "broken")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto chunk = from_hex(vector["hex"]);
        SliceReader reader(chunk);
        EXPECT_FALSE(reader.next());
        EXPECT_TRUE(reader.broken());
        EXPECT_FALSE(merge_chunks({chunk}));
    }
}

TEST(CodeVectors, DecodeToTheirDefinitions) {
    for (const Json& vector : load_vectors("codes.json", "cases")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const DecodedCodes decoded = decode_codes(from_hex(vector["hex"]));
        EXPECT_EQ(decoded.bytes, vector["bytes"]);
        EXPECT_EQ(decoded.broken, vector["broken"]);
        ASSERT_EQ(decoded.definitions.size(), vector["definitions"].size());
        for (std::size_t i = 0; i < decoded.definitions.size(); ++i) {
            const CodeDefinition& code = decoded.definitions[i];
            const Json& expected = vector["definitions"][i];
            EXPECT_EQ(to_integer(code.number), expected["number"]);
            EXPECT_EQ(code.name, expected["name"]);
            EXPECT_EQ(code.qualname ? Json(*code.qualname) : Json(), expected["qualname"]);
            EXPECT_EQ(code.path, expected["path"]);
            EXPECT_EQ(code.first_line, expected["first_line"]);
            EXPECT_EQ(code.flags, expected["flags"]);
            EXPECT_EQ(code.argument_count, expected["argument_count"]);
            EXPECT_EQ(Json(code.variables), expected["variables"]);
        }
    }
}

TEST(ArenaVectors, LayoutsArePlannedAsSaid) {
    for (const Json& expected : load_vectors("arena.json", "layouts")) {
        const ArenaLayout layout = plan_arena(expected["asked"]);
        EXPECT_EQ(layout.arena_bytes, expected["arena_bytes"]);
        EXPECT_EQ(layout.codes_offset, expected["codes_offset"]);
        EXPECT_EQ(layout.codes_bytes, expected["codes_bytes"]);
        EXPECT_EQ(layout.slots_offset, expected["slots_offset"]);
        EXPECT_EQ(layout.slot_count, expected["slot_count"]);
        EXPECT_EQ(layout.blocks_offset, expected["blocks_offset"]);
        EXPECT_EQ(layout.block_count, expected["block_count"]);
    }
}

TEST(ArenaVectors, AHeaderIsBelievedOnlyAsItWouldHaveBeenMade) {
    const Json vector = load_vectors("arena.json", "header");
    auto header = from_hex(vector["hex"]);
    header.resize(kArenaHeaderBytes);
    const Json expected =
        load_vectors("arena.json", "layouts").at(vector["layout"].get<std::size_t>());
    const std::uint64_t bytes = expected["arena_bytes"];
    const auto layout = read_arena_layout(header, bytes);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->blocks_offset, expected["blocks_offset"]);
    EXPECT_EQ(to_hex(Bytes(header).subspan(offsetof(ArenaHeader, process), 16)), vector["process"]);
    const auto clock = load<ClockPair>(header, offsetof(ArenaHeader, first_clock));
    EXPECT_EQ(Json::array({clock.ticks, clock.monotonic_ns, clock.realtime_ns}),
              vector["first_clock"]);

    EXPECT_FALSE(read_arena_layout(header, bytes + kBlockBytes)) << "another file size";
    EXPECT_FALSE(read_arena_layout(Bytes(header).first(100), bytes)) << "cut off";
    for (const std::size_t at :
         {offsetof(ArenaHeader, magic), offsetof(ArenaHeader, version),
          offsetof(ArenaHeader, block_bytes), offsetof(ArenaHeader, arena_bytes),
          offsetof(ArenaHeader, codes_offset), offsetof(ArenaHeader, codes_bytes),
          offsetof(ArenaHeader, slots_offset), offsetof(ArenaHeader, blocks_offset),
          offsetof(ArenaHeader, slot_count), offsetof(ArenaHeader, block_count)}) {
        auto forged = header;
        forged[at] ^= 1U;
        EXPECT_FALSE(read_arena_layout(forged, bytes)) << "at " << at;
    }
}

[[nodiscard]] Json tell_value(const msgpack::object& value);

[[nodiscard]] Json tell_array(const msgpack::object_array& array) {
    Json items = Json::array();
    for (std::uint32_t i = 0; i < array.size; ++i) {
        items.push_back(tell_value(array.ptr[i]));
    }
    return items;
}

/// What an extension's first byte means: its name, or the number where this version has none.
template <std::size_t Size>
[[nodiscard]] Json name_of(const std::array<std::string_view, Size>& names, std::uint8_t number) {
    return number < names.size() ? Json(names[number]) : Json(number);
}

[[nodiscard]] Json tell_omission(const msgpack::object_ext& ext) {
    Json told = {{"omitted", name_of(kOmittedNames, static_cast<std::uint8_t>(ext.data()[0]))}};
    if (ext.size == 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, ext.data(), sizeof word);
        told["count"] = word >> 8U;
    }
    return told;
}

Json tell_value(const msgpack::object& value) {
    switch (value.type) {
        case msgpack::type::NIL:
            return nullptr;
        case msgpack::type::BOOLEAN:
            return value.via.boolean;
        case msgpack::type::POSITIVE_INTEGER:
            return value.via.u64;
        case msgpack::type::NEGATIVE_INTEGER:
            return value.via.i64;
        case msgpack::type::FLOAT64:
            return value.via.f64;
        case msgpack::type::STR:
            return std::string(value.via.str.ptr, value.via.str.size);
        case msgpack::type::BIN:
            return {{"bytes", to_hex({reinterpret_cast<const std::uint8_t*>(value.via.bin.ptr),
                                      value.via.bin.size})}};
        case msgpack::type::EXT:
            return tell_omission(value.via.ext);
        case msgpack::type::MAP: {
            Json pairs = Json::array();
            for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
                const auto& entry = value.via.map.ptr[i];
                pairs.push_back(Json::array({tell_value(entry.key), tell_value(entry.val)}));
            }
            return {{"map", pairs}};
        }
        case msgpack::type::ARRAY: {
            const msgpack::object_array& array = value.via.array;
            const bool is_tagged = array.size > 0 && array.ptr[0].type == msgpack::type::EXT &&
                                   array.ptr[0].via.ext.type() == kTagType;
            if (!is_tagged) {
                return tell_array(array);
            }
            const auto tag = static_cast<std::uint8_t>(array.ptr[0].via.ext.data()[0]);
            return {{"tag", name_of(kTagNames, tag)},
                    {"content", tell_array({array.size - 1, array.ptr + 1})}};
        }
        default:
            return "?";
    }
}

TEST(ValueVectors, TagsAndOmissionsAreNumberedAsSaid) {
    for (const Json& vector : load_vectors("values.json", "cases")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto bytes = from_hex(vector["hex"]);
        const auto handle =
            msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        EXPECT_EQ(tell_value(handle.get()), vector["value"]);
    }
}

}  // namespace
}  // namespace kolo::proto

// Messages against proto/vectors/messages.json: decoded, and encoded to the same bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "proto/messages.hpp"
#include "tests/unit/proto/vectors.hpp"

namespace kolo::proto {
namespace {

using Out = std::vector<std::uint8_t>;

[[nodiscard]] ProcessId process_from(const std::string& hex) {
    ProcessId process;
    const auto bytes = from_hex(hex);
    std::copy(bytes.begin(), bytes.end(), process.bytes.begin());
    return process;
}

[[nodiscard]] std::vector<RingPosition> rings_from(const Json& flat) {
    std::vector<RingPosition> rings;
    for (std::size_t i = 0; i < flat.size(); i += 3) {
        rings.push_back({RingNumber{flat[i]}, {flat[i + 1], flat[i + 2]}});
    }
    return rings;
}

[[nodiscard]] std::vector<TraceNumber> traces_from(const Json& flat) {
    std::vector<TraceNumber> traces;
    for (const Json& number : flat) {
        traces.push_back(TraceNumber{number});
    }
    return traces;
}

void fill_lost(std::uint64_t (&lost)[kLossCounters], const Json& by_name) {
    for (std::size_t reason = 0; reason < kLossReasons; ++reason) {
        lost[reason] = by_name.value(std::string(loss_name(reason)), std::uint64_t{0});
    }
}

template <std::size_t Size>
void fill_text(char (&to)[Size], const Json& text) {
    const auto from = text.get<std::string>();
    std::memcpy(to, from.data(), from.size());
}

[[nodiscard]] Hello hello_from(const Json& fields) {
    Hello hello;
    hello.process = process_from(fields["process"]);
    if (!fields["parent"].is_null()) {
        hello.parent = process_from(fields["parent"]);
    }
    hello.pid = fields["pid"];
    hello.start_time = fields["start_time"];
    hello.boot_id = fields["boot_id"];
    hello.host = fields["host"];
    hello.python = fields["python"];
    hello.implementation = fields["implementation"];
    hello.version = fields["version"];
    if (!fields["git_sha"].is_null()) {
        hello.git_sha = fields["git_sha"];
    }
    hello.argv = fields["argv"].get<std::vector<std::string>>();
    hello.cwd = fields["cwd"];
    const Json& clocks = fields["clocks"];
    for (std::size_t i = 0; i < clocks.size(); i += 3) {
        hello.clocks.push_back({clocks[i], clocks[i + 1], clocks[i + 2]});
    }
    hello.arena_bytes = fields["arena_bytes"];
    return hello;
}

[[nodiscard]] TraceImage image_from(const Json& fields) {
    TraceImage image{};
    image.state = fields["state"];
    image.open_roots = fields["open_roots"];
    image.emitted = fields["emitted"];
    fill_lost(image.lost, fields["lost"]);
    image.fields.number = fields["number"];
    fill_text(image.fields.id, fields["id"]);
    fill_text(image.fields.parent_id, fields["parent_id"]);
    image.fields.parent_ring = fields["parent"][0];
    image.fields.parent_ordinal = fields["parent"][1];
    for (std::uint32_t kind = 0; kind < kTraceKindNames.size(); ++kind) {
        if (trace_kind_name(kind) == fields["kind"].get<std::string>()) {
            image.fields.kind = kind;
        }
    }
    image.fields.begin_ticks = fields["begin_ticks"];
    image.fields.end_ticks = fields["end_ticks"];
    image.fields.begin_realtime_ns = fields["begin_realtime_ns"];
    const std::vector<std::uint8_t> group = from_hex(fields["group"]);
    std::copy_n(group.begin(), sizeof image.fields.group, image.fields.group);
    fill_text(image.fields.name, fields["name"]);
    image.fields.name_bytes = static_cast<std::uint32_t>(fields["name"].get<std::string>().size());
    return image;
}

void append_block(Out& out, const Json& fields) {
    const Json& start = fields["start"];
    BlockMessage message{};
    message.start.ring = start["ring"];
    message.start.task = start["task"];
    message.start.sequence = start["sequence"];
    message.start.thread = start["thread"];
    message.start.ticks = start["ticks"];
    message.start.trace = start["trace"];
    message.start.current_ring = start["current"][0];
    message.start.current_ordinal = start["current"][1];
    message.start.next_ordinal = start["next_ordinal"];
    message.offset = fields["offset"];
    message.bytes = fields["bytes"];
    message.emitted = fields["emitted"];
    append_frame(out, MessageType::kBlock, message, from_hex(fields["records_hex"]));
}

void append_counts(Out& out, const Json& fields) {
    CountsMessage counts{};
    counts.emitted_blockless = fields["emitted_blockless"];
    counts.traces_refused = fields["traces_refused"];
    counts.codes_lost = fields["codes_lost"];
    fill_lost(counts.lost, fields["lost"]);
    append_frame(out, MessageType::kCounts, counts);
}

[[nodiscard]] Welcome welcome_from(const Json& fields) {
    Welcome welcome;
    welcome.version = fields["version"];
    welcome.codes_offset = fields["codes_offset"];
    welcome.rings = rings_from(fields["rings"]);
    welcome.closed = traces_from(fields["closed"]);
    return welcome;
}

[[nodiscard]] Ack ack_from(const Json& fields) {
    return {fields["codes_offset"], rings_from(fields["rings"]), traces_from(fields["closed"]),
            fields["bye"]};
}

/// The frame that says `fields`.
[[nodiscard]] Out encode(MessageType type, const Json& fields) {
    Out out;
    switch (type) {
        case MessageType::kCodes:
            append_frame(out, type, CodesMessage{fields["offset"]},
                         from_hex(fields["entries_hex"]));
            break;
        case MessageType::kTrace:
            append_frame(out, type, image_from(fields));
            break;
        case MessageType::kBlock:
            append_block(out, fields);
            break;
        case MessageType::kClock:
            append_frame(out, type,
                         ClockPair{fields["ticks"], fields["monotonic_ns"], fields["realtime_ns"]});
            break;
        case MessageType::kTraceClosed:
            append_frame(out, type, TraceClosedMessage{fields["number"]});
            break;
        case MessageType::kCounts:
            append_counts(out, fields);
            break;
        case MessageType::kBye:
            append_frame(out, type);
            break;
        case MessageType::kAck:
            append_ack(out, ack_from(fields));
            break;
        default:
            break;
    }
    return out;
}

[[nodiscard]] bool is_map(MessageType type) {
    return type == MessageType::kHello || type == MessageType::kWelcome ||
           type == MessageType::kRefused;
}

TEST(MessageVectors, PlainMessagesAreEncodedToTheSameBytes) {
    for (const Json& vector : load_vectors("messages.json", "messages")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const MessageType type{vector["type"].get<std::uint16_t>()};
        if (!is_map(type)) {  // the order of a map's keys is free
            EXPECT_EQ(to_hex(encode(type, vector["fields"])), vector["hex"]);
        }
    }
}

TEST(MessageVectors, MapsAndAcksDecodeToWhatTheySay) {
    for (const Json& vector : load_vectors("messages.json", "messages")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto bytes = from_hex(vector["hex"]);
        const Bytes body = Bytes(bytes).subspan(sizeof(FrameHead));
        const Json& fields = vector["fields"];
        switch (MessageType{vector["type"].get<std::uint16_t>()}) {
            case MessageType::kHello: {
                const auto hello = decode_hello(body);
                ASSERT_TRUE(hello);
                EXPECT_EQ(hello->protocol, fields["protocol"]);
                if (hello->protocol == kProtocolVersion) {
                    EXPECT_EQ(*hello, hello_from(fields));
                }
                break;
            }
            case MessageType::kWelcome:
                EXPECT_EQ(decode_welcome(body), welcome_from(fields));
                break;
            case MessageType::kRefused: {
                const Refused expected{RefusalReason{fields["reason"].get<std::uint32_t>()},
                                       fields["message"]};
                EXPECT_EQ(decode_refused(body), expected);
                break;
            }
            case MessageType::kAck:
                EXPECT_EQ(decode_ack(body), ack_from(fields));
                break;
            default:
                break;
        }
    }
}

TEST(MessageVectors, WhatIsEncodedDecodesToTheSame) {
    for (const Json& vector : load_vectors("messages.json", "messages")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const Json& fields = vector["fields"];
        Out out;
        const auto body = [&out] { return Bytes(out).subspan(sizeof(FrameHead)); };
        if (vector["type"] == 1 && fields["protocol"] == kProtocolVersion) {
            append_hello(out, hello_from(fields));
            EXPECT_EQ(decode_hello(body()), hello_from(fields));
        } else if (vector["type"] == 64) {
            append_welcome(out, welcome_from(fields));
            EXPECT_EQ(decode_welcome(body()), welcome_from(fields));
        } else if (vector["type"] == 65) {
            append_refused(out, {RefusalReason::kBusy, fields["message"]});
            EXPECT_EQ(decode_refused(body())->message, fields["message"]);
        }
    }
}

TEST(MessageVectors, BrokenFramesAreToldAsSuch) {
    const std::map<MessageType, std::function<bool(Bytes)>> decodes = {
        {MessageType::kHello, [](Bytes body) { return decode_hello(body).has_value(); }},
        {MessageType::kWelcome, [](Bytes body) { return decode_welcome(body).has_value(); }},
        {MessageType::kRefused, [](Bytes body) { return decode_refused(body).has_value(); }},
        {MessageType::kAck, [](Bytes body) { return decode_ack(body).has_value(); }}};
    for (const Json& vector : load_vectors("messages.json", "broken")) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto bytes = from_hex(vector["hex"]);
        FrameBuffer buffer;
        std::copy(bytes.begin(), bytes.end(), buffer.prepare(bytes.size()).begin());
        buffer.commit(bytes.size());
        const auto frame = buffer.next();
        EXPECT_TRUE(frame ? !decodes.at(frame->type)(frame->body) : buffer.broken());
    }
}

}  // namespace
}  // namespace kolo::proto

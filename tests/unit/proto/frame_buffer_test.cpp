#include <gtest/gtest.h>

#include <algorithm>

#include "proto/messages.hpp"

namespace kolo::proto {
namespace {

void put(FrameBuffer& buffer, Bytes bytes) {
    std::copy(bytes.begin(), bytes.end(), buffer.prepare(bytes.size()).begin());
    buffer.commit(bytes.size());
}

TEST(FrameBuffer, GivesFramesWholeHoweverTheBytesCome) {
    std::vector<std::uint8_t> stream;
    append_frame(stream, MessageType::kTraceClosed, TraceClosedMessage{7});
    append_frame(stream, MessageType::kBye);
    append_frame(stream, MessageType::kTraceClosed, TraceClosedMessage{8});
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        FrameBuffer buffer;
        std::vector<std::uint64_t> told;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            put(buffer, Bytes(stream).subspan(at, std::min(piece, stream.size() - at)));
            while (const auto frame = buffer.next()) {
                told.push_back(frame->type == MessageType::kBye
                                   ? 0
                                   : load<TraceClosedMessage>(frame->body, 0).number);
            }
        }
        EXPECT_EQ(told, (std::vector<std::uint64_t>{7, 0, 8})) << "in pieces of " << piece;
        EXPECT_FALSE(buffer.broken());
    }
}

TEST(FrameBuffer, RefusesAFrameBeyondTheLimitBeforeItComes) {
    FrameBuffer buffer;
    const FrameHead head{kMaxFrameBytes + 1, static_cast<std::uint16_t>(MessageType::kBlock), 0};
    std::vector<std::uint8_t> bytes(sizeof head);
    store(bytes.data(), head);
    put(buffer, bytes);
    EXPECT_FALSE(buffer.next());
    EXPECT_TRUE(buffer.broken());
    bytes.clear();
    append_frame(bytes, MessageType::kBye);
    put(buffer, bytes);
    EXPECT_FALSE(buffer.next()) << "nothing behind it can be trusted";
}

}  // namespace
}  // namespace kolo::proto

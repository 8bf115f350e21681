// One connection: reads its first message with the descriptor that may come with it, then streams
// bytes to the mailbox.
//
// I/O thread only. Every byte is somebody else's: the first message is bounded in size and time,
// descriptors that were not asked for are closed, and what follows is handed on unread.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "collectord/asio.hpp"
#include "collectord/model.hpp"
#include "proto/messages.hpp"
#include "store/files.hpp"

namespace kolo::collectord {

class Hub;

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    Connection(Hub& hub, SessionId id, Socket socket, const ucred& peer);

    void start();
    /// Frames of ours. A peer that does not take its answers is cut off.
    void send(std::vector<std::uint8_t> frames);
    /// Sends what is queued, then closes.
    void send_last(std::vector<std::uint8_t> frames);
    /// Reads on: there is room again, or the peer is dead and what it left is to be had.
    void read_on();
    /// Closes and tells the hub, once.
    void close();

    /// The hello was accepted: what follows belongs to `process`.
    void belongs_to(const proto::ProcessId& process);

    [[nodiscard]] SessionId id() const noexcept { return id_; }
    [[nodiscard]] const ucred& peer() const noexcept { return peer_; }
    [[nodiscard]] bool is_streaming() const noexcept { return is_streaming_; }
    [[nodiscard]] const proto::ProcessId& process() const noexcept { return process_; }
    [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }

  private:
    enum class ReadResult : std::uint8_t { kData, kNothingNow, kEnd };

    void wait_readable();
    void on_readable();
    void read_first();
    [[nodiscard]] ReadResult read_first_part(std::size_t bytes);
    void take_first();
    void read_stream();
    void write_on();

    Hub& hub_;
    SessionId id_;
    Socket socket_;
    ucred peer_;
    boost::asio::steady_timer first_message_timer_;

    std::vector<std::uint8_t> first_;  // of the first message so far
    store::Descriptor descriptor_;     // that came with it
    proto::ProcessId process_;
    bool is_streaming_ = false;
    bool is_waiting_ = false;
    bool is_closed_ = false;
    bool closes_after_write_ = false;
    std::uint64_t bytes_received_ = 0;

    std::deque<std::vector<std::uint8_t>> outbox_;
    std::size_t outbox_bytes_ = 0;
};

}  // namespace kolo::collectord

// The socket to the collector: dialling, the bytes waiting to go out, the frames that came in.
//
// On the drain thread alone; no call ever waits. Fork: the child closes the descriptor and forgets
// the rest. Shutdown: close(). It drops nothing: what did not go out is sent again after the next
// welcome, from the arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/descriptor.hpp"
#include "proto/messages.hpp"

namespace kolo::probe {

struct Dialled {
    Descriptor socket;
    int error = 0;         // 0: connected
    bool foreign = false;  // somebody listens who is neither this user nor root
};

/// Connects to the socket at `path`, which may be longer than the system's limit for socket
/// addresses. Never waits: a listener whose queue is full is an error (EAGAIN).
[[nodiscard]] Dialled dial(const std::string& path);

class Connection {
  public:
    /// Takes a connected socket; `arena` (a descriptor, or -1) goes along with the first bytes.
    void open(Descriptor socket, int arena) noexcept;
    void close() noexcept;
    /// In a forked child: nothing but the descriptor.
    void close_descriptor() noexcept { socket_.close(); }

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }
    [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }

    /// Frames are appended here, while it is shorter than output_limit(); one may overrun it.
    [[nodiscard]] std::vector<std::uint8_t>& output() noexcept { return output_; }
    [[nodiscard]] std::size_t output_limit() const noexcept { return sent_ + kOutputBytes; }
    [[nodiscard]] bool has_output() const noexcept { return sent_ != output_.size(); }

    /// Sends what the socket takes. False: the connection is gone.
    [[nodiscard]] bool send() noexcept;
    /// Reads some of what has come. False: the connection is gone.
    [[nodiscard]] bool receive();
    /// The next frame; its body is valid until the next receive().
    [[nodiscard]] std::optional<proto::Frame> next() { return input_.next(); }
    /// What comes are no frames: next() will give none any more.
    [[nodiscard]] bool is_broken() const noexcept { return input_.broken(); }

  private:
    void drop_sent_output() noexcept;

    static constexpr std::size_t kOutputBytes = 512UL * 1024;

    Descriptor socket_;
    int arena_ = -1;  // to be passed with the next bytes
    std::vector<std::uint8_t> output_;
    std::size_t sent_ = 0;
    proto::FrameBuffer input_;
};

}  // namespace kolo::probe

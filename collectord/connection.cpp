#include "collectord/connection.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "collectord/hub.hpp"

namespace kolo::collectord {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kFirstMessageTime{5};
constexpr std::size_t kOutboxBytes = 4U << 20U;
constexpr std::size_t kReadBytes = 256U << 10U;
/// Then others have their turn.
constexpr int kReadsInARow = 8;
constexpr std::size_t kDescriptorsTaken = 8;

/// Keeps the first descriptor of a message, closes the others.
void take_descriptors(msghdr& message, store::Descriptor& kept) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
            store::Descriptor descriptor(number);
            if (!kept) {
                kept = std::move(descriptor);
            }
        }
    }
}

}  // namespace

Connection::Connection(Hub& hub, SessionId id, Socket socket, const ucred& peer)
    : hub_(hub), id_(id), socket_(std::move(socket)), peer_(peer), first_message_timer_(hub.io()) {
    socket_.native_non_blocking(true);
}

void Connection::start() {
    first_message_timer_.expires_after(kFirstMessageTime);
    first_message_timer_.async_wait(
        [self = shared_from_this()](const boost::system::error_code& error) {
            if (!error && !self->is_streaming_) {
                self->close();
            }
        });
    wait_readable();
}

void Connection::belongs_to(const proto::ProcessId& process) {
    process_ = process;
    is_streaming_ = true;
    first_message_timer_.cancel();
}

void Connection::wait_readable() {
    if (is_closed_ || is_waiting_) {
        return;
    }
    is_waiting_ = true;
    socket_.async_wait(Socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->is_waiting_ = false;
                           if (!error && !self->is_closed_) {
                               self->on_readable();
                           }
                       });
}

void Connection::on_readable() {
    if (is_streaming_) {
        read_stream();
    } else if (!closes_after_write_) {
        read_first();
    }
}

void Connection::read_on() {
    if (!is_closed_ && is_streaming_) {
        read_stream();
    }
}

Connection::ReadResult Connection::read_first_part(std::size_t bytes) {
    const std::size_t before = first_.size();
    first_.resize(before + bytes);
    iovec part{first_.data() + before, bytes};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsTaken * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count =
        ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    first_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count > 0) {
        take_descriptors(message, descriptor_);
        return ReadResult::kData;
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? ReadResult::kNothingNow
                                                            : ReadResult::kEnd;
}

void Connection::read_first() {
    // Exactly the first message and not a byte more: what follows goes through the mailbox.
    while (true) {
        std::size_t wanted = sizeof(proto::FrameHead);
        if (first_.size() >= sizeof(proto::FrameHead)) {
            const auto head = proto::load<proto::FrameHead>(first_, 0);
            wanted += head.bytes;
            if (head.bytes > proto::kMaxFrameBytes) {
                close();
                return;
            }
            if (first_.size() == wanted) {
                take_first();
                return;
            }
        }
        const ReadResult result = read_first_part(wanted - first_.size());
        if (result == ReadResult::kNothingNow) {
            wait_readable();
            return;
        }
        if (result == ReadResult::kEnd) {
            close();
            return;
        }
    }
}

void Connection::take_first() {
    const auto head = proto::load<proto::FrameHead>(first_, 0);
    const std::vector<std::uint8_t> message = std::exchange(first_, {});
    hub_.first_message(*this, static_cast<proto::MessageType>(head.type),
                       proto::Bytes(message).subspan(sizeof(proto::FrameHead)),
                       std::move(descriptor_));
    wait_readable();
}

void Connection::read_stream() {
    static thread_local std::vector<std::uint8_t> buffer(kReadBytes);
    for (int turn = 0; turn < kReadsInARow; ++turn) {
        const ssize_t count =
            ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN && !hub_.is_dead(process_)) {
            wait_readable();
            return;
        }
        if (count <= 0) {
            close();
            return;
        }
        bytes_received_ += static_cast<std::uint64_t>(count);
        if (!hub_.received(*this, {buffer.begin(), buffer.begin() + count})) {
            return;  // the hub calls read_on() when there is room
        }
    }
    if (hub_.is_dead(process_)) {
        asio::post(hub_.io(), [self = shared_from_this()] { self->read_on(); });
        return;
    }
    wait_readable();
}

void Connection::send(std::vector<std::uint8_t> frames) {
    if (is_closed_ || closes_after_write_) {
        return;
    }
    outbox_bytes_ += frames.size();
    if (outbox_bytes_ > kOutboxBytes) {
        close();
        return;
    }
    outbox_.push_back(std::move(frames));
    if (outbox_.size() == 1) {
        write_on();
    }
}

void Connection::send_last(std::vector<std::uint8_t> frames) {
    send(std::move(frames));
    closes_after_write_ = true;
    if (outbox_.empty()) {
        close();
    }
}

void Connection::write_on() {
    asio::async_write(
        socket_, asio::buffer(outbox_.front()),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
            if (error) {
                // What the peer had sent may still be there to be read; end of file will follow.
                self->outbox_.clear();
                self->outbox_bytes_ = 0;
                return;
            }
            self->outbox_bytes_ -= self->outbox_.front().size();
            self->outbox_.pop_front();
            if (!self->outbox_.empty()) {
                self->write_on();
            } else if (self->closes_after_write_) {
                self->close();
            }
        });
}

void Connection::close() {
    if (std::exchange(is_closed_, true)) {
        return;
    }
    first_message_timer_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
    hub_.closed(*this);
}

}  // namespace kolo::collectord

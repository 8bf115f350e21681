#include "probe/connection.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace kolo::probe {

namespace {

[[nodiscard]] int connect_to(int socket, const std::string& path) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return ENAMETOOLONG;
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return connect(socket, generic, sizeof address) == 0 ? 0 : errno;
}

/// Through a descriptor of the socket's folder when the path itself is too long for an address.
[[nodiscard]] int connect_to_any_length(int socket, const std::string& path) {
    if (path.size() < sizeof(sockaddr_un::sun_path)) {
        return connect_to(socket, path);
    }
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ENAMETOOLONG;
    }
    const Descriptor folder(
        ::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
        return errno;
    }
    return connect_to(socket, "/proc/self/fd/" + std::to_string(folder.get()) + path.substr(slash));
}

[[nodiscard]] bool is_trusted_peer(int socket) noexcept {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

Dialled dial(const std::string& path) {
    Dialled dialled;
    dialled.socket = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    dialled.error = dialled.socket ? connect_to_any_length(dialled.socket.get(), path) : errno;
    if (dialled.error == 0 && !is_trusted_peer(dialled.socket.get())) {
        dialled.error = EPERM;
        dialled.foreign = true;
    }
    if (dialled.error != 0) {
        dialled.socket.close();
    }
    return dialled;
}

void Connection::open(Descriptor socket, int arena) noexcept {
    close();
    socket_ = std::move(socket);
    arena_ = arena;
}

void Connection::close() noexcept {
    socket_.close();
    arena_ = -1;
    output_.clear();
    sent_ = 0;
    input_ = {};
}

bool Connection::send() noexcept {
    while (has_output()) {
        iovec bytes{output_.data() + sent_, output_.size() - sent_};
        msghdr message{};
        message.msg_iov = &bytes;
        message.msg_iovlen = 1;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        if (arena_ >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &arena_, sizeof(int));
        }
        // NOSIGNAL: a SIGPIPE would reach the application.
        const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            const bool waits = errno == EAGAIN || errno == EWOULDBLOCK;
            drop_sent_output();
            return waits;
        }
        arena_ = -1;
        sent_ += static_cast<std::size_t>(sent);
    }
    output_.clear();
    sent_ = 0;
    return true;
}

void Connection::drop_sent_output() noexcept {
    if (sent_ >= kOutputBytes / 2) {
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(sent_));
        sent_ = 0;
    }
}

bool Connection::receive() {
    constexpr std::size_t kPiece = 64UL * 1024;
    for (;;) {
        const proto::MutableBytes room = input_.prepare(kPiece);
        const ssize_t got = recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (got > 0) {
            input_.commit(static_cast<std::size_t>(got));
            return true;
        }
        if (got == 0) {
            return false;
        }
        if (errno != EINTR) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
    }
}

}  // namespace kolo::probe

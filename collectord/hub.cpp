#include "collectord/hub.hpp"

#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "collectord/arena_file.hpp"
#include "collectord/liveness.hpp"

namespace kolo::collectord {

namespace asio = boost::asio;

namespace {

[[nodiscard]] store::Descriptor open_pidfd(std::uint64_t pid) {
    return store::Descriptor(
        static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)));
}

[[nodiscard]] std::vector<std::uint8_t> refusal_frame(proto::RefusalReason reason,
                                                      std::string message) {
    std::vector<std::uint8_t> frame;
    proto::append_refused(frame, {reason, std::move(message)});
    return frame;
}

}  // namespace

Hub::Hub(asio::io_context& io, Mailbox& mailbox, std::set<std::uint32_t> allowed_users,
         std::function<void()> idle_changed, HubLimits limits)
    : io_(io),
      mailbox_(mailbox),
      allowed_users_(std::move(allowed_users)),
      idle_changed_(std::move(idle_changed)),
      limits_(limits),
      accept_again_(io) {}

Hub::~Hub() = default;

void Hub::accept_on(Acceptor& acceptor) {
    acceptor_ = &acceptor;
    accept_next();
}

void Hub::accept_next() {
    acceptor_->async_accept([this](const boost::system::error_code& error,
                                   Connection::Socket socket) {
        if (error == asio::error::operation_aborted) {
            return;
        }
        if (error) {
            // Most likely no descriptor is left; the connection waits in the backlog meanwhile.
            accept_again_.expires_after(std::chrono::milliseconds(100));
            accept_again_.async_wait([this](const boost::system::error_code& aborted) {
                if (!aborted) {
                    accept_next();
                }
            });
            return;
        }
        ucred peer{};
        socklen_t length = sizeof peer;
        if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) {
            const SessionId id{++last_session_};
            auto connection = std::make_shared<Connection>(*this, id, std::move(socket), peer);
            connections_.emplace(id, connection);
            if (!is_allowed(peer.uid)) {
                connection->send_last(
                    refusal_frame(proto::RefusalReason::kNotAllowed,
                                  "kolo-collectord runs as user " + std::to_string(::geteuid()) +
                                      " and does not serve user " + std::to_string(peer.uid) +
                                      "; start it with --allow-uid " + std::to_string(peer.uid)));
            } else if (connections_.size() > limits_.connections) {
                connection->send_last(refusal_frame(proto::RefusalReason::kBusy,
                                                    "kolo-collectord serves " +
                                                        std::to_string(limits_.connections) +
                                                        " processes already"));
            } else {
                connection->start();
            }
        }
        accept_next();
    });
}

bool Hub::is_allowed(std::uint32_t user) const {
    return user == ::geteuid() || allowed_users_.contains(user);
}

void Hub::first_message(Connection& connection, proto::MessageType type, proto::Bytes body,
                        store::Descriptor descriptor) {
    if (type == kStatusRequest) {
        status_asked_.push_back(connection.id());
        mailbox_.want_status();
    } else if (type == proto::MessageType::kHello) {
        take_hello(connection, body, std::move(descriptor));
    } else {
        connection.close();
    }
}

std::optional<proto::Refused> Hub::objection(const proto::Hello& hello,
                                             const Connection& connection,
                                             const store::Descriptor& descriptor) const {
    if (hello.protocol != proto::kProtocolVersion) {
        return proto::Refused{
            proto::RefusalReason::kProtocol,
            "kolo-collectord " KOLO_VERSION " speaks protocol " +
                std::to_string(proto::kProtocolVersion) + ", the probe speaks " +
                std::to_string(hello.protocol) +
                "; install the same version of kolo-probe for both and restart both"};
    }
    if (is_stopping_) {
        return proto::Refused{proto::RefusalReason::kStopping, "kolo-collectord is stopping"};
    }
    if (hello.arena_bytes != 0) {
        if (const auto wrong = wrong_with_arena(descriptor.get(), hello)) {
            return proto::Refused{proto::RefusalReason::kArena,
                                  "kolo-collectord refuses this process: " + *wrong};
        }
    }
    const auto known = peers_.find(hello.process);
    const auto pid = static_cast<std::uint64_t>(std::max(connection.peer().pid, 0));
    if (known != peers_.end() && known->second.pid != pid && !known->second.is_dead) {
        return proto::Refused{proto::RefusalReason::kNotAllowed,
                              "another process that lives has this process's id"};
    }
    return std::nullopt;
}

void Hub::take_hello(Connection& connection, proto::Bytes body, store::Descriptor descriptor) {
    auto hello = proto::decode_hello(body);
    if (!hello) {
        spdlog::warn(
            "a process of user {} (pid {}) said something that is no hello; connection closed",
            connection.peer().uid, connection.peer().pid);
        connection.close();
        return;
    }
    if (auto refused = objection(*hello, connection, descriptor)) {
        spdlog::warn("pid {} refused: {}", connection.peer().pid, refused->message);
        connection.send_last(refusal_frame(refused->reason, std::move(refused->message)));
        return;
    }
    const proto::ProcessId process = hello->process;
    if (const auto known = peers_.find(process); known != peers_.end()) {
        if (const auto old = connections_.find(known->second.session); old != connections_.end()) {
            const std::shared_ptr<Connection> before = old->second;
            before->close();  // it connected anew before we saw the end; may bury the peer
        }
    }
    Peer& peer = peers_[process];
    peer.pid = static_cast<std::uint64_t>(std::max(connection.peer().pid, 0));
    peer.session = connection.id();
    peer.arena = hello->arena_bytes != 0 ? std::move(descriptor) : store::Descriptor();
    peer.silence.reset();
    connection.belongs_to(process);
    watch(process, peer, *hello);
    ++streaming_;
    idle_changed_();
    mailbox_.put(HelloItem{connection.id(), std::move(*hello), peer.pid});
}

void Hub::watch(const proto::ProcessId& process, Peer& peer, const proto::Hello& hello) {
    if (peer.death || peer.pid == 0) {
        return;
    }
    store::Descriptor pidfd = open_pidfd(peer.pid);
    const int error = errno;
    const auto started = start_time_of(peer.pid);
    if (!pidfd && error == ESRCH) {
        peer.is_dead = true;  // what it sent is read to its end first
        return;
    }
    if (!pidfd || (started && *started != hello.start_time)) {
        spdlog::info(
            "the death of pid {} cannot be seen from here: it counts as dead {} s after its "
            "connection ends",
            peer.pid, limits_.silence.count());
        return;
    }
    peer.death = std::make_unique<asio::posix::stream_descriptor>(io_, pidfd.release());
    peer.death->async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, process](const boost::system::error_code& failed) {
                               if (!failed) {
                                   on_death(process);
                               }
                           });
}

void Hub::on_death(const proto::ProcessId& process) {
    const auto found = peers_.find(process);
    if (found == peers_.end()) {
        return;
    }
    found->second.is_dead = true;
    if (const auto open = connections_.find(found->second.session); open != connections_.end()) {
        if (!out_of_room_.contains(open->first)) {
            const std::shared_ptr<Connection> connection = open->second;
            connection->read_on();  // what it left in the socket, then closed() buries it
        }
        return;
    }
    bury(process);
}

void Hub::bury(const proto::ProcessId& process) {
    const auto found = peers_.find(process);
    if (found == peers_.end()) {
        return;
    }
    DeathItem death{process, std::move(found->second.arena)};
    peers_.erase(found);
    mailbox_.put(std::move(death));
}

bool Hub::received(Connection& connection, std::vector<std::uint8_t> bytes) {
    const bool has_room =
        mailbox_.put(BytesItem{connection.id(), connection.process(), std::move(bytes)});
    if (!has_room) {
        out_of_room_.insert(connection.id());
    }
    return has_room;
}

void Hub::room() {
    for (const SessionId session : std::exchange(out_of_room_, {})) {
        if (const auto found = connections_.find(session); found != connections_.end()) {
            const std::shared_ptr<Connection> connection = found->second;
            connection->read_on();
        }
    }
}

bool Hub::is_dead(const proto::ProcessId& process) const {
    const auto found = peers_.find(process);
    return found != peers_.end() && found->second.is_dead;
}

void Hub::closed(Connection& connection) {
    const SessionId session = connection.id();
    out_of_room_.erase(session);
    // The caller's frame still uses the connection: it goes when the loop comes round.
    asio::post(io_, [this, session] { connections_.erase(session); });
    if (!connection.is_streaming()) {
        return;
    }
    --streaming_;
    mailbox_.put(GoneItem{session, connection.process()});
    const auto found = peers_.find(connection.process());
    if (found != peers_.end() && found->second.session == session) {
        found->second.session = SessionId::kNone;
        if (found->second.is_dead) {
            bury(connection.process());
        } else {
            fell_silent(connection.process(), found->second);
        }
    }
    idle_changed_();
}

void Hub::fell_silent(const proto::ProcessId& process, Peer& peer) {
    peer.silent_since = std::chrono::steady_clock::now();
    if (!peer.death) {
        peer.silence = std::make_unique<asio::steady_timer>(io_, limits_.silence);
        peer.silence->async_wait([this, process](const boost::system::error_code& stopped) {
            if (!stopped) {
                bury(process);
            }
        });
    }
    limit_silent_arenas();
}

void Hub::limit_silent_arenas() {
    while (true) {
        std::size_t count = 0;
        std::uint64_t bytes = 0;
        auto oldest = peers_.end();
        for (auto at = peers_.begin(); at != peers_.end(); ++at) {
            if (at->second.session != SessionId::kNone || !at->second.arena) {
                continue;
            }
            ++count;
            bytes += resident_bytes(at->second.arena.get());
            if (oldest == peers_.end() || at->second.silent_since < oldest->second.silent_since) {
                oldest = at;
            }
        }
        if (oldest == peers_.end() ||
            (count <= limits_.silent_arenas && bytes <= limits_.silent_arena_bytes)) {
            return;
        }
        spdlog::warn("too many processes are disconnected: the arena of pid {} is given up",
                     oldest->second.pid);
        oldest->second.arena.reset();
    }
}

bool Hub::holds_silent_arenas(std::chrono::seconds not_longer_than) const {
    const auto now = std::chrono::steady_clock::now();
    return std::any_of(peers_.begin(), peers_.end(), [&](const auto& peer) {
        return peer.second.session == SessionId::kNone && peer.second.arena &&
               now - peer.second.silent_since < not_longer_than;
    });
}

void Hub::close_all() {
    const auto all = connections_;
    for (const auto& [session, connection] : all) {
        connection->close();
    }
}

void Hub::send(SessionId session, std::vector<std::uint8_t> frames) {
    if (const auto found = connections_.find(session); found != connections_.end()) {
        const std::shared_ptr<Connection> connection = found->second;
        connection->send(std::move(frames));
    }
}

void Hub::cut_off(SessionId session, const std::string& why) {
    if (const auto found = connections_.find(session); found != connections_.end()) {
        const std::shared_ptr<Connection> connection = found->second;
        spdlog::warn("pid {} sent {}; connection closed", connection->peer().pid, why);
        connection->close();
    }
}

void Hub::answer_status(Status status) {
    status.connections = streaming_;
    status.is_stopping = is_stopping_;
    for (ProcessStatus& process : status.processes) {
        if (const auto found = connections_.find(process.session); found != connections_.end()) {
            process.bytes_received = found->second->bytes_received();
        }
        const auto peer = peers_.find(process.uuid);
        process.death_is_seen = peer == peers_.end() || peer->second.death || peer->second.is_dead;
    }
    const std::string json = status_json(status);
    std::vector<std::uint8_t> frame;
    proto::append_frame(frame, kStatus);
    const auto bytes = static_cast<std::uint32_t>(json.size());
    proto::store(frame.data(), bytes);
    frame.insert(frame.end(), json.begin(), json.end());
    for (const SessionId session : std::exchange(status_asked_, {})) {
        if (const auto found = connections_.find(session); found != connections_.end()) {
            const std::shared_ptr<Connection> connection = found->second;
            connection->send_last(frame);
        }
    }
}

void Hub::forget(const std::vector<proto::ProcessId>& processes) {
    for (const proto::ProcessId& process : processes) {
        const auto found = peers_.find(process);
        if (found != peers_.end() && found->second.session == SessionId::kNone) {
            peers_.erase(found);
        }
    }
}

}  // namespace kolo::collectord

// The I/O thread's side: connections, the processes behind them with their pidfds and arenas, and
// the acceptor.
//
// I/O thread only; the writer's reports are posted to it. Decides what a first message may do, when
// a process counts as dead, and which arenas are kept. At shutdown it refuses new processes and
// serves those that are there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectord/asio.hpp"
#include "collectord/connection.hpp"
#include "collectord/mailbox.hpp"
#include "collectord/status.hpp"
#include "proto/ids.hpp"
#include "store/files.hpp"

namespace kolo::collectord {

struct HubLimits {
    std::size_t connections = 1024;
    std::size_t silent_arenas = 256;                 // of processes that are not connected
    std::uint64_t silent_arena_bytes = 1ULL << 30U;  // resident, of all of them
    std::chrono::seconds silence{30};  // then a process whose death cannot be seen counts as dead
};

class Hub {
  public:
    using Acceptor = boost::asio::local::stream_protocol::acceptor;

    /// `idle_changed` is called whenever the first process comes or the last one goes.
    Hub(boost::asio::io_context& io, Mailbox& mailbox, std::set<std::uint32_t> allowed_users,
        std::function<void()> idle_changed, HubLimits limits = {});
    ~Hub();
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;
    Hub(Hub&&) = delete;
    Hub& operator=(Hub&&) = delete;

    void accept_on(Acceptor& acceptor);
    /// From now on no new process is served.
    void refuse_new() { is_stopping_ = true; }
    void close_all();

    [[nodiscard]] std::size_t streaming() const noexcept { return streaming_; }
    /// Whether a process that is not connected may still have something in an arena that we hold.
    [[nodiscard]] bool holds_silent_arenas(std::chrono::seconds not_longer_than) const;

    // Called by connections.
    [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
    void first_message(Connection& connection, proto::MessageType type, proto::Bytes body,
                       store::Descriptor descriptor);
    [[nodiscard]] bool received(Connection& connection, std::vector<std::uint8_t> bytes);
    [[nodiscard]] bool is_dead(const proto::ProcessId& process) const;
    void closed(Connection& connection);

    // The writer's reports, on the I/O thread.
    void send(SessionId session, std::vector<std::uint8_t> frames);
    void cut_off(SessionId session, const std::string& why);
    void answer_status(Status status);
    void forget(const std::vector<proto::ProcessId>& processes);
    void room();

  private:
    /// A process that said hello and has not ended.
    struct Peer {
        std::uint64_t pid = 0;  // as the kernel told it; 0: of another namespace
        store::Descriptor arena;
        std::unique_ptr<boost::asio::posix::stream_descriptor> death;  // its pidfd
        std::unique_ptr<boost::asio::steady_timer> silence;            // instead of one
        SessionId session = SessionId::kNone;
        bool is_dead = false;
        std::chrono::steady_clock::time_point silent_since;
    };

    void accept_next();
    [[nodiscard]] bool is_allowed(std::uint32_t user) const;
    void take_hello(Connection& connection, proto::Bytes body, store::Descriptor descriptor);
    [[nodiscard]] std::optional<proto::Refused> objection(
        const proto::Hello& hello, const Connection& connection,
        const store::Descriptor& descriptor) const;
    void watch(const proto::ProcessId& process, Peer& peer, const proto::Hello& hello);
    void on_death(const proto::ProcessId& process);
    void bury(const proto::ProcessId& process);
    void fell_silent(const proto::ProcessId& process, Peer& peer);
    void limit_silent_arenas();

    boost::asio::io_context& io_;
    Mailbox& mailbox_;
    std::set<std::uint32_t> allowed_users_;
    std::function<void()> idle_changed_;
    HubLimits limits_;
    Acceptor* acceptor_ = nullptr;
    boost::asio::steady_timer accept_again_;
    std::uint64_t last_session_ = 0;
    std::size_t streaming_ = 0;
    bool is_stopping_ = false;
    std::map<SessionId, std::shared_ptr<Connection>> connections_;
    std::map<proto::ProcessId, Peer> peers_;
    std::set<SessionId> out_of_room_;
    std::vector<SessionId> status_asked_;
};

}  // namespace kolo::collectord

// What the drain thread does: rounds of looking, telling and listening, and sleeping in between.
//
// Used by whichever thread runs it at the time (drain.hpp), never by two. It survives its thread:
// after a fork the parent's next drain thread goes on where the last one was left, over the same
// connection. Fork: the child closes its descriptors and forgets it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "probe/arena.hpp"
#include "probe/connection.hpp"
#include "probe/dialer.hpp"
#include "probe/drain.hpp"
#include "probe/outbox.hpp"
#include "proto/messages.hpp"

namespace kolo::probe {

class Courier {
  public:
    Courier(Arena& arena, RingRegistry& rings, const Settings& settings, proto::ProcessId process,
            std::optional<proto::ProcessId> parent, DrainExchange& exchange);

    /// The thread: until it is asked to stop, or the shutdown is through.
    void run() noexcept;
    /// No thread runs it any more: the collector sees the end of the connection.
    void close() noexcept { connection_.close(); }
    /// In a forked child: nothing but the descriptors.
    void close_descriptors() noexcept {
        connection_.close_descriptor();
        dialer_.close_descriptors();
    }

  private:
    enum class Phase : std::uint8_t { kApart, kGreeting, kOpen };
    struct Wishes {
        std::uint64_t flush = 0;
        bool shutdown = false;
    };

    void step();
    [[nodiscard]] Wishes read_wishes();
    void take_stock(TimePoint now);

    void listen(TimePoint now);
    [[nodiscard]] bool handle(const proto::Frame& frame, TimePoint now);
    [[nodiscard]] bool handle_welcome(proto::Bytes body, TimePoint now);
    [[nodiscard]] bool handle_refused(proto::Bytes body, TimePoint now);
    [[nodiscard]] bool handle_ack(proto::Bytes body, TimePoint now);

    void connect(const Wishes& wishes, TimePoint now);
    [[nodiscard]] bool wants_connection(const Wishes& wishes) const noexcept;
    [[nodiscard]] proto::Hello make_hello() const;
    void lose_connection(TimePoint now);

    void tell(const Wishes& wishes, TimePoint now);
    void append_clock(TimePoint now);

    void serve_flush(const Wishes& wishes, TimePoint now);
    void serve_shutdown(const Wishes& wishes);
    [[nodiscard]] bool is_shutdown_in_vain() const noexcept;
    void publish();
    void warn(TimePoint now, bool is_last = false);

    void rest(const Wishes& wishes, TimePoint now);
    void rest_long(TimePoint now);
    void wait(std::optional<TimePoint> until);

    Arena& arena_;
    const Settings& settings_;
    const proto::ProcessId process_;
    const std::optional<proto::ProcessId> parent_;
    DrainExchange& exchange_;

    Outbox outbox_;
    Dialer dialer_;
    Connection connection_;
    Phase phase_ = Phase::kApart;
    TimePoint greeting_ends_;
    bool ever_connected_ = false;

    TimePoint next_look_;
    std::chrono::milliseconds look_interval_;
    int idle_looks_ = 0;
    bool round_is_told_ = true;

    TimePoint next_clock_;
    std::chrono::milliseconds clock_interval_;

    std::optional<Mark> flush_mark_;
    std::uint64_t flush_taken_ = 0;
    bool shutdown_seen_ = false;
    bool bye_told_ = false;
    bool is_through_ = false;
    int dials_in_vain_ = 0;  // since the shutdown was asked for

    DrainStatus published_;
    bool published_failing_ = false;
};

}  // namespace kolo::probe

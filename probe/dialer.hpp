// When to connect, when to wait, when to start a daemon, and what to tell the user when none of it
// helps.
//
// On the drain thread; no call waits. Fork: the child closes the descriptors (the lock that other
// processes wait for among them) and forgets the rest. Shutdown: nothing to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/connection.hpp"
#include "probe/spawn.hpp"
#include "proto/messages.hpp"

namespace kolo::probe {

struct Settings;

class Dialer {
  public:
    using Clock = std::chrono::steady_clock;
    using TimePoint = Clock::time_point;

    /// The caller holds the GIL (see daemon_environment()).
    explicit Dialer(const Settings& settings);

    /// One try to connect, when it is time for one.
    [[nodiscard]] Descriptor try_dial(TimePoint now);
    [[nodiscard]] TimePoint next_try() const noexcept { return next_try_; }

    /// The collector has welcomed us.
    void answered(TimePoint now);
    /// The connection is gone, or what came over it made no sense.
    void lost(TimePoint now);
    void refused(const proto::Refused& refused, TimePoint now);
    /// Somebody took the connection and does not answer the hello.
    void unanswered(TimePoint now);

    /// No further try is worth it.
    [[nodiscard]] bool has_given_up() const noexcept { return gave_up_; }
    /// As far as can be seen, connecting is in vain (it goes on nevertheless, unless given up).
    [[nodiscard]] bool is_failing() const noexcept { return failing_; }
    /// Why; empty while all is well.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    /// A line for the user, when there is a new one to tell: once in a process. `is_last`: the
    /// process ends, and what it recorded with it.
    [[nodiscard]] std::optional<std::string> take_warning(TimePoint now, bool is_last = false);

    /// In a forked child.
    void close_descriptors() noexcept {
        lock_.close();
        daemon_.close_descriptors();
    }

  private:
    void back_off(TimePoint now);
    void try_later(TimePoint now, std::chrono::milliseconds delay) { next_try_ = now + delay; }
    void fail(std::string what, std::string advice);
    [[nodiscard]] Descriptor nobody_there(int error, TimePoint now);
    [[nodiscard]] Descriptor start_daemon(TimePoint now);
    void watch_daemon(TimePoint now);
    void give_up_daemon(TimePoint now, std::string what, std::string advice);

    const Settings& settings_;
    const SpawnPlan plan_;
    TimePoint next_try_{};
    std::chrono::milliseconds delay_;
    std::optional<TimePoint> wanted_since_;  // no connection although one is wanted
    std::optional<TimePoint> answered_at_;
    bool ever_answered_ = false;
    int short_lived_ = 0;  // connections in a row that were lost as soon as they were answered
    std::optional<TimePoint> spawned_at_;  // by us; or somebody else's start is being waited for
    TimePoint next_spawn_{};
    Descriptor lock_;
    SpawnedDaemon daemon_;
    bool gave_up_ = false;
    bool failing_ = false;
    bool warned_ = false;
    std::string error_;
    std::string advice_;
    std::uint64_t random_;
};

}  // namespace kolo::probe

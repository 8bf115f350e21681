// The drain: one native thread that carries what is recorded to the collector.
//
// It never takes the GIL and blocks all signals. The application's threads meet it in three places:
// the rings (lock-free), one flag that says whether it must be woken, and a mutex that either side
// holds for a few instructions. It starts with the first trace; stop() ends it before a fork, and
// the next slow path starts it again, with connection and cursors as they were. In the child
// abandon() closes what was inherited, and the object is leaked. At exit: shutdown(). It drops
// nothing itself: what cannot be sent stays in the arena, where rings run full and count.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "probe/arena.hpp"
#include "probe/descriptor.hpp"
#include "probe/ring_registry.hpp"
#include "proto/ids.hpp"

namespace kolo::probe {

struct Settings;
class Courier;

struct DrainStatus {
    bool connected = false;
    bool ever_connected = false;
    std::string error;  // empty: none
};

/// What the drain thread and its callers tell each other. Guarded by its mutex, but for the flags.
struct DrainExchange {
    std::mutex mutex;
    std::condition_variable changed;
    DrainStatus status;
    bool failing = false;  // not connected, and waiting for it is in vain
    std::uint64_t flush_wanted = 0;
    std::uint64_t flush_done = 0;
    std::uint64_t flush_failed = 0;
    bool shutdown_wanted = false;
    bool shutdown_done = false;  // the thread is through, one way or the other
    bool all_stored = false;     // ... with everything acknowledged
    bool ended = true;           // the thread touches nothing of this any more

    // Set by callers; the thread looks at it wherever it comes by.
    std::atomic<bool> stop{false};
    // The thread sleeps until it is rung, or for longer than usual: whoever has something new
    // writes to the eventfd.
    std::atomic<bool> sleeps{false};
    Descriptor eventfd;

    /// Makes poll() return.
    void ring_bell() const noexcept;
};

class Drain {
  public:
    /// The caller holds the GIL.
    Drain(Arena& arena, RingRegistry& rings, const Settings& settings, proto::ProcessId process,
          std::optional<proto::ProcessId> parent);
    ~Drain();
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;
    Drain(Drain&&) = delete;
    Drain& operator=(Drain&&) = delete;

    /// Starts the thread unless it runs; when a stopped one has not ended yet, the next call will.
    /// Cheap when it runs. The caller holds the GIL.
    void ensure_running() noexcept;
    /// Before a fork: asks the thread to end and waits at most a millisecond for it.
    void stop() noexcept;
    /// Something new is there for it. Any thread; one exchange of a flag when it is awake anyway.
    void wake() noexcept;

    /// True: a collector has answered the hello. False: connecting is in vain (nobody is there and
    /// none can be started, or we were refused), or the time is over.
    [[nodiscard]] bool wait_connected(std::chrono::duration<double> limit) noexcept;
    /// Waits until everything that was recorded before the call is acknowledged, the ends of ended
    /// traces too. False: the time is over, or it is in vain.
    [[nodiscard]] bool flush(std::chrono::duration<double> limit) noexcept;
    /// Sends all that is there and the bye, waits for its acknowledgement, ends the thread and
    /// closes the connection. True: everything is stored. Afterwards nothing is sent any more.
    [[nodiscard]] bool shutdown(std::chrono::duration<double> limit) noexcept;

    /// In a forked child: closes what was inherited and touches nothing else.
    void abandon() noexcept;

    [[nodiscard]] DrainStatus status() const;

  private:
    [[nodiscard]] bool start_thread(bool waits) noexcept;

    mutable DrainExchange exchange_;
    const std::unique_ptr<Courier> courier_;  // the thread's own, while it runs
    std::mutex lifecycle_;                    // guards `thread_` and `over_`
    std::thread thread_;
    bool over_ = false;  // shut down
    // Spares ensure_running() the mutex.
    std::atomic<bool> runs_{false};
};

}  // namespace kolo::probe

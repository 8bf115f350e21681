#include "probe/drain.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <system_error>

#include "probe/courier.hpp"

namespace kolo::probe {

namespace {

/// How long a fork may be held up by us.
constexpr std::chrono::milliseconds kStopLimit{50};

/// Blocks all signals while it lives: a thread that is made meanwhile begins with them blocked, so
/// that handlers run in the application's threads alone.
class SignalsBlocked {
  public:
    SignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    SignalsBlocked(SignalsBlocked&&) = delete;
    SignalsBlocked& operator=(SignalsBlocked&&) = delete;

  private:
    sigset_t before_{};
};

[[nodiscard]] DrainClock::time_point deadline_after(std::chrono::duration<double> limit) noexcept {
    // Bounded, so that a caller's "infinite" does not overflow.
    constexpr std::chrono::duration<double> kLongest{1e8};
    const auto bounded = limit < kLongest ? limit : kLongest;
    return DrainClock::now() + std::chrono::duration_cast<DrainClock::duration>(bounded);
}

}  // namespace

void DrainExchange::ring_bell() const noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: the counter is full, so it rings already.
    static_cast<void>(!write(eventfd.get(), &one, sizeof one));
}

Drain::Drain(Arena& arena, RingRegistry& rings, const Settings& settings, proto::ProcessId process,
             std::optional<proto::ProcessId> parent)
    : courier_(std::make_unique<Courier>(arena, rings, settings, process, parent, exchange_)) {
    exchange_.eventfd = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

Drain::~Drain() {
    if (thread_.joinable()) {
        exchange_.stop.store(true, std::memory_order_relaxed);  // relaxed: see Courier::run()
        exchange_.ring_bell();
        thread_.join();
    }
}

/// The caller holds `lifecycle_`. True: a thread runs that was not asked to stop. One that was, and
/// has not ended yet, is waited for or left.
bool Drain::start_thread(bool waits) noexcept {
    if (thread_.joinable()) {
        bool ended = false;
        {
            const std::lock_guard lock(exchange_.mutex);
            ended = exchange_.ended;
        }
        // relaxed: set under `lifecycle_`
        const bool stopping = exchange_.stop.load(std::memory_order_relaxed);
        if (!ended && !(stopping && waits)) {
            return !stopping;
        }
        thread_.join();
    }
    exchange_.stop.store(false, std::memory_order_relaxed);  // relaxed: no thread runs
    {
        const std::lock_guard lock(exchange_.mutex);
        exchange_.ended = false;
    }
    try {
        const SignalsBlocked blocked;
        thread_ = std::thread([this] { courier_->run(); });
    } catch (const std::system_error& error) {
        const std::lock_guard lock(exchange_.mutex);
        exchange_.ended = true;
        exchange_.failing = true;
        exchange_.status.error = "no thread can be started to send what is recorded";
        return false;
    }
    runs_.store(true, std::memory_order_relaxed);  // relaxed: a hint
    return true;
}

void Drain::ensure_running() noexcept {
    // relaxed: a hint; stop() and this are called under the GIL
    if (runs_.load(std::memory_order_relaxed)) {
        return;
    }
    const std::unique_lock lifecycle(lifecycle_, std::try_to_lock);
    if (lifecycle.owns_lock() && !over_) {
        static_cast<void>(start_thread(false));
    }
}

void Drain::stop() noexcept {
    // Whoever holds it is shutting down, which a fork must not wait for.
    const std::unique_lock lifecycle(lifecycle_, std::try_to_lock);
    if (!lifecycle.owns_lock() || !thread_.joinable()) {
        return;
    }
    runs_.store(false, std::memory_order_relaxed);          // relaxed: a hint
    exchange_.stop.store(true, std::memory_order_relaxed);  // relaxed: see Courier::run()
    exchange_.ring_bell();
    std::unique_lock lock(exchange_.mutex);
    if (exchange_.changed.wait_for(lock, kStopLimit, [this] { return exchange_.ended; })) {
        lock.unlock();
        thread_.join();
    }
}

void Drain::wake() noexcept {
    // acquire and release: see Courier::rest_long()
    if (exchange_.sleeps.exchange(false, std::memory_order_acq_rel)) {
        exchange_.ring_bell();
    }
}

bool Drain::wait_connected(std::chrono::duration<double> limit) noexcept {
    std::unique_lock lock(exchange_.mutex);
    exchange_.changed.wait_until(lock, deadline_after(limit), [this] {
        return exchange_.status.connected || exchange_.failing || exchange_.ended;
    });
    return exchange_.status.connected;
}

bool Drain::flush(std::chrono::duration<double> limit) noexcept {
    {
        const std::lock_guard lifecycle(lifecycle_);
        if (over_ || !start_thread(true)) {
            return false;
        }
    }
    std::unique_lock lock(exchange_.mutex);
    const std::uint64_t ticket = ++exchange_.flush_wanted;
    exchange_.ring_bell();
    exchange_.changed.wait_until(lock, deadline_after(limit), [this, ticket] {
        return exchange_.flush_done >= ticket || exchange_.flush_failed >= ticket ||
               exchange_.ended;
    });
    return exchange_.flush_done >= ticket;
}

bool Drain::shutdown(std::chrono::duration<double> limit) noexcept {
    const auto deadline = deadline_after(limit);
    const std::lock_guard lifecycle(lifecycle_);
    if (over_) {
        const std::lock_guard lock(exchange_.mutex);
        return exchange_.all_stored;
    }
    over_ = true;
    static_cast<void>(start_thread(true));
    {
        std::unique_lock lock(exchange_.mutex);
        exchange_.shutdown_wanted = true;
        exchange_.ring_bell();
        exchange_.changed.wait_until(lock, deadline,
                                     [this] { return exchange_.shutdown_done || exchange_.ended; });
    }
    if (thread_.joinable()) {
        exchange_.stop.store(true, std::memory_order_relaxed);  // relaxed: see Courier::run()
        exchange_.ring_bell();
        thread_.join();
    }
    courier_->close();
    const std::lock_guard lock(exchange_.mutex);
    exchange_.status.connected = false;
    return exchange_.all_stored;
}

void Drain::abandon() noexcept {
    courier_->close_descriptors();
    exchange_.eventfd.close();
}

DrainStatus Drain::status() const {
    const std::lock_guard lock(exchange_.mutex);
    return exchange_.status;
}

}  // namespace kolo::probe

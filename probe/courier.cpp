#include "probe/courier.hpp"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "probe/identity.hpp"
#include "probe/settings.hpp"
#include "probe/ticks.hpp"

namespace kolo::probe {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestLook{5};
constexpr milliseconds kLongestLook{50};
/// When nothing but remains of closed traces is left.
constexpr milliseconds kLingeringLook{1000};
/// Looks in a row that found nothing, before they become rarer.
constexpr int kPatientLooks = 4;
/// A hello that is not answered by then was not sent to a collector.
constexpr milliseconds kGreetingLimit{10'000};
constexpr milliseconds kFirstClock{10};
constexpr milliseconds kLastClock{10'000};
/// The arguments in a hello, all together: a frame is bounded, argv is not.
constexpr std::size_t kArgvBytes = 64UL * 1024;

[[nodiscard]] std::vector<std::string> bounded(const std::vector<std::string>& arguments) {
    std::vector<std::string> kept;
    std::size_t bytes = 0;
    for (const std::string& argument : arguments) {
        bytes += argument.size() + 8;
        if (bytes > kArgvBytes) {
            kept.emplace_back("…");
            break;
        }
        kept.push_back(argument);
    }
    return kept;
}

[[nodiscard]] int timeout_ms(std::optional<TimePoint> until) noexcept {
    if (!until) {
        return -1;
    }
    // Rounded up: a poll that returns just before its time would be repeated at once.
    const auto left = std::chrono::ceil<milliseconds>(*until - DrainClock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

Courier::Courier(Arena& arena, RingRegistry& rings, const Settings& settings,
                 proto::ProcessId process, std::optional<proto::ProcessId> parent,
                 DrainExchange& exchange)
    : arena_(arena),
      settings_(settings),
      process_(process),
      parent_(parent),
      exchange_(exchange),
      outbox_(arena, rings),
      dialer_(settings),
      look_interval_(kShortestLook),
      clock_interval_(kFirstClock) {
    publish();
}

void Courier::run() noexcept {
    pthread_setname_np(pthread_self(), "kolo-drain");
    next_look_ = {};
    // relaxed: the bell wakes the thread, and nothing hangs on the flag but its ending
    while (!is_through_ && !exchange_.stop.load(std::memory_order_relaxed)) {
        try {
            step();
        } catch (const std::exception&) {
            // No memory. What was half told is told again after the next welcome.
            const TimePoint now = DrainClock::now();
            if (connection_.is_open()) {
                lose_connection(now);
            }
            wait(now + kLongestLook);
        }
    }
    const std::lock_guard lock(exchange_.mutex);
    exchange_.ended = true;
    exchange_.changed.notify_all();
}

void Courier::step() {
    const TimePoint now = DrainClock::now();
    if (connection_.is_open()) {
        listen(now);
    }
    const Wishes wishes = read_wishes();
    if (wishes.shutdown && !shutdown_seen_) {
        shutdown_seen_ = true;
        take_stock(now);
    } else if (now >= next_look_ && round_is_told_) {
        take_stock(now);
    }
    connect(wishes, now);
    publish();  // before the hello goes out: from then on it is not in vain to wait
    if (connection_.is_open()) {
        tell(wishes, now);
    }
    serve_flush(wishes, now);
    if (wishes.shutdown) {
        serve_shutdown(wishes);
    }
    publish();
    warn(now);
    if (!is_through_) {
        rest(wishes, now);
    }
}

Courier::Wishes Courier::read_wishes() {
    const std::lock_guard lock(exchange_.mutex);
    return {exchange_.flush_wanted, exchange_.shutdown_wanted};
}

void Courier::take_stock(TimePoint now) {
    if (outbox_.look(now)) {
        idle_looks_ = 0;
        look_interval_ = kShortestLook;
    } else if (++idle_looks_ > kPatientLooks) {
        look_interval_ = std::min(look_interval_ * 2, kLongestLook);
    }
    next_look_ = now + look_interval_;
    round_is_told_ = phase_ != Phase::kOpen;
}

// --- listening -----------------------------------------------------------------------------------

void Courier::listen(TimePoint now) {
    const bool is_there = connection_.receive();
    while (connection_.is_open()) {
        const auto frame = connection_.next();
        if (!frame) {
            break;
        }
        if (!handle(*frame, now)) {
            lose_connection(now);
            return;
        }
    }
    if (connection_.is_open() && (!is_there || connection_.is_broken())) {
        lose_connection(now);
    }
}

/// False: the collector talks nonsense.
bool Courier::handle(const proto::Frame& frame, TimePoint now) {
    switch (frame.type) {
        case proto::MessageType::kWelcome:
            return handle_welcome(frame.body, now);
        case proto::MessageType::kRefused:
            return handle_refused(frame.body, now);
        case proto::MessageType::kAck:
            return handle_ack(frame.body, now);
        default:
            return true;  // of a later version
    }
}

bool Courier::handle_welcome(proto::Bytes body, TimePoint now) {
    const auto welcome = proto::decode_welcome(body);
    if (phase_ != Phase::kGreeting || !welcome || welcome->protocol != proto::kProtocolVersion) {
        return false;
    }
    // What was recorded while we were apart: claims are checked against all of it.
    static_cast<void>(outbox_.look(now));
    if (!outbox_.welcome(*welcome, now)) {
        return false;
    }
    phase_ = Phase::kOpen;
    ever_connected_ = true;
    round_is_told_ = false;
    clock_interval_ = kFirstClock;
    next_clock_ = now + kFirstClock;
    dialer_.answered(now);
    return true;
}

bool Courier::handle_refused(proto::Bytes body, TimePoint now) {
    const auto refused = proto::decode_refused(body);
    if (phase_ != Phase::kGreeting || !refused) {
        return false;
    }
    phase_ = Phase::kApart;
    dialer_.refused(*refused, now);
    connection_.close();
    return true;
}

bool Courier::handle_ack(proto::Bytes body, TimePoint now) {
    const auto ack = proto::decode_ack(body);
    if (phase_ != Phase::kOpen || !ack || (ack->bye && !bye_told_) ||
        !outbox_.acknowledge(*ack, now)) {
        return false;
    }
    if (ack->bye) {
        is_through_ = true;
        const std::lock_guard lock(exchange_.mutex);
        exchange_.all_stored = true;
        exchange_.shutdown_done = true;
        exchange_.changed.notify_all();
    }
    return true;
}

// --- connecting ----------------------------------------------------------------------------------

bool Courier::wants_connection(const Wishes& wishes) const noexcept {
    return !dialer_.has_given_up() &&
           (!ever_connected_ || wishes.shutdown || !outbox_.is_at_rest());
}

void Courier::connect(const Wishes& wishes, TimePoint now) {
    if (phase_ == Phase::kGreeting && now >= greeting_ends_) {
        connection_.close();
        phase_ = Phase::kApart;
        dialer_.unanswered(now);
    }
    if (connection_.is_open() || now < dialer_.next_try() || !wants_connection(wishes)) {
        return;
    }
    Descriptor socket = dialer_.try_dial(now);
    if (!socket) {
        dials_in_vain_ += wishes.shutdown ? 1 : 0;
        return;
    }
    connection_.open(std::move(socket), arena_.descriptor());
    phase_ = Phase::kGreeting;
    greeting_ends_ = now + kGreetingLimit;
    bye_told_ = false;
    proto::append_hello(connection_.output(), make_hello());
}

proto::Hello Courier::make_hello() const {
    Identity identity = read_identity();
    proto::Hello hello;
    hello.process = process_;
    hello.parent = parent_;
    hello.pid = identity.pid;
    hello.start_time = identity.start_time;
    hello.boot_id = std::move(identity.boot_id);
    hello.host = std::move(identity.host);
    hello.python = settings_.python;
    hello.implementation = settings_.implementation;
    hello.version = settings_.version;
    hello.git_sha = settings_.git_sha;
    hello.argv = bounded(settings_.argv);
    hello.cwd = settings_.cwd;
    hello.clocks = {arena_.header().first_clock, read_clock_pair()};
    hello.arena_bytes = arena_.layout().arena_bytes;
    return hello;
}

void Courier::lose_connection(TimePoint now) {
    connection_.close();
    phase_ = Phase::kApart;
    round_is_told_ = true;
    bye_told_ = false;
    dialer_.lost(now);
}

// --- telling -------------------------------------------------------------------------------------

void Courier::tell(const Wishes& wishes, TimePoint now) {
    const bool in_a_hurry = wishes.shutdown || flush_mark_.has_value();
    bool goes_on = true;
    while (goes_on) {
        const bool may_tell = phase_ == Phase::kOpen && !bye_told_;
        if (may_tell) {
            round_is_told_ = outbox_.append_round(connection_.output(), connection_.output_limit(),
                                                  now, in_a_hurry);
            if (round_is_told_ && now >= next_clock_ && !outbox_.is_settled()) {
                append_clock(now);
            }
            if (round_is_told_ && wishes.shutdown && outbox_.has_told_all()) {
                append_clock(now);
                proto::append_frame(connection_.output(), proto::MessageType::kBye);
                bye_told_ = true;
            }
        }
        if (!connection_.send()) {
            listen(now);  // it may have told why before it went
            if (connection_.is_open()) {
                lose_connection(now);
            }
            return;
        }
        // Behind the bye nothing is told. A fork may be waiting for us to stop.
        goes_on = !bye_told_ && !round_is_told_ && !connection_.has_output() &&
                  !exchange_.stop.load(std::memory_order_relaxed);  // relaxed: see run()
    }
}

void Courier::append_clock(TimePoint now) {
    proto::append_frame(connection_.output(), proto::MessageType::kClock, read_clock_pair());
    clock_interval_ = std::min(clock_interval_ * 2, kLastClock);
    next_clock_ = now + clock_interval_;
}

// --- what callers wait for -----------------------------------------------------------------------

void Courier::serve_flush(const Wishes& wishes, TimePoint now) {
    if (!flush_mark_ && wishes.flush > flush_taken_) {
        take_stock(now);
        flush_mark_ = outbox_.mark();
        flush_taken_ = wishes.flush;
        next_look_ = now;
    }
    if (!flush_mark_) {
        return;
    }
    const bool reached = outbox_.reached(*flush_mark_);
    if (!reached && (connection_.is_open() || !dialer_.has_given_up())) {
        return;
    }
    flush_mark_.reset();
    const std::lock_guard lock(exchange_.mutex);
    (reached ? exchange_.flush_done : exchange_.flush_failed) = flush_taken_;
    exchange_.changed.notify_all();
}

bool Courier::is_shutdown_in_vain() const noexcept {
    return dialer_.has_given_up() || (!ever_connected_ && dialer_.is_failing()) ||
           (outbox_.is_settled() && (!ever_connected_ || dials_in_vain_ > 0));
}

void Courier::serve_shutdown(const Wishes& wishes) {
    if (!wishes.shutdown || is_through_ || connection_.is_open() || !is_shutdown_in_vain()) {
        return;
    }
    is_through_ = true;
    const bool all_stored = outbox_.is_settled();
    warn(DrainClock::now(), !all_stored);
    const std::lock_guard lock(exchange_.mutex);
    exchange_.all_stored = all_stored;
    exchange_.shutdown_done = true;
    exchange_.changed.notify_all();
}

void Courier::publish() {
    const bool connected = phase_ == Phase::kOpen;
    const bool failing = phase_ == Phase::kApart && dialer_.is_failing();
    if (connected == published_.connected && ever_connected_ == published_.ever_connected &&
        failing == published_failing_ && dialer_.error() == published_.error) {
        return;
    }
    published_ = {connected, ever_connected_, dialer_.error()};
    published_failing_ = failing;
    const std::lock_guard lock(exchange_.mutex);
    exchange_.status = published_;
    exchange_.failing = failing;
    exchange_.changed.notify_all();
}

void Courier::warn(TimePoint now, bool is_last) {
    if (const auto warning = dialer_.take_warning(now, is_last)) {
        static_cast<void>(!write(STDERR_FILENO, warning->data(), warning->size()));
    }
}

// --- resting -------------------------------------------------------------------------------------

void Courier::rest(const Wishes& wishes, TimePoint now) {
    if (connection_.has_output() || bye_told_) {
        // Its socket is full: writable is what we wait for. Behind the bye, its ack.
        wait(now + kLongestLook);
        return;
    }
    if (phase_ == Phase::kGreeting) {
        wait(greeting_ends_);
        return;
    }
    if (phase_ == Phase::kApart && wants_connection(wishes)) {
        // What is recorded meanwhile need not be looked at: it stays where it is.
        wait(dialer_.next_try());
        next_look_ = {};
        return;
    }
    if (phase_ == Phase::kApart && dialer_.has_given_up()) {
        wait(std::nullopt);
        return;
    }
    if (outbox_.is_at_rest() && !flush_mark_ && !wishes.shutdown) {
        rest_long(now);
        return;
    }
    static_cast<void>(outbox_.reclaim(now));
    // Once looks are rare, whoever has something new may ring (relaxed: the wait is short anyway).
    exchange_.sleeps.store(look_interval_ > kShortestLook, std::memory_order_relaxed);
    wait(next_look_);
    exchange_.sleeps.store(false, std::memory_order_relaxed);
}

/// With nothing live and all acknowledged: until somebody rings, or a block can be given back.
void Courier::rest_long(TimePoint now) {
    std::optional<TimePoint> until = outbox_.reclaim(now);
    if (!outbox_.is_settled()) {
        until = std::min(until.value_or(TimePoint::max()), now + kLingeringLook);
    }
    // acquire and release, as wake() does it: of the two exchanges one comes first. Is it ours, the
    // other thread sees the flag and rings; is it theirs, we see below what they did before it.
    static_cast<void>(exchange_.sleeps.exchange(true, std::memory_order_acq_rel));
    static_cast<void>(outbox_.look(now));
    round_is_told_ = phase_ != Phase::kOpen;
    if (outbox_.is_at_rest()) {
        wait(until);
    }
    // relaxed: at worst somebody rings for nothing
    exchange_.sleeps.store(false, std::memory_order_relaxed);
    next_look_ = {};
}

void Courier::wait(std::optional<TimePoint> until) {
    std::array<pollfd, 2> waited{
        {{exchange_.eventfd.get(), POLLIN, 0}, {connection_.descriptor(), POLLIN, 0}}};
    if (connection_.has_output()) {
        waited[1].events |= POLLOUT;
    }
    int timeout = timeout_ms(until);
    if (!exchange_.eventfd) {
        // No bell (no descriptors were left for it): look now and then.
        constexpr int kWithoutBell = static_cast<int>(kLongestLook.count());
        timeout = timeout < 0 ? kWithoutBell : std::min(timeout, kWithoutBell);
    }
    poll(waited.data(), waited.size(), timeout);
    if ((waited[0].revents & POLLIN) != 0) {
        std::uint64_t rings = 0;
        static_cast<void>(!read(exchange_.eventfd.get(), &rings, sizeof rings));
        next_look_ = {};
    }
}

}  // namespace kolo::probe

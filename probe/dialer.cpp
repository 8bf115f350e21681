#include "probe/dialer.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "probe/settings.hpp"
#include "probe/ticks.hpp"

namespace kolo::probe {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstDelay{10};
constexpr milliseconds kLongestDelay{1000};
/// Between tries while a daemon is starting.
constexpr milliseconds kStartingDelay{20};
/// A daemon that does not answer this long after its start is not waited for, and trouble that
/// lasts this long is told.
constexpr seconds kPatience{5};
/// Connections in a row that were lost at once, before the user is told.
constexpr int kTooOften = 8;
/// After a daemon was lost: time for whoever looks after it to start it again, before we do.
constexpr seconds kSpawnAgainAfter{1};
/// After a daemon could not be started: before the next attempt.
constexpr seconds kSpawnRetry{30};

[[nodiscard]] std::string parent_folder(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

[[nodiscard]] std::string reason(int error) { return std::generic_category().message(error); }

[[nodiscard]] SpawnPlan plan_spawn(const Settings& settings) {
    SpawnPlan plan;
    if (settings.collector != CollectorMode::kAuto || !settings.collectord_path) {
        return plan;
    }
    plan.program = *settings.collectord_path;
    plan.arguments = {"--spawned", "--socket", settings.socket};
    plan.environment = daemon_environment(parent_folder(settings.folder));
    plan.log = settings.folder + "/collectord.log";
    return plan;
}

}  // namespace

Dialer::Dialer(const Settings& settings)
    : settings_(settings),
      plan_(plan_spawn(settings)),
      delay_(kFirstDelay),
      random_(read_ticks() | 1U) {
    if (settings.collector == CollectorMode::kOff) {
        gave_up_ = true;
        failing_ = true;
        warned_ = true;  // it is what the user asked for
        error_ = "the collector is switched off (collector = \"off\")";
    }
}

void Dialer::back_off(TimePoint now) {
    // Half to one and a half of the delay: workers that lost one collector come back one by one.
    // xorshift64 is random enough for that.
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    const auto delay = static_cast<std::uint64_t>(delay_.count());
    try_later(now, milliseconds(delay / 2 + random_ % (delay + 1)));
    delay_ = std::min(delay_ * 2, kLongestDelay);
}

void Dialer::fail(std::string what, std::string advice) {
    failing_ = true;
    error_ = std::move(what);
    advice_ = std::move(advice);
}

Descriptor Dialer::try_dial(TimePoint now) {
    if (gave_up_ || now < next_try_) {
        return {};
    }
    wanted_since_ = wanted_since_.value_or(now);
    Dialled dialled = dial(settings_.socket);
    if (dialled.error == 0) {
        return std::move(dialled.socket);
    }
    if (dialled.error == ENOENT || dialled.error == ECONNREFUSED || dialled.error == ENOTDIR) {
        return nobody_there(dialled.error, now);
    }
    if (dialled.foreign) {
        fail("the collector at " + settings_.socket + " belongs to another user",
             "run it as this user or as root, or set another socket");
    } else if (dialled.error != EAGAIN) {  // else it is there, and busy
        fail("cannot connect to " + settings_.socket + ": " + reason(dialled.error),
             "check who may reach that path");
    }
    back_off(now);
    return {};
}

Descriptor Dialer::nobody_there(int error, TimePoint now) {
    if (settings_.collector == CollectorMode::kRequire) {
        fail("no collector answers at " + settings_.socket + " (" + reason(error) + ")",
             "start one: kolo-collectord --socket " + settings_.socket);
        back_off(now);
        return {};
    }
    if (plan_.program.empty()) {
        fail("no collector answers at " + settings_.socket +
                 ", and kolo-collectord was not found to start one",
             "install it, or start a collector yourself");
        back_off(now);
        return {};
    }
    if (lock_) {
        watch_daemon(now);
        return {};
    }
    const bool lately_there = ever_answered_ && now - *wanted_since_ < kSpawnAgainAfter;
    if (lately_there || now < next_spawn_) {
        back_off(now);
        return {};
    }
    return start_daemon(now);
}

Descriptor Dialer::start_daemon(TimePoint now) {
    SpawnLock lock = take_spawn_lock(settings_.socket);
    if (lock.error == EWOULDBLOCK) {
        // Another process is starting one.
        spawned_at_ = spawned_at_.value_or(now);
        try_later(now, kStartingDelay);
        if (now - *spawned_at_ > kPatience) {
            fail("another process started a collector, and it does not answer at " +
                     settings_.socket,
                 "see " + plan_.log);
            back_off(now);
        }
        return {};
    }
    if (lock.error != 0) {
        give_up_daemon(
            now, "cannot write into " + parent_folder(settings_.socket) + ": " + reason(lock.error),
            "make it a folder that this user may write to, or set KOLO_PATH");
        return {};
    }
    // Whoever held the lock until now may have started one since the last try.
    Dialled dialled = dial(settings_.socket);
    if (dialled.error == 0) {
        return std::move(dialled.socket);
    }
    const int folder = make_folder(settings_.folder);
    if (folder != 0) {
        give_up_daemon(now, "cannot make " + settings_.folder + ": " + reason(folder),
                       "make it a folder that this user may write to, or set KOLO_PATH");
        return {};
    }
    lock_ = std::move(lock.descriptor);
    spawned_at_ = now;
    daemon_.start(plan_);
    try_later(now, kStartingDelay);
    return {};
}

void Dialer::watch_daemon(TimePoint now) {
    try_later(now, kStartingDelay);
    switch (daemon_.look()) {
        case SpawnedDaemon::State::kNotStarted:
            give_up_daemon(now, "cannot start " + plan_.program + ": " + reason(daemon_.error()),
                           "install it again, or start a collector yourself");
            break;
        case SpawnedDaemon::State::kEnded:
            give_up_daemon(now, plan_.program + " ended as soon as it was started",
                           "see " + plan_.log);
            break;
        default:
            if (now - *spawned_at_ > kPatience) {
                give_up_daemon(
                    now, plan_.program + " was started and does not answer at " + settings_.socket,
                    "see " + plan_.log);
            }
    }
}

void Dialer::give_up_daemon(TimePoint now, std::string what, std::string advice) {
    fail(std::move(what), std::move(advice));
    lock_.close();
    daemon_.forget();
    spawned_at_.reset();
    next_spawn_ = now + kSpawnRetry;
    back_off(now);
}

void Dialer::answered(TimePoint now) {
    answered_at_ = now;
    ever_answered_ = true;
    wanted_since_.reset();
    spawned_at_.reset();
    lock_.close();
    daemon_.forget();
    failing_ = false;
    error_.clear();
    advice_.clear();
}

void Dialer::lost(TimePoint now) {
    // One that answers and is lost at once, again and again, is not tried more and more often.
    if (answered_at_ && now - *answered_at_ > kLongestDelay) {
        delay_ = kFirstDelay;
        short_lived_ = 0;
    } else if (answered_at_ && ++short_lived_ >= kTooOften) {
        fail("the collector at " + settings_.socket + " closes the connection again and again",
             "its log says why (collectord.log in the folder of its database)");
    }
    answered_at_.reset();
    back_off(now);
}

void Dialer::unanswered(TimePoint now) {
    fail("what listens at " + settings_.socket + " does not answer as a collector would",
         "see whose socket it is");
    lost(now);
}

void Dialer::refused(const proto::Refused& refused, TimePoint now) {
    // What the collector says is text from outside: no control characters on a terminal.
    std::string message = refused.message.substr(0, 300);
    std::replace_if(
        message.begin(), message.end(),
        [](char character) { return static_cast<unsigned char>(character) < 0x20; }, ' ');
    switch (refused.reason) {
        case proto::RefusalReason::kBusy:
        case proto::RefusalReason::kStopping:
            error_ = "the collector at " + settings_.socket + " refuses for now: " + message;
            lost(now);
            break;
        default:
            fail("the collector at " + settings_.socket + " refuses: " + message,
                 "nothing of this process is stored");
            gave_up_ = true;
            lock_.close();
            daemon_.forget();
    }
}

std::optional<std::string> Dialer::take_warning(TimePoint now, bool is_last) {
    const bool lasts = wanted_since_ && now - *wanted_since_ > kPatience;
    const bool for_good = gave_up_ || short_lived_ >= kTooOften ||
                          (failing_ && settings_.collector == CollectorMode::kAuto);
    if (warned_ || error_.empty() || (!lasts && !for_good && !is_last)) {
        return std::nullopt;
    }
    warned_ = true;
    return "kolo-probe: " + error_ + (advice_.empty() ? "" : "; " + advice_) +
           (is_last ? ". What the program recorded is lost.\n"
                    : ". The program goes on; what it records is kept as far as it fits.\n");
}

}  // namespace kolo::probe

#include "collectord/writer.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "collectord/liveness.hpp"
#include "store/text.hpp"

namespace kolo::collectord {

namespace {

constexpr std::chrono::milliseconds kFirstBackOff{10};
constexpr std::chrono::milliseconds kLongestBackOff{500};
constexpr std::chrono::seconds kIdleCheckpoint{2};
constexpr std::chrono::seconds kLookAtAwaited{2};
constexpr std::chrono::seconds kLookAtPlace{5};
/// The last commit before leaving is given up after this long: what it would hold is sent again to
/// the next collector.
constexpr std::chrono::seconds kLastCommit{5};
constexpr std::size_t kLongestArgv = 2048;  // in a status: it is one frame for all processes
constexpr int kPageBytes = 4096;
constexpr int kBusyTimeoutMs = 100;

/// Nothing can be written any more, and waiting will not change that.
class StoreGone : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Errors that may pass: somebody else's lock, a full disk, a disk that fails now and then.
[[nodiscard]] bool may_pass(const SQLite::Exception& error) noexcept {
    switch (error.getErrorCode()) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_NOMEM:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_INTERRUPT:
        case SQLITE_PROTOCOL:
            return true;
        default:
            return false;
    }
}

[[nodiscard]] std::string reason_of(const SQLite::Exception& error, const std::string& path) {
    switch (error.getErrorCode()) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return path + " is locked by another program";
        case SQLITE_FULL:
            return "the disk that holds " + path + " is full";
        default:
            return path + " cannot be written: " + error.what();
    }
}

[[nodiscard]] std::uint64_t file_bytes(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
}

}  // namespace

Writer::Writer(std::filesystem::path path, SQLite::Database database, Mailbox& mailbox,
               Reports reports, WriterLimits limits)
    : path_(std::move(path)),
      database_(std::move(database)),
      mailbox_(mailbox),
      reports_(std::move(reports)),
      limits_(limits),
      identity_(store::identify_file(path_)),
      ingest_(database_) {
    database_.setBusyTimeout(kBusyTimeoutMs);
    sqlite3_wal_hook(
        database_.getHandle(),
        [](void* pages, sqlite3*, const char*, int count) {
            *static_cast<std::size_t*>(pages) = static_cast<std::size_t>(count);
            return SQLITE_OK;
        },
        &wal_pages_);
}

Writer::~Writer() {
    mailbox_.stop(StopLevel::kNow);
    join();
}

void Writer::start() {
    // Signals are the I/O thread's.
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Writer::join() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Writer::run() {
    std::string problem;
    try {
        loop();
        finish();
    } catch (const std::exception& error) {
        problem = error.what();
    }
    if (store::identify_file(path_) != identity_) {
        take_over_log_of_moved_store();
    }
    reports_.ended(problem);
}

void Writer::loop() {
    awaited_ = ingest_.recall_awaited();
    awaited_since_ = Clock::now();
    settle_the_silent(awaited_since_);
    if (ingest_.has_changes()) {
        changed_since_ = awaited_since_;
    }
    while (true) {
        const Mailbox::Wake wake =
            mailbox_.wait(next_deadline(), !retry_at_ && stop_ != StopLevel::kNow);
        stop_ = std::max(stop_, wake.stop);
        if (wake.status_wanted) {
            reports_.status(status());
        }
        if (stop_ == StopLevel::kNow) {
            return;
        }
        if (!retry_at_) {
            take_items();
        }
        const auto now = Clock::now();
        settle_the_silent(now);
        if (!ingest_.has_changes()) {
            changed_since_.reset();
        } else if (!changed_since_) {
            changed_since_ = now;
        }
        if (is_due(now)) {
            try_commit();
        }
        checkpoint_when_due();
        if (now - last_look_at_place_ >= kLookAtPlace) {
            last_look_at_place_ = now;
            check_place();  // also while there is nothing to commit: the next one may be waiting
        }
        if (stop_ == StopLevel::kFinish && mailbox_.load().items == 0 &&
            (!ingest_.has_changes() || retry_at_)) {
            return;
        }
    }
}

void Writer::take_items() {
    while (ingest_.pending_bytes() < limits_.pending_bytes) {
        auto item = mailbox_.take();
        if (!item) {
            return;
        }
        std::visit([this](auto& what) { handle(what); }, *item);
        if (!changed_since_ && ingest_.has_changes()) {
            changed_since_ = Clock::now();
        }
        // Waiting for what else may come would cost the deadline.
        if (is_due(Clock::now())) {
            return;
        }
    }
}

void Writer::handle(HelloItem& item) {
    std::erase_if(awaited_, [&](const Awaited& one) { return one.process == item.hello.process; });
    std::vector<std::uint8_t> frame;
    proto::append_welcome(frame, ingest_.hello(item.session, item.hello, item.pid));
    reports_.send(item.session, std::move(frame));
}

void Writer::handle(BytesItem& item) {
    if (auto wrong = ingest_.received(item.session, item.process, item.bytes)) {
        last_error_ = "a process sent " + *wrong;
        last_error_at_ = store::iso_now();
        reports_.close(item.session, std::move(*wrong));
    }
}

void Writer::handle(GoneItem& item) { ingest_.disconnected(item.session, item.process); }

void Writer::handle(DeathItem& item) {
    ingest_.died(item.process, item.arena, [this] { relieve(); });
}

void Writer::relieve() {
    while (ingest_.pending_bytes() >= limits_.pending_bytes && !try_commit()) {
        const Mailbox::Wake wake = mailbox_.wait(next_deadline(), false);
        stop_ = std::max(stop_, wake.stop);
        if (wake.status_wanted) {
            reports_.status(status());
        }
        if (stop_ != StopLevel::kNo) {
            // Leaving: what is salvaged stays uncommitted, and the process will be unknown to the
            // next collector.
            throw StoreGone("stopped while " + trouble_);
        }
    }
}

bool Writer::is_due(Clock::time_point now) const {
    if (retry_at_) {
        return now >= *retry_at_;
    }
    return ingest_.has_changes() &&
           (ingest_.is_urgent() || ingest_.pending_bytes() >= limits_.pending_bytes ||
            stop_ == StopLevel::kFinish ||
            (changed_since_ && now - *changed_since_ >= limits_.commit_every));
}

Mailbox::Clock::time_point Writer::next_deadline() const {
    if (retry_at_) {
        return *retry_at_;
    }
    if (changed_since_) {
        return *changed_since_ + limits_.commit_every;
    }
    auto deadline = last_look_at_place_ + kLookAtPlace;
    if (wal_pages_ > 0) {
        deadline = std::min(deadline, last_checkpoint_ + kIdleCheckpoint);
    }
    if (!awaited_.empty()) {
        deadline = std::min(deadline, next_look_at_awaited_);
    }
    return deadline;
}

bool Writer::try_commit() {
    check_place();
    if (is_wal_too_long()) {
        get_in_trouble("the write-ahead log of " + path_.string() + " has " +
                       std::to_string(wal_pages_ * kPageBytes) +
                       " bytes and cannot be taken over: some program reads and does not end");
        return false;
    }
    std::vector<CommittedAck> acks;
    std::vector<proto::ProcessId> over;
    for (const auto& [uuid, process] : ingest_.model().processes) {
        if (process.is_over) {
            over.push_back(uuid);
        }
    }
    try {
        acks = ingest_.commit();
    } catch (const SQLite::Exception& error) {
        if (!may_pass(error)) {
            throw StoreGone(
                path_.string() + " can no longer be written: " + error.what() +
                ". Nothing acknowledged is lost; move the file away to begin a new store.");
        }
        get_in_trouble(reason_of(error, path_.string()));
        return false;
    }
    ++commits_;
    changed_since_.reset();
    if (retry_at_) {
        spdlog::info("{} is written again", path_.string());
        retry_at_.reset();
        trouble_.clear();
        back_off_ = {};
    }
    for (CommittedAck& committed : acks) {
        std::vector<std::uint8_t> frame;
        proto::append_ack(frame, committed.ack);
        reports_.send(committed.session, std::move(frame));
    }
    if (!over.empty()) {
        reports_.over(std::move(over));
    }
    return true;
}

void Writer::get_in_trouble(const std::string& why) {
    if (trouble_ != why) {
        spdlog::warn("{}; nothing is lost yet, trying again", why);
    }
    trouble_ = why;
    last_error_ = why;
    last_error_at_ = store::iso_now();
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    retry_at_ = Clock::now() + back_off_;
}

void Writer::check_place() const {
    if (store::identify_file(path_) != identity_) {
        throw StoreGone(path_.string() +
                        " was moved, deleted or replaced while it was open: nothing more is "
                        "written to it. What was not "
                        "stored yet goes to the next collector, which begins a new store.");
    }
}

void Writer::take_over_log_of_moved_store() {
    // What is committed goes from the log into the file, wherever that is now. Closing would do the
    // same, and then delete whatever log lies at the old path, which may be somebody else's by now.
    sqlite3* handle = database_.getHandle();
    static_cast<void>(
        sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
    static_cast<void>(sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
}

void Writer::checkpoint_when_due() {
    const auto now = Clock::now();
    const bool is_long = wal_pages_ * kPageBytes >= limits_.checkpoint_bytes;
    const bool is_idle =
        wal_pages_ > 0 && !changed_since_ && now - last_checkpoint_ >= kIdleCheckpoint;
    if (retry_at_ || (!is_long && !is_idle)) {
        return;
    }
    // Long behind a reader, every commit would try in vain.
    constexpr std::chrono::milliseconds kAtMostEvery{100};
    if (now - last_checkpoint_ < kAtMostEvery) {
        return;
    }
    last_checkpoint_ = now;
    int pages = 0;
    int taken = 0;
    const int result = sqlite3_wal_checkpoint_v2(database_.getHandle(), nullptr,
                                                 SQLITE_CHECKPOINT_PASSIVE, &pages, &taken);
    if (result == SQLITE_OK && pages == taken) {
        wal_pages_ = 0;  // the next commit begins at its front, and tells how long it is
    }
}

bool Writer::is_wal_too_long() {
    if (wal_pages_ * kPageBytes < limits_.wal_bytes) {
        return false;
    }
    if (sqlite3_wal_checkpoint_v2(database_.getHandle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                  nullptr, nullptr) != SQLITE_OK) {
        return true;
    }
    wal_pages_ = 0;
    return false;
}

void Writer::settle_the_silent(Clock::time_point now) {
    if (awaited_.empty() || now < next_look_at_awaited_) {
        return;
    }
    next_look_at_awaited_ = now + kLookAtAwaited;
    const std::string boot_id = this_boot_id();
    std::erase_if(awaited_, [&](const Awaited& one) {
        // One that lives and is idle has no reason to say hello: it is waited for as long as it can
        // be seen.
        const bool may_come =
            one.pid != 0 ? is_alive(one.boot_id, one.pid, one.start_time)
                         : one.boot_id == boot_id && now - awaited_since_ < limits_.hello_wait;
        if (!may_come) {
            ingest_.settle_unknown(one.process);
        }
        return !may_come;
    });
}

void Writer::finish() {
    if (stop_ != StopLevel::kNow) {
        ingest_.leave();
        const auto until = Clock::now() + kLastCommit;
        while (ingest_.has_changes() && !try_commit() && Clock::now() < until &&
               stop_ != StopLevel::kNow) {
            const Mailbox::Wake wake = mailbox_.wait(next_deadline(), false);
            stop_ = std::max(stop_, wake.stop);
        }
    }
    check_place();
    static_cast<void>(sqlite3_wal_checkpoint_v2(database_.getHandle(), nullptr,
                                                SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
}

std::uint64_t Writer::stored_losses(store::ProcessKey process) const {
    try {
        SQLite::Statement query(database_,
                                "SELECT ifnull(sum(events), 0) FROM loss WHERE process_id = ?");
        query.bind(1, static_cast<std::int64_t>(process));
        static_cast<void>(query.executeStep());
        return static_cast<std::uint64_t>(query.getColumn(0).getInt64());
    } catch (const SQLite::Exception&) {
        return 0;  // the trouble that explains it is shown beside
    }
}

Status Writer::status() const {
    Status status;
    status.database = path_.string();
    status.database_bytes = file_bytes(path_.string());
    status.wal_bytes = file_bytes(path_.string() + "-wal");
    status.pid = static_cast<std::uint64_t>(::getpid());
    const Mailbox::Load load = mailbox_.load();
    status.queue_items = load.items;
    status.queue_bytes = load.bytes;
    status.commits = commits_;
    status.trouble = trouble_;
    status.last_error = last_error_;
    status.last_error_at = last_error_at_;
    if (changed_since_) {
        status.oldest_uncommitted_s =
            std::chrono::duration<double>(Clock::now() - *changed_since_).count();
    }
    for (const auto& [uuid, process] : ingest_.model().processes) {
        ProcessStatus one;
        one.session = process.session;
        one.uuid = uuid;
        one.pid = process.row.pid;
        one.argv = process.row.argv.size() <= kLongestArgv ? process.row.argv : "null";
        one.state = store::name_of(process.row.state);
        one.accounting_unknown = process.row.accounting_unknown;
        one.emitted = process.row.emitted;
        one.stored = process.row.stored;
        one.bytes_committed = process.bytes_committed;
        one.open_traces = static_cast<std::uint64_t>(
            std::count_if(process.traces.begin(), process.traces.end(), [](const auto& trace) {
                return trace.second.row.status == store::TraceStatus::kOpen;
            }));
        one.lost = stored_losses(process.row.key);
        status.processes.push_back(std::move(one));
    }
    return status;
}

}  // namespace kolo::collectord

// The writer: the one thread that decodes, keeps the model and writes the store.
//
// Takes items off the mailbox and commits every 20 ms, or earlier when much is pending or somebody
// waits. While the database cannot be written (locked, disk full, its WAL too long) it takes
// nothing more, tries again with back-off, and says why. What it has to say goes to the I/O thread
// through `Reports`, whose functions only post.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collectord/ingest.hpp"
#include "collectord/mailbox.hpp"
#include "collectord/status.hpp"
#include "store/files.hpp"

namespace kolo::collectord {

/// Called on the writer's thread.
struct Reports {
    std::function<void(SessionId, std::vector<std::uint8_t> frames)> send;
    std::function<void(SessionId, std::string why)> close;
    std::function<void(Status)> status;
    std::function<void(std::vector<proto::ProcessId>)>
        over;  // nothing more is expected of these processes
    std::function<void(std::string problem)>
        ended;  // the last call; a problem means that it had to
};

struct WriterLimits {
    std::chrono::milliseconds commit_every{20};
    std::size_t pending_bytes = 8U << 20U;      // a commit at once, and nothing more taken in
    std::size_t checkpoint_bytes = 16U << 20U;  // of WAL
    std::size_t wal_bytes = 256U << 20U;  // above it nothing is written until a checkpoint works
    std::chrono::seconds hello_wait{30};  // for processes of another pid namespace
};

class Writer {
  public:
    Writer(std::filesystem::path path, SQLite::Database database, Mailbox& mailbox, Reports reports,
           WriterLimits limits = {});
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    Writer(Writer&&) = delete;
    Writer& operator=(Writer&&) = delete;

    void start();
    /// The mailbox has been told to stop.
    void join();

  private:
    using Clock = Mailbox::Clock;

    void run();
    void loop();
    void take_items();
    void handle(HelloItem& item);
    void handle(BytesItem& item);
    void handle(GoneItem& item);
    void handle(DeathItem& item);
    void relieve();
    [[nodiscard]] bool is_due(Clock::time_point now) const;
    [[nodiscard]] Clock::time_point next_deadline() const;
    /// Whether everything is committed; otherwise `trouble_` says why not.
    bool try_commit();
    void get_in_trouble(const std::string& why);
    void check_place() const;
    void take_over_log_of_moved_store();
    void checkpoint_when_due();
    [[nodiscard]] bool is_wal_too_long();
    void settle_the_silent(Clock::time_point now);
    void finish();
    [[nodiscard]] std::uint64_t stored_losses(store::ProcessKey process) const;
    [[nodiscard]] Status status() const;

    std::filesystem::path path_;
    SQLite::Database database_;
    Mailbox& mailbox_;
    Reports reports_;
    WriterLimits limits_;
    std::optional<store::FileIdentity> identity_;
    Ingest ingest_;

    std::vector<Awaited> awaited_;
    Clock::time_point awaited_since_;
    Clock::time_point next_look_at_awaited_;
    std::optional<Clock::time_point> changed_since_;
    std::optional<Clock::time_point> retry_at_;  // in trouble until then at least
    std::chrono::milliseconds back_off_{0};
    std::string trouble_;
    std::string last_error_;
    std::string last_error_at_;
    std::uint64_t commits_ = 0;
    std::size_t wal_pages_ = 0;
    Clock::time_point last_checkpoint_ = Clock::now();
    Clock::time_point last_look_at_place_ = Clock::now();
    StopLevel stop_ = StopLevel::kNo;

    std::thread thread_;
};

}  // namespace kolo::collectord

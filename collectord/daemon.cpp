#include "collectord/daemon.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "collectord/asio.hpp"
#include "collectord/hub.hpp"
#include "collectord/mailbox.hpp"
#include "collectord/socket_place.hpp"
#include "collectord/writer.hpp"
#include "store/location.hpp"
#include "store/schema.hpp"

namespace kolo::collectord {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr std::chrono::seconds kServeAfterSignal{10};
constexpr std::chrono::seconds kSpawnedFirstWait{10};
constexpr std::chrono::seconds kSpawnedLinger{3};
constexpr std::chrono::seconds kSpawnedPatience{
    30};  // with processes that lost their connection and live
constexpr std::chrono::seconds kLookAtSocket{5};
constexpr std::size_t kLogBytes = 1U << 20U;
constexpr std::size_t kLogFiles = 2;

void start_logging(const Options& options) {
    const auto level = spdlog::level::from_str(options.log_level);
    if (options.is_spawned) {
        const auto path = options.database.parent_path() / "collectord.log";
        spdlog::set_default_logger(
            spdlog::rotating_logger_mt("kolo-collectord", path.string(), kLogBytes, kLogFiles));
    }
    spdlog::set_level(level);
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e kolo-collectord[%P] %l: %v");
    spdlog::flush_on(spdlog::level::info);
}

/// Binds and listens; nobody else can connect before the mode is right.
void open_acceptor(Protocol::acceptor& acceptor, const Options& options) {
    const SocketAddress address(options.socket);
    acceptor.open();
    const mode_t before = ::umask(0177);
    boost::system::error_code error;
    acceptor.bind(Protocol::endpoint(address.text()), error);
    ::umask(before);
    if (error) {
        throw std::runtime_error(
            options.socket.string() + " cannot be bound: " + error.message() +
            ". Mend the permissions of its folder, or give another path with --socket.");
    }
    if (!options.allowed_users.empty() && ::chmod(address.text().c_str(), 0666) != 0) {
        throw std::runtime_error(options.socket.string() +
                                 " cannot be opened to other users: " + store::error_text(errno));
    }
    acceptor.listen();
}

class Daemon {
  public:
    Daemon(const Options& options, SQLite::Database database)
        : options_(options),
          acceptor_(io_),
          signals_(io_, SIGINT, SIGTERM, SIGHUP),
          leave_timer_(io_),
          socket_timer_(io_),
          mailbox_([this] { asio::post(io_, [this] { hub_.room(); }); }),
          hub_(io_, mailbox_, options.allowed_users, [this] { idle_changed(); }),
          writer_(options.database, std::move(database), mailbox_, reports()) {
        remove_stale_socket(options.socket);
        open_acceptor(acceptor_, options);
        socket_identity_ = store::identify_file(options.socket);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    Daemon(Daemon&&) = delete;
    Daemon& operator=(Daemon&&) = delete;
    ~Daemon() {
        // Only what is ours: somebody may have replaced it.
        if (socket_identity_ && store::identify_file(options_.socket) == socket_identity_) {
            std::error_code ignored;
            std::filesystem::remove(options_.socket, ignored);
        }
    }

    int run() {
        writer_.start();
        wait_for_signal();
        hub_.accept_on(acceptor_);
        look_at_socket();
        if (options_.is_spawned) {
            leave_after(kSpawnedFirstWait);
        }
        spdlog::info("listening at {}, storing in {}", options_.socket.string(),
                     options_.database.string());
        io_.run();
        writer_.join();
        if (!problem_.empty()) {
            spdlog::error("{}", problem_);
            return kExitDatabase;
        }
        spdlog::info("ended");
        return code_;
    }

  private:
    Reports reports() {
        const auto on_io = [this](auto what) { asio::post(io_, std::move(what)); };
        Reports reports;
        reports.send = [this, on_io](SessionId session, std::vector<std::uint8_t> frames) {
            on_io([this, session, frames = std::move(frames)]() mutable {
                hub_.send(session, std::move(frames));
            });
        };
        reports.close = [this, on_io](SessionId session, std::string why) {
            on_io([this, session, why = std::move(why)] { hub_.cut_off(session, why); });
        };
        reports.status = [this, on_io](Status status) {
            on_io([this, status = std::move(status)]() mutable {
                status.socket = options_.socket.string();
                hub_.answer_status(std::move(status));
            });
        };
        reports.over = [this, on_io](std::vector<proto::ProcessId> processes) {
            on_io([this, processes = std::move(processes)] { hub_.forget(processes); });
        };
        reports.ended = [this, on_io](std::string problem) {
            on_io([this, problem = std::move(problem)] {
                problem_ = problem;
                io_.stop();
            });
        };
        return reports;
    }

    void wait_for_signal() {
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (error) {
                return;
            }
            if (is_stopping_) {
                spdlog::warn("second signal: ending at once");
                mailbox_.stop(StopLevel::kNow);
            } else {
                spdlog::info("signal: serving what is connected for {} s at most",
                             kServeAfterSignal.count());
                begin_stop();
            }
            wait_for_signal();
        });
    }

    /// A socket that was deleted can be reached by nobody, and its lock keeps the next collector
    /// away.
    void look_at_socket() {
        socket_timer_.expires_after(kLookAtSocket);
        socket_timer_.async_wait([this](const boost::system::error_code& stopped) {
            if (stopped || is_stopping_) {
                return;
            }
            if (store::identify_file(options_.socket) != socket_identity_) {
                spdlog::error("{} was deleted or replaced: ending, so that another one can begin",
                              options_.socket.string());
                code_ = kExitSocket;
                begin_stop();
                return;
            }
            look_at_socket();
        });
    }

    /// No new processes; the end when the last one has gone, or after a while.
    void begin_stop() {
        is_stopping_ = true;
        hub_.refuse_new();
        leave_timer_.expires_after(kServeAfterSignal);
        leave_timer_.async_wait([this](const boost::system::error_code& stopped) {
            if (!stopped) {
                hub_.close_all();
                finish();
            }
        });
        if (hub_.streaming() == 0) {
            finish();
        }
    }

    void finish() {
        leave_timer_.cancel();
        mailbox_.stop(StopLevel::kFinish);
    }

    void idle_changed() {
        if (is_stopping_) {
            if (hub_.streaming() == 0) {
                finish();
            }
        } else if (options_.is_spawned) {
            if (hub_.streaming() == 0) {
                leave_after(kSpawnedLinger);
            } else {
                leave_timer_.cancel();
            }
        }
    }

    void leave_after(std::chrono::seconds wait) {
        leave_timer_.expires_after(wait);
        leave_timer_.async_wait([this](const boost::system::error_code& stopped) {
            if (stopped || is_stopping_ || hub_.streaming() > 0) {
                return;
            }
            if (hub_.holds_silent_arenas(kSpawnedPatience)) {
                leave_after(kSpawnedLinger);
                return;
            }
            spdlog::info("nobody is connected any more");
            begin_stop();
        });
    }

    Options options_;
    asio::io_context io_{1};
    Protocol::acceptor acceptor_;
    asio::signal_set signals_;
    asio::steady_timer leave_timer_;
    asio::steady_timer socket_timer_;
    Mailbox mailbox_;
    Hub hub_;
    Writer writer_;
    std::optional<store::FileIdentity> socket_identity_;
    std::string problem_;
    int code_ = 0;
    bool is_stopping_ = false;
};

}  // namespace

int serve(const Options& options) {
    // spdlog's own default is standard output, where nobody looks for errors.
    spdlog::set_default_logger(spdlog::stderr_color_mt("standard error"));
    const auto refuse = [&options](int code, const std::string& why) {
        if (options.is_spawned) {
            spdlog::error("{}", why);
        } else {
            fmt::print(stderr, "kolo-collectord: {}\n", why);
        }
        return code;
    };
    for (const auto& place : {options.database, options.socket}) {
        if (const auto error = store::make_private_folder(place.parent_path())) {
            return refuse(place == options.database ? kExitDatabase : kExitSocket,
                          place.parent_path().string() + " cannot be used as a folder: " + *error +
                              ". Mend it, or give other paths with --db and --socket.");
        }
    }
    ::umask(0077);               // what SQLite and the log make is nobody else's
    ::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end it in the middle of a line
    try {
        start_logging(options);
        if (const auto reason =
                store::refusal(store::file_kind(options.database), options.database)) {
            return refuse(kExitDatabase, *reason);
        }
        const PlaceLock database_lock(options.database);
        const PlaceLock socket_lock(options.socket);
        if (options.database.parent_path().filename() == ".kolo") {
            store::ignore_our_files(options.database.parent_path());
        }
        SQLite::Database database = store::open_store(options.database);
        try {
            return Daemon(options, std::move(database)).run();
        } catch (const SQLite::Exception& error) {
            return refuse(kExitDatabase,
                          options.database.string() + " cannot be read: " + error.what());
        } catch (const std::exception& error) {
            return refuse(kExitSocket, error.what());
        }
    } catch (const AlreadyRunning& error) {
        return refuse(kExitRunning, error.what());
    } catch (const std::exception& error) {
        return refuse(kExitDatabase, error.what());
    }
}

}  // namespace kolo::collectord

#include "probe/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace kolo::probe {

namespace {

/// What the clone works with: pointers into a plan that outlives it.
struct PreparedSpawn {
    std::vector<char*> arguments;
    std::vector<char*> environment;
    const char* log;
    int report;
};

[[nodiscard]] std::vector<char*> pointers_to(const std::vector<std::string>& texts,
                                             const std::string* first) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 2);
    if (first != nullptr) {
        pointers.push_back(const_cast<char*>(first->c_str()));  // execve(2) changes nothing
    }
    for (const std::string& text : texts) {
        pointers.push_back(const_cast<char*>(text.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// A fork without the handlers that fork() runs (some of them Python's), whose exit is told by
/// `signal`; 0 makes it a child that only waiters who ask with __WCLONE see.
[[nodiscard]] pid_t bare_fork(int signal) noexcept {
    return static_cast<pid_t>(
        syscall(SYS_clone, static_cast<long>(signal), nullptr, nullptr, nullptr, nullptr));
}

/// glibc before 2.34 has no close_range(), and kernels before 5.9 do not know it.
void close_range_or_each(unsigned first, unsigned last) noexcept {
    if (syscall(SYS_close_range, first, last, 0) != 0) {
        constexpr unsigned kLikely = 4096;
        for (unsigned number = first; number <= last && number < kLikely; ++number) {
            close(static_cast<int>(number));
        }
    }
}

/// Above every number that dup2() below writes to, so that nothing overwrites what is still needed
/// (an application may have closed 0, 1 or 2).
[[nodiscard]] int moved_up(int descriptor) noexcept {
    constexpr int kFirst = 10;
    return fcntl(descriptor, F_DUPFD_CLOEXEC, kFirst);
}

void reset_signals() noexcept {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) {
        sigaction(number, &standard, nullptr);  // EINVAL for KILL, STOP and libc's own: as it is
    }
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void redirect_standard_streams(const char* log) noexcept {
    const int null = moved_up(open("/dev/null", O_RDWR | O_CLOEXEC));
    const int file = moved_up(
        open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(file >= 0 ? file : null, STDERR_FILENO);
}

/// The daemon-to-be. Only async-signal-safe calls: other threads of the application may have held
/// any lock at the moment of the clone.
[[noreturn]] void become_daemon(const PreparedSpawn& prepared) noexcept {
    const int report = moved_up(prepared.report);
    const auto pid = static_cast<std::int32_t>(syscall(SYS_getpid));
    static_cast<void>(!write(report, &pid, sizeof pid));
    redirect_standard_streams(prepared.log);
    if (report >= 0) {
        close_range_or_each(STDERR_FILENO + 1, static_cast<unsigned>(report) - 1);
        close_range_or_each(static_cast<unsigned>(report) + 1, ~0U);
    }
    // A folder on a file system that somebody wants to unmount would be kept busy.
    static_cast<void>(!chdir("/"));
    reset_signals();
    execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
    const auto error = static_cast<std::int32_t>(errno);
    static_cast<void>(!write(report, &error, sizeof error));
    _exit(127);
}

/// Two forks, so that the daemon's parent is not the application and it cannot get a terminal.
[[nodiscard]] int fork_daemon(const PreparedSpawn& prepared) noexcept {
    const pid_t middle = bare_fork(0);
    if (middle == 0) {
        setsid();
        const pid_t daemon = bare_fork(SIGCHLD);
        if (daemon == 0) {
            become_daemon(prepared);
        }
        _exit(daemon > 0 ? 0 : errno & 0x7F);
    }
    if (middle < 0) {
        return errno;
    }
    int status = 0;
    while (waitpid(middle, &status, static_cast<int>(__WCLONE)) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

}  // namespace

std::vector<std::string> daemon_environment(const std::string& kolo_path) {
    constexpr std::array<std::string_view, 12> kKept = {
        "PATH=", "HOME=",   "USER=",  "LANG=",    "LC_ALL=",          "LC_CTYPE=",
        "TZ=",   "TMPDIR=", "TZDIR=", "LOGNAME=", "LD_LIBRARY_PATH=", "XDG_RUNTIME_DIR="};
    std::vector<std::string> environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view variable(*entry);
        for (const std::string_view name : kKept) {
            if (variable.starts_with(name)) {
                environment.emplace_back(variable);
            }
        }
    }
    environment.push_back("KOLO_PATH=" + kolo_path);
    return environment;
}

int make_folder(const std::string& folder) noexcept {
    struct stat found {};
    if (mkdir(folder.c_str(), S_IRWXU) == 0) {
        return 0;
    }
    const int error = errno;
    if (error != EEXIST) {
        return error;
    }
    if (stat(folder.c_str(), &found) != 0) {
        return errno;
    }
    return S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
}

SpawnLock take_spawn_lock(const std::string& socket) {
    SpawnLock lock;
    const std::size_t slash = socket.rfind('/');
    if (slash != std::string::npos && slash != 0) {
        lock.error = make_folder(socket.substr(0, slash));
        if (lock.error != 0) {
            return lock;
        }
    }
    const std::string path = socket + ".spawn";
    lock.descriptor = Descriptor(
        open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    if (!lock.descriptor || flock(lock.descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
        lock.error = errno;
        lock.descriptor.close();
    }
    return lock;
}

void SpawnedDaemon::start(const SpawnPlan& plan) {
    forget();
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        state_ = State::kNotStarted;
        error_ = errno;
        return;
    }
    report_ = Descriptor(ends[0]);
    const Descriptor daemons_end(ends[1]);
    const PreparedSpawn prepared{pointers_to(plan.arguments, &plan.program),
                                 pointers_to(plan.environment, nullptr), plan.log.c_str(),
                                 daemons_end.get()};
    error_ = fork_daemon(prepared);
    state_ = error_ == 0 ? State::kStarting : State::kNotStarted;
}

void SpawnedDaemon::read_report() noexcept {
    std::int32_t word = 0;
    for (;;) {
        const ssize_t got = read(report_.get(), &word, sizeof word);
        if (got == static_cast<ssize_t>(sizeof word) && pid_ == 0) {
            pid_ = static_cast<pid_t>(word);
            process_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
            if (!process_ && errno == ESRCH) {
                state_ = State::kEnded;
            }
        } else if (got == static_cast<ssize_t>(sizeof word)) {
            state_ = State::kNotStarted;
            error_ = word;
            return;
        } else if (got == 0) {
            // exec closed the other end, or the process died before it could tell.
            if (state_ == State::kStarting) {
                state_ = pid_ != 0 ? State::kRunning : State::kEnded;
            }
            report_.close();
            return;
        } else {
            return;  // EAGAIN: nothing yet
        }
    }
}

SpawnedDaemon::State SpawnedDaemon::look() noexcept {
    if (report_ && state_ != State::kNotStarted) {
        read_report();
    }
    if (state_ == State::kRunning && process_) {
        pollfd exit{process_.get(), POLLIN, 0};
        if (poll(&exit, 1, 0) > 0) {
            state_ = State::kEnded;
        }
    }
    return state_;
}

void SpawnedDaemon::forget() noexcept {
    close_descriptors();
    state_ = State::kNone;
    pid_ = 0;
    error_ = 0;
}

}  // namespace kolo::probe

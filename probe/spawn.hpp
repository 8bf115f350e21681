// Starts kolo-collectord, once for all processes that want one, such that the application never
// notices: no SIGCHLD, no child that its wait(-1) could reap, no inherited descriptor or terminal.
//
// On the drain thread. Everything is prepared before the clone; in the clone only calls that are
// safe after a fork of a threaded process are made. Fork of the application: the child closes the
// lock's descriptor (which would otherwise go on holding the lock), shutdown: nothing to do, the
// daemon lives on and leaves by itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "probe/descriptor.hpp"

namespace kolo::probe {

/// What is started, and where its standard error goes.
struct SpawnPlan {
    std::string program;                   // absolute
    std::vector<std::string> arguments;    // without the program's name
    std::vector<std::string> environment;  // "NAME=value"
    std::string log;                       // appended to, made with 0600
};

/// The variables of this process's environment that a daemon needs, and `kolo_path` as KOLO_PATH.
/// No others: the daemon outlives the application and has no use for its secrets. The caller holds
/// the GIL, as Python's os.environ may move the environment at any time.
[[nodiscard]] std::vector<std::string> daemon_environment(const std::string& kolo_path);

/// The right to start a daemon: held from before the start until the daemon answers.
struct SpawnLock {
    Descriptor descriptor;
    int error = 0;  // EWOULDBLOCK: another process is starting one; else why there is no lock
};

/// Takes `<socket>.spawn`, without waiting; makes the socket's folder (0700) when there is none.
[[nodiscard]] SpawnLock take_spawn_lock(const std::string& socket);

/// Makes `folder` with 0700 unless it is there. An errno, 0 when there is such a folder.
[[nodiscard]] int make_folder(const std::string& folder) noexcept;

class SpawnedDaemon {
  public:
    enum class State : std::uint8_t { kNone, kStarting, kRunning, kEnded, kNotStarted };

    /// Starts it. kNotStarted, with an error, when that has failed at once.
    void start(const SpawnPlan& plan);
    /// How it stands now; never waits.
    [[nodiscard]] State look() noexcept;
    /// 0 until look() has told kRunning or kEnded.
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Why it was not started.
    [[nodiscard]] int error() const noexcept { return error_; }
    void forget() noexcept;
    /// In a forked child.
    void close_descriptors() noexcept {
        report_.close();
        process_.close();
    }

  private:
    void read_report() noexcept;

    State state_ = State::kNone;
    Descriptor report_;   // the daemon's pid, then nothing (it runs) or an errno (exec has failed)
    Descriptor process_;  // pidfd
    pid_t pid_ = 0;
    int error_ = 0;
};

}  // namespace kolo::probe

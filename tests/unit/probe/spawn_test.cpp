// Starting a daemon: a script stands in for it.
#include "probe/spawn.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "probe/dialer.hpp"
#include "probe/settings.hpp"
#include "tests/unit/probe/fake_collector.hpp"

namespace kolo::probe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Waits for what another process does.
[[nodiscard]] bool eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + seconds(10);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
}

[[nodiscard]] std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

class SpawnTest : public ::testing::Test {
  protected:
    void write_daemon(const std::string& body) {
        plan_.program = folder_.path() + "/daemon";
        std::ofstream(plan_.program) << "#!/bin/sh\n" << body;
        ASSERT_EQ(chmod(plan_.program.c_str(), 0700), 0);
        plan_.log = folder_.path() + "/daemon.log";
        plan_.environment = {"PATH=/usr/bin:/bin", "REPORT=" + report()};
    }
    [[nodiscard]] std::string report() const { return folder_.path() + "/report"; }

    TemporaryFolder folder_;
    SpawnPlan plan_;
    SpawnedDaemon daemon_;
};

TEST_F(SpawnTest, RunsApartFromTheApplication) {
    write_daemon(
        "{ echo arguments \"$@\"; echo parent $PPID; cat /proc/$$/stat; ls -l /proc/$$/fd;"
        " grep SigBlk /proc/self/status; pwd; env; } > \"$REPORT.part\"\n"
        "echo trouble >&2\n"
        "mv \"$REPORT.part\" \"$REPORT\"\n");
    plan_.arguments = {"--spawned", "--socket", "/somewhere/collector.sock"};
    const int leaking = dup(STDOUT_FILENO);  // without CLOEXEC: a daemon would keep it open
    daemon_.start(plan_);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(report()); }));
    close(leaking);

    const std::string told = content(report());
    EXPECT_NE(told.find("arguments --spawned --socket /somewhere/collector.sock"),
              std::string::npos);
    EXPECT_EQ(told.find("parent " + std::to_string(getpid()) + "\n"), std::string::npos);
    EXPECT_NE(told.find("SigBlk:\t0000000000000000"), std::string::npos) << told;
    EXPECT_NE(told.find("\n/\n"), std::string::npos) << "its folder is the root";
    EXPECT_EQ(told.find(" " + std::to_string(leaking) + " -> "), std::string::npos) << told;
    EXPECT_NE(told.find(" 0 -> /dev/null"), std::string::npos) << told;
    EXPECT_NE(told.find(" 2 -> " + plan_.log), std::string::npos) << told;
    std::istringstream stat(told.substr(told.rfind(") ", told.find("total")) + 2));
    std::string state;
    pid_t parent = 0;
    pid_t group = 0;
    pid_t session = 0;
    stat >> state >> parent >> group >> session;
    EXPECT_NE(session, getsid(0)) << "Ctrl-C in the terminal must not reach it";
    EXPECT_NE(group, getpgrp());
    EXPECT_TRUE(eventually([&] { return content(plan_.log) == "trouble\n"; }));
    struct stat log {};
    ASSERT_EQ(::stat(plan_.log.c_str(), &log), 0);
    EXPECT_EQ(log.st_mode & 0777U, 0600U);
}

volatile sig_atomic_t g_children_reported = 0;

TEST_F(SpawnTest, LeavesNothingForTheApplicationToReap) {
    write_daemon("exit 0\n");
    struct sigaction counting {};
    struct sigaction before {};
    counting.sa_handler = [](int) { g_children_reported = g_children_reported + 1; };
    ASSERT_EQ(sigaction(SIGCHLD, &counting, &before), 0);
    daemon_.start(plan_);
    EXPECT_TRUE(eventually([&] { return daemon_.look() == SpawnedDaemon::State::kEnded; }));
    errno = 0;
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(g_children_reported, 0);
    sigaction(SIGCHLD, &before, nullptr);
}

TEST_F(SpawnTest, TellsARunningDaemonFromOneThatEnded) {
    write_daemon("exec sleep 1000\n");
    daemon_.start(plan_);
    ASSERT_TRUE(eventually([&] { return daemon_.look() == SpawnedDaemon::State::kRunning; }));
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(daemon_.look(), SpawnedDaemon::State::kRunning);
    ASSERT_EQ(kill(daemon_.pid(), SIGKILL), 0);
    EXPECT_TRUE(eventually([&] { return daemon_.look() == SpawnedDaemon::State::kEnded; }));
}

TEST_F(SpawnTest, TellsWhyAProgramCouldNotBeStarted) {
    write_daemon("exit 0\n");
    ASSERT_EQ(chmod(plan_.program.c_str(), 0600), 0);
    daemon_.start(plan_);
    ASSERT_TRUE(eventually([&] { return daemon_.look() == SpawnedDaemon::State::kNotStarted; }));
    EXPECT_EQ(daemon_.error(), EACCES);
    plan_.program = folder_.path() + "/nothing";
    daemon_.start(plan_);
    ASSERT_TRUE(eventually([&] { return daemon_.look() == SpawnedDaemon::State::kNotStarted; }));
    EXPECT_EQ(daemon_.error(), ENOENT);
}

TEST_F(SpawnTest, OneProcessAtATimeMayStartADaemon) {
    const std::string socket = folder_.path() + "/.kolo/collector.sock";
    SpawnLock first = take_spawn_lock(socket);
    EXPECT_EQ(first.error, 0);
    struct stat made {};
    ASSERT_EQ(stat((folder_.path() + "/.kolo").c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777U, 0700U);
    EXPECT_EQ(take_spawn_lock(socket).error, EWOULDBLOCK);
    first.descriptor.close();
    EXPECT_EQ(take_spawn_lock(socket).error, 0);
}

TEST_F(SpawnTest, AFileInPlaceOfTheFolderIsAnError) {
    std::ofstream(folder_.path() + "/.kolo") << "not a folder\n";
    EXPECT_EQ(take_spawn_lock(folder_.path() + "/.kolo/collector.sock").error, ENOTDIR);
}

TEST_F(SpawnTest, TheDaemonGetsNoSecretsOfTheApplication) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
    ASSERT_EQ(setenv("SHOP_DATABASE_PASSWORD", "hunter2", 1), 0);
    const auto environment = daemon_environment("/srv/shop");
    unsetenv("SHOP_DATABASE_PASSWORD");  // NOLINT(concurrency-mt-unsafe): there is one thread
    EXPECT_EQ(std::count(environment.begin(), environment.end(), "KOLO_PATH=/srv/shop"), 1);
    for (const std::string& variable : environment) {
        EXPECT_EQ(variable.find("hunter2"), std::string::npos);
    }
}

class DialerTest : public SpawnTest {
  protected:
    void SetUp() override {
        settings_.folder = folder_.path() + "/.kolo";
        settings_.socket = settings_.folder + "/collector.sock";
        settings_.collector = CollectorMode::kAuto;
    }
    /// Tries until `done`, on a clock of its own: no test waits for a back-off.
    void try_until(Dialer& dialer, const std::function<bool()>& done) {
        for (int i = 0; i < 10'000 && !done(); ++i) {
            now_ = std::max(now_, dialer.next_try());
            socket_ = dialer.try_dial(now_);
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }

    Settings settings_;
    Dialer::TimePoint now_ = Dialer::Clock::now();
    Descriptor socket_;
};

TEST_F(DialerTest, StartsADaemonAndSaysWhenThatEndsAtOnce) {
    write_daemon("echo started >> \"$KOLO_PATH/starts\"\nexit 4\n");
    settings_.collectord_path = plan_.program;
    Dialer dialer(settings_);
    try_until(dialer, [&] { return dialer.is_failing(); });
    EXPECT_NE(dialer.error().find("ended as soon as it was started"), std::string::npos)
        << dialer.error();
    EXPECT_TRUE(dialer.take_warning(now_)) << "told at once";
    EXPECT_FALSE(dialer.take_warning(now_)) << "and once";
    EXPECT_EQ(content(folder_.path() + "/starts"), "started\n");
    for (int i = 0; i < 5; ++i) {
        now_ = std::max(now_, dialer.next_try());
        static_cast<void>(dialer.try_dial(now_));
    }
    EXPECT_EQ(content(folder_.path() + "/starts"), "started\n") << "not again and again";
}

TEST_F(DialerTest, WaitsForTheDaemonThatAnotherProcessStarts) {
    write_daemon("echo started >> \"$KOLO_PATH/starts\"\nexec sleep 5\n");
    settings_.collectord_path = plan_.program;
    const SpawnLock others = take_spawn_lock(settings_.socket);
    Dialer dialer(settings_);
    for (int i = 0; i < 5; ++i) {
        now_ = std::max(now_, dialer.next_try());
        EXPECT_FALSE(dialer.try_dial(now_));
    }
    EXPECT_FALSE(dialer.is_failing());
    FakeCollector collector(settings_.socket);
    try_until(dialer, [&] { return static_cast<bool>(socket_); });
    EXPECT_TRUE(socket_);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/starts"));
}

TEST_F(DialerTest, AFolderThatCannotBeMadeIsToldWithAWayOut) {
    std::ofstream(settings_.folder) << "a file\n";
    settings_.collectord_path = "/bin/true";
    Dialer dialer(settings_);
    try_until(dialer, [&] { return dialer.is_failing(); });
    const auto warning = dialer.take_warning(now_);
    ASSERT_TRUE(warning);
    EXPECT_NE(warning->find(settings_.folder), std::string::npos) << *warning;
    EXPECT_NE(warning->find("KOLO_PATH"), std::string::npos) << *warning;
}

TEST_F(DialerTest, GivesAMissingDaemonFiveSecondsBeforeItComplains) {
    settings_.collector = CollectorMode::kRequire;
    Dialer dialer(settings_);
    EXPECT_FALSE(dialer.try_dial(now_));
    EXPECT_TRUE(dialer.is_failing());
    EXPECT_FALSE(dialer.take_warning(now_));
    EXPECT_TRUE(dialer.take_warning(now_ + seconds(6)));
}

TEST_F(DialerTest, SaysWhenACollectorHangsUpAgainAndAgain) {
    settings_.collector = CollectorMode::kRequire;
    Dialer dialer(settings_);
    for (int i = 0; i < 20 && !dialer.is_failing(); ++i) {
        EXPECT_FALSE(dialer.take_warning(now_));
        dialer.answered(now_);
        dialer.lost(now_ + milliseconds(20));
    }
    const auto warning = dialer.take_warning(now_);
    ASSERT_TRUE(warning);
    EXPECT_NE(warning->find("again and again"), std::string::npos) << *warning;
    // One that is lost now and then is no news.
    Dialer other(settings_);
    for (int i = 0; i < 50; ++i) {
        other.answered(now_);
        now_ += seconds(5);
        other.lost(now_);
        EXPECT_FALSE(other.take_warning(now_));
    }
}

TEST_F(DialerTest, TriesLessAndLessOften) {
    settings_.collector = CollectorMode::kRequire;
    Dialer dialer(settings_);
    milliseconds longest{0};
    for (int i = 0; i < 40; ++i) {
        static_cast<void>(dialer.try_dial(now_));
        const auto delay = std::chrono::duration_cast<milliseconds>(dialer.next_try() - now_);
        EXPECT_GE(delay, milliseconds(5));
        EXPECT_LE(delay, milliseconds(1500));
        longest = std::max(longest, delay);
        now_ = dialer.next_try();
    }
    EXPECT_GE(longest, milliseconds(500));
}

}  // namespace
}  // namespace kolo::probe

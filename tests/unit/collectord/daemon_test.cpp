// The program as others meet it: through its command line, its socket and its database.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iterator>

#include <nlohmann/json.hpp>

#include "daemon_process.hpp"
#include "store/location.hpp"
#include "stored.hpp"

namespace kolo::collectord::test {
namespace {

[[nodiscard]] FakeProbe small_probe() {
    FakeProbe probe;
    probe.traces = {image_of(1, "GET /", proto::SlotState::kEnded)};
    FakeRing ring(1, 1);
    ring.thread("MainThread");
    const auto outer = ring.start(1);
    for (int i = 0; i < 100; ++i) {
        ring.finish(ring.start(2));
    }
    ring.finish(outer);
    probe.rings = {ring};
    probe.traces[0].emitted = ring.emitted();
    probe.closed = {1};
    return probe;
}

/// The hello of this test's own process, whose life the daemon can watch.
[[nodiscard]] proto::Hello living_hello(const FakeProbe& probe, pid_t pid) {
    proto::Hello hello = probe.hello();
    hello.pid = static_cast<std::uint64_t>(pid);
    hello.start_time = start_time_of(hello.pid).value_or(0);
    hello.boot_id = this_boot_id();
    return hello;
}

class Daemon : public testing::Test {
  protected:
    [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
    [[nodiscard]] std::filesystem::path socket() const { return folder() / "collector.sock"; }
    [[nodiscard]] std::string database() const { return (folder() / "db.sqlite3").string(); }
    [[nodiscard]] std::string text(const std::string& query) const {
        SQLite::Database store(database(), SQLite::OPEN_READONLY, 5000);
        return text_in(store, query);
    }
    [[nodiscard]] std::size_t events(std::uint64_t trace) const {
        SQLite::Database store(database(), SQLite::OPEN_READONLY, 5000);
        return events_of(store, trace).size();
    }

  private:
    TemporaryFolder folder_;
};

TEST_F(Daemon, StoresATraceAndEndsInOrder) {
    Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client client(socket());
    const auto welcome = client.say_hello(probe.hello());
    ASSERT_TRUE(welcome);
    EXPECT_TRUE(welcome->rings.empty());
    for (const Frames& message : probe.messages(*welcome)) {
        client.send(message);
    }
    EXPECT_TRUE(client.say_bye());
    client.close();
    EXPECT_TRUE(eventually([&] { return text("SELECT state FROM process") == "ended"; }));
    EXPECT_EQ(text("SELECT format('%s %s %s %d %d %s %s', name, kind, status, duration_ns, "
                   "activations, version, "
                   "git_sha) FROM trace"),
              "GET / request complete 2000000 101 0.1.0 0123456789abcdef0123456789abcdef01234567");
    EXPECT_EQ(text("SELECT argv FROM trace"), R"(["shop.py","--fast"])");
    EXPECT_EQ(text("SELECT started_at FROM trace"), "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(events(1), 202U);
    EXPECT_EQ(text("SELECT is_merged FROM trace"), "1");

    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.wait(), 0);
    EXPECT_FALSE(std::filesystem::exists(socket()));
    EXPECT_FALSE(std::filesystem::exists(database() + "-wal"))
        << "everything is in the database itself";
}

TEST_F(Daemon, CostsNothingWhileNobodyRecords) {
    const Program daemon = run_daemon(folder());
    {
        Client client(socket());
        ASSERT_TRUE(client.say_hello(small_probe().hello()));
        EXPECT_TRUE(client.say_bye());
    }
    ASSERT_TRUE(eventually([&] { return text("SELECT state FROM process") == "ended"; }));
    const auto cpu_ticks = [&daemon] {
        std::ifstream file("/proc/" + std::to_string(daemon.pid()) + "/stat");
        std::vector<std::string> fields(std::istream_iterator<std::string>(file), {});
        return std::stoul(fields.at(13)) + std::stoul(fields.at(14));  // utime, stime: 10 ms each
    };
    const auto before = cpu_ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_LE(cpu_ticks() - before, 10U) << "a loop that spins would have taken 50";
}

TEST_F(Daemon, SocketAndStoreAreForTheirOwnerOnly) {
    std::filesystem::create_directory(folder() / "deep");
    const auto kolo = folder() / "deep" / ".kolo";
    const Program daemon({KOLO_COLLECTORD, "--db", (kolo / "db.sqlite3").string()},
                         folder() / "output");
    const Client client(kolo / "collector.sock");
    const auto mode = [](const std::filesystem::path& path) {
        struct stat found {};
        EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
        return found.st_mode & 0777U;
    };
    EXPECT_EQ(mode(kolo), 0700U);
    for (const char* name :
         {"collector.sock", "db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "db.sqlite3.lock"}) {
        EXPECT_EQ(mode(kolo / name), 0600U) << name;
    }
    EXPECT_NE(text_of_file(kolo / ".gitignore").find("db.sqlite3*\n"), std::string::npos);
}

TEST_F(Daemon, ASecondOneRefusesAndAStaleSocketIsReplaced) {
    {
        Program first = run_daemon(folder());
        const Client client(socket());
        const Said second =
            run_to_end(folder(), {"--db", database(), "--socket", (folder() / "other").string()});
        EXPECT_EQ(second.code, 3);
        EXPECT_NE(second.text.find("already running"), std::string::npos);
        EXPECT_NE(second.text.find("pid " + std::to_string(first.pid())), std::string::npos);
        const Said third = run_to_end(
            folder(), {"--db", (folder() / "b").string(), "--socket", socket().string()});
        EXPECT_EQ(third.code, 3) << "the socket has a lock of its own";
        first.signal(SIGKILL);
        static_cast<void>(first.wait());
    }
    EXPECT_TRUE(std::filesystem::exists(socket())) << "left behind by the kill";
    const Program next = run_daemon(folder());
    EXPECT_NO_THROW(Client{socket()});
}

TEST_F(Daemon, APathLongerThanASocketAddressWorks) {
    const auto deep = folder() / std::string(100, 'a') / std::string(100, 'b');
    std::filesystem::create_directories(deep);
    const Program daemon({KOLO_COLLECTORD, "--db", (deep / "db.sqlite3").string()},
                         folder() / "output");
    Client client(deep / "collector.sock");
    EXPECT_TRUE(client.say_hello(small_probe().hello()));
    const Said status = run_to_end(folder(), {"status", "--db", (deep / "db.sqlite3").string()});
    EXPECT_EQ(status.code, 0) << status.text;
}

TEST_F(Daemon, StatusTellsWhoIsConnected) {
    EXPECT_EQ(run_to_end(folder(), {"status", "--db", database()}).code, 1) << "nobody listens yet";
    const Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client client(socket());
    const auto welcome = client.say_hello(living_hello(probe, ::getpid()));
    ASSERT_TRUE(welcome);
    for (const Frames& message : probe.messages(*welcome)) {
        client.send(message);
    }
    ASSERT_TRUE(client.wait_for(proto::MessageType::kAck));
    nlohmann::json status;
    EXPECT_TRUE(eventually([&] {
        status = nlohmann::json::parse(
            run_to_end(folder(), {"status", "--db", database(), "--json"}).text);
        return status["processes"].size() == 1 && status["processes"][0]["stored"] == 202;
    }));
    const auto& process = status["processes"][0];
    EXPECT_EQ(process["pid"], ::getpid());
    EXPECT_EQ(process["state"], "connected");
    EXPECT_EQ(process["emitted"], 202);
    EXPECT_EQ(process["lost"], 0);
    EXPECT_EQ(process["death_is_seen"], true);
    EXPECT_TRUE(status["trouble"].is_null());
    EXPECT_NE(run_to_end(folder(), {"status", "--db", database()}).text.find("shop.py --fast"),
              std::string::npos);
}

/// A process dies between two messages: what it had recorded is in its arena.
TEST_F(Daemon, TheArenaOfAKilledProcessIsSalvaged) {
    const Program daemon = run_daemon(folder());
    FakeProbe probe = small_probe();
    probe.traces[0] = image_of(1, "GET /slow/");
    FakeRing& ring = probe.rings[0];
    static_cast<void>(ring.start(3));  // it still ran
    const std::uint64_t last = ring.ticks();
    probe.traces[0].emitted = ring.emitted();
    const store::Descriptor arena = probe.arena();
    ASSERT_TRUE(arena);

    const pid_t victim = ::fork();
    if (victim == 0) {
        try {
            proto::Hello hello = living_hello(probe, ::getpid());
            hello.arena_bytes = proto::kMinArenaBytes;
            Client client(socket());
            if (client.say_hello(hello, arena.get())) {
                client.send(
                    probe.messages({}, true)[5]);  // one of many records, and never an answer
                client.send(probe.messages({}, true)[0]);
            }
            ::raise(SIGKILL);
        } catch (...) {
        }
        ::_exit(1);
    }
    int status = 0;
    ::waitpid(victim, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(eventually([&] { return text("SELECT state FROM process") == "crashed"; }));
    EXPECT_EQ(text("SELECT format('%s %d', status, duration_ns) FROM trace"),
              "crashed " + std::to_string(last - 1'000'000));
    EXPECT_EQ(events(1), 203U);
    EXPECT_EQ(text("SELECT format('%d %d %s', emitted, stored, accounting) FROM process"),
              "203 203 exact");
    EXPECT_EQ(text("SELECT count(*) FROM code"), "4");
}

TEST_F(Daemon, AProcessThatLosesItsConnectionIsOnlyDisconnected) {
    const Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    {
        Client client(socket());
        ASSERT_TRUE(client.say_hello(living_hello(probe, ::getpid())));
    }
    EXPECT_TRUE(eventually([&] { return text("SELECT state FROM process") == "disconnected"; }));
    Client again(socket());
    ASSERT_TRUE(again.say_hello(living_hello(probe, ::getpid())));
    EXPECT_TRUE(eventually([&] { return text("SELECT state FROM process") == "connected"; }));
}

TEST_F(Daemon, GarbageOnTheSocketHurtsNobodyElse) {
    const Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client good(socket());
    const auto welcome = good.say_hello(probe.hello());
    ASSERT_TRUE(welcome);
    {
        Client garbage(socket());
        garbage.send(Frames(5000, 0xEE));
        EXPECT_FALSE(garbage.wait_for(proto::MessageType::kWelcome)) << "closed";
    }
    {
        Client truncated(socket());
        Frames frame;
        proto::append_hello(frame, probe.hello());
        frame.resize(frame.size() / 2);
        truncated.send(frame);
    }
    {
        FakeProbe other(2);
        Client late(socket());
        ASSERT_TRUE(late.say_hello(other.hello()));
        late.send(Frames(5000, 0xEE));
        EXPECT_FALSE(late.wait_for(proto::MessageType::kAck) &&
                     late.wait_for(proto::MessageType::kAck))
            << "closed";
    }
    for (const Frames& message : probe.messages(*welcome)) {
        good.send(message);
    }
    EXPECT_TRUE(good.say_bye());
    EXPECT_EQ(events(1), 202U);
}

TEST_F(Daemon, WhatItCannotServeIsToldWhy) {
    const Program daemon = run_daemon(folder());
    const auto refusal = [&](proto::Hello hello, int descriptor) {
        Client client(socket());
        Frames frame;
        proto::append_hello(frame, hello);
        client.send(frame, descriptor);
        const auto body = client.wait_for(proto::MessageType::kRefused);
        return body ? proto::decode_refused(*body) : std::nullopt;
    };
    const FakeProbe probe = small_probe();
    proto::Hello future = probe.hello();
    future.protocol = proto::kProtocolVersion + 1;
    const auto protocol = refusal(future, -1);
    ASSERT_TRUE(protocol);
    EXPECT_EQ(protocol->reason, proto::RefusalReason::kProtocol);
    EXPECT_NE(protocol->message.find("install the same version"), std::string::npos)
        << protocol->message;

    proto::Hello with_arena = probe.hello();
    with_arena.arena_bytes = proto::kMinArenaBytes;
    const store::Descriptor sealed = probe.arena();
    const store::Descriptor open = probe.arena(false);
    const store::Descriptor file(::open((folder() / "file").c_str(), O_RDWR | O_CREAT, 0600));
    proto::Hello too_large = with_arena;
    too_large.arena_bytes *= 2;
    FakeProbe somebody_else(9);
    proto::Hello not_its_own = somebody_else.hello();
    not_its_own.arena_bytes = proto::kMinArenaBytes;
    for (const auto& [hello, descriptor] :
         std::vector<std::pair<proto::Hello, int>>{{with_arena, -1},
                                                   {with_arena, open.get()},
                                                   {with_arena, file.get()},
                                                   {too_large, sealed.get()},
                                                   {not_its_own, sealed.get()}}) {
        const auto arena = refusal(hello, descriptor);
        ASSERT_TRUE(arena);
        EXPECT_EQ(arena->reason, proto::RefusalReason::kArena);
    }
    Client client(socket());
    EXPECT_TRUE(client.say_hello(with_arena, sealed.get())) << "and a proper one is served";
}

TEST_F(Daemon, RefusesDatabasesThatAreNotItsOwn) {
    const auto refused = [&](const std::string& path) {
        const std::string before = text_of_file(path);
        const Said said = run_to_end(folder(), {"--db", path});
        EXPECT_EQ(said.code, 4) << said.text;
        EXPECT_EQ(text_of_file(path), before) << "not a byte of it is changed";
        return said.text;
    };
    std::ofstream(folder() / "text")
        << "this is no database, but long enough to hold a header of one hundred bytes: "
           "really, it is, and nobody may write to it";
    EXPECT_NE(refused((folder() / "text").string()).find("not an SQLite database"),
              std::string::npos);
    const Said as_folder = run_to_end(folder(), {"--db", folder().string()});
    EXPECT_EQ(as_folder.code, 4);
    EXPECT_NE(as_folder.text.find("is a folder"), std::string::npos);
    {
        SQLite::Database kolo((folder() / "kolo").string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        kolo.exec("PRAGMA journal_mode = WAL; CREATE TABLE traces (id TEXT PRIMARY KEY)");
    }
    EXPECT_NE(refused((folder() / "kolo").string()).find("Kolo made"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder() / "kolo-shm"));
    {
        SQLite::Database shop((folder() / "shop").string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        shop.exec("CREATE TABLE auth_user (id INTEGER)");
    }
    EXPECT_NE(refused((folder() / "shop").string()).find("not a store of kolo-probe"),
              std::string::npos);
    {
        SQLite::Database newer = store::open_store(folder() / "newer");
        newer.exec("PRAGMA user_version = 99");
        newer.exec("PRAGMA journal_mode = DELETE");
    }
    const Said said = run_to_end(folder(), {"--db", (folder() / "newer").string()});
    EXPECT_EQ(said.code, 4);
    EXPECT_NE(said.text.find("newer kolo-probe"), std::string::npos) << said.text;
}

TEST_F(Daemon, WithoutAPathItStoresBesideKolosDatabase) {
    const auto kolo = folder() / ".kolo";
    std::filesystem::create_directory(kolo);
    {
        SQLite::Database theirs((kolo / "db.sqlite3").string(),
                                SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        theirs.exec("CREATE TABLE traces (id TEXT PRIMARY KEY)");
    }
    const std::string before = text_of_file(kolo / "db.sqlite3");
    ASSERT_EQ(::setenv("KOLO_PATH", folder().c_str(), 1),
              0);  // NOLINT(concurrency-mt-unsafe): one thread
    {
        Program daemon({KOLO_COLLECTORD}, folder() / "output");
        EXPECT_NO_THROW(Client(kolo / "collector.sock"));
        EXPECT_NE(daemon.output().find("is Kolo's and left alone"), std::string::npos)
            << daemon.output();
        daemon.signal(SIGHUP);
        EXPECT_EQ(daemon.wait(), 0) << "its terminal was closed";
    }
    ::unsetenv("KOLO_PATH");  // NOLINT(concurrency-mt-unsafe): one thread
    EXPECT_EQ(store::file_kind(kolo / "probe.sqlite3"), store::FileKind::kStore);
    EXPECT_EQ(text_of_file(kolo / "db.sqlite3"), before);
}

TEST_F(Daemon, StopsWritingToADatabaseThatWasReplaced) {
    Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client client(socket());
    ASSERT_TRUE(client.say_hello(probe.hello()));
    ASSERT_TRUE(eventually([&] { return text("SELECT count(*) FROM process") == "1"; }));
    std::filesystem::rename(database(), database() + ".away");
    for (const Frames& message : probe.messages({})) {
        client.send(message);
    }
    EXPECT_EQ(daemon.wait(), 4);
    EXPECT_NE(daemon.output().find("moved, deleted or replaced"), std::string::npos)
        << daemon.output();
    SQLite::Database away(database() + ".away", SQLite::OPEN_READONLY, 5000);
    EXPECT_EQ(number_in(away, "SELECT count(*) FROM chunk"), 0)
        << "nothing was written after the move";
    EXPECT_EQ(number_in(away, "SELECT count(*) FROM process"), 1)
        << "and what was committed before is in it";
}

TEST_F(Daemon, ServesWhatIsConnectedWhenItIsToldToStop) {
    Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client client(socket());
    const auto welcome = client.say_hello(probe.hello());
    ASSERT_TRUE(welcome);
    daemon.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return daemon.output().find("signal") != std::string::npos; }));
    {
        Client late(socket());
        Frames frame;
        proto::append_hello(frame, FakeProbe(2).hello());
        late.send(frame);
        const auto body = late.wait_for(proto::MessageType::kRefused);
        ASSERT_TRUE(body);
        EXPECT_EQ(proto::decode_refused(*body)->reason, proto::RefusalReason::kStopping);
    }
    for (const Frames& message : probe.messages(*welcome)) {
        client.send(message);
    }
    EXPECT_TRUE(client.say_bye());
    client.close();
    EXPECT_EQ(daemon.wait(), 0);
    EXPECT_EQ(events(1), 202U);
}

TEST_F(Daemon, ASecondSignalEndsItAtOnce) {
    Program daemon = run_daemon(folder());
    Client client(socket());
    ASSERT_TRUE(client.say_hello(small_probe().hello()));
    daemon.signal(SIGINT);
    ASSERT_TRUE(eventually([&] { return daemon.output().find("signal") != std::string::npos; }));
    EXPECT_FALSE(daemon.has_ended());
    daemon.signal(SIGINT);
    EXPECT_EQ(daemon.wait(), 0);
}

TEST_F(Daemon, WaitsForAnotherProgramThatLocksTheDatabase) {
    const Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client client(socket());
    const auto welcome = client.say_hello(probe.hello());
    ASSERT_TRUE(welcome);
    ASSERT_TRUE(eventually([&] { return text("SELECT count(*) FROM process") == "1"; }));
    SQLite::Database other(database(), SQLite::OPEN_READWRITE, 5000);
    other.exec("BEGIN EXCLUSIVE");
    for (const Frames& message : probe.messages(*welcome)) {
        client.send(message);
    }
    EXPECT_TRUE(eventually([&] {
        const auto status = nlohmann::json::parse(
            run_to_end(folder(), {"status", "--db", database(), "--json"}).text);
        return !status["trouble"].is_null() &&
               status["trouble"].get<std::string>().find("locked by another program") !=
                   std::string::npos;
    }));
    EXPECT_EQ(number_in(other, "SELECT count(*) FROM chunk"), 0);
    other.exec("COMMIT");
    EXPECT_TRUE(client.say_bye());
    EXPECT_EQ(events(1), 202U);
}

TEST_F(Daemon, ASpawnedOneLeavesAfterItsLastConnection) {
    Program daemon = run_daemon(folder(), {"--spawned"});
    {
        Client client(socket());
        ASSERT_TRUE(client.say_hello(small_probe().hello()));
        EXPECT_TRUE(client.say_bye());
    }
    EXPECT_EQ(daemon.wait(), 0);
    EXPECT_TRUE(daemon.output().empty()) << daemon.output();
    EXPECT_NE(text_of_file(folder() / "collectord.log").find("listening"), std::string::npos);
}

TEST_F(Daemon, ANewConnectionReplacesTheOldOneOfItsProcess) {
    const Program daemon = run_daemon(folder());
    const FakeProbe probe = small_probe();
    Client old(socket());
    ASSERT_TRUE(old.say_hello(living_hello(probe, ::getpid())));
    Client fresh(socket());
    const auto welcome = fresh.say_hello(living_hello(probe, ::getpid()));
    ASSERT_TRUE(welcome);
    EXPECT_FALSE(old.wait_for(proto::MessageType::kAck)) << "closed";
    for (const Frames& message : probe.messages(*welcome)) {
        fresh.send(message);
    }
    EXPECT_TRUE(fresh.say_bye());
    EXPECT_EQ(events(1), 202U);
}

TEST_F(Daemon, AKilledDaemonsSuccessorSettlesWhatIsGone) {
    const FakeProbe probe = small_probe();
    {
        Program daemon = run_daemon(folder());
        Client client(socket());
        proto::Hello hello = living_hello(probe, ::getpid());
        hello.start_time += 1;  // no process has this pid and this start time
        const auto welcome = client.say_hello(hello);
        ASSERT_TRUE(welcome);
        client.send(probe.messages(*welcome)[1]);
        ASSERT_TRUE(eventually([&] { return text("SELECT count(*) FROM trace") == "1"; }));
        daemon.signal(SIGKILL);
        static_cast<void>(daemon.wait());
    }
    const Program next = run_daemon(folder());
    EXPECT_TRUE(eventually([&] { return text("SELECT state FROM process") == "unknown"; }));
    EXPECT_EQ(text("SELECT accounting FROM process"), "unknown");
    EXPECT_EQ(text("SELECT status FROM trace"), "interrupted");
}

}  // namespace
}  // namespace kolo::collectord::test

// Contract: list, show and node print what is stored, in the settled shapes, and say in one
// sentence and an exit code what is wrong with a database, a trace or an activation. Nothing is
// ever written to what they read.
#include "reader/commands.hpp"

#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "reader/value_json.hpp"
#include "tests/unit/reader/fake_store.hpp"
#include "tests/unit/reader/fake_trace.hpp"
#include "tests/unit/reader/printed.hpp"

namespace kolo::reader::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Result {
    int code = 0;
    std::string out;
    std::string errors;
};

Result kolo_trace(std::vector<std::string> words) {
    words.insert(words.begin(), "kolo-trace");
    std::vector<const char*> argv;
    argv.reserve(words.size());
    for (const std::string& word : words) {
        argv.push_back(word.c_str());
    }
    Printed out;
    Printed errors;
    Result result;
    result.code = run(static_cast<int>(argv.size()), argv.data(), Look{}, out.out(), errors.out());
    result.out = out.text();
    result.errors = errors.text();
    return result;
}

/// A trace of two calls; the second one raised.
store::StoredTrace small_trace(const std::string& id, const std::string& started_at) {
    FakeRing ring(1, kTrace);
    ring.after(1000).start(1, V().array(2).integer(3).text("Tea"));
    ring.after(2000).start(2, V().array(2).null().omitted(proto::Omitted::kRedacted));
    ring.after(500).raises(
        V().tagged(proto::Tag::kException, 2).text("builtins.ValueError").array(1).text("no"));
    ring.after(500).returns(V().integer(7).add(
        V().array(3).omitted(proto::Omitted::kUnchanged).text("Coffee").integer(1)));
    store::StoredTrace stored = stored_trace({ring.chunk()}, {"view", "load"});
    stored.trace.id = id;
    stored.trace.started_at = started_at;
    stored.trace.duration_ns = 4000;
    stored.trace.activations = 2;
    stored.trace.emitted = 4;
    stored.trace.stored = 4;
    stored.threads.push_back({1, 4711, 99, "MainThread"});
    return stored;
}

class Commands : public ::testing::Test {
  protected:
    Commands() : path_((folder_ / "db.sqlite3").string()), database_(make_store(path_)) {
        add_trace(database_, small_trace("trc_01A", "2026-11-23T05:00:00.000001Z"));
        add_trace(database_, small_trace("trc_01B", "2026-11-23T06:00:00.000001Z"),
                  Packing::kCompressed);
    }

    Result run_here(std::vector<std::string> words) {
        words.insert(words.end(), {"--db", path_});
        return kolo_trace(std::move(words));
    }

    TestFolder folder_;
    std::string path_;
    SQLite::Database database_;
};

TEST_F(Commands, ListShowsTheLatestFirst) {
    const Result result = run_here({"list"});
    EXPECT_EQ(result.code, kDone);
    EXPECT_THAT(result.out, StartsWith("NAME"));
    EXPECT_LT(result.out.find("trc_01B"), result.out.find("trc_01A"));
    EXPECT_EQ(result.errors, "");
}

TEST_F(Commands, ListAsJsonIsOneObjectALineWithTheSettledKeys) {
    const Result result = run_here({"list", "--json"});
    ASSERT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2);
    const auto line = Json::parse(result.out.substr(0, result.out.find('\n')));
    std::vector<std::string> keys;
    for (const auto& [key, value] : line.items()) {
        keys.push_back(key);
    }
    EXPECT_THAT(keys,
                ::testing::ElementsAre("id", "name", "kind", "status", "started_at", "duration_ns",
                                       "version", "git_sha", "argv", "pid", "activations", "lost"));
    EXPECT_EQ(line["id"], "trc_01B");
    EXPECT_EQ(line["argv"], (Json{"gunicorn", "-w", "2"}));
    EXPECT_EQ(line["git_sha"], nullptr);
    EXPECT_EQ(line["duration_ns"], 4000);
    EXPECT_EQ(line["pid"], 42);
}

TEST_F(Commands, ListCanBeCutToACount) {
    EXPECT_EQ(run_here({"list", "--json", "--count", "1"}).out.find("trc_01A"), std::string::npos);
}

TEST_F(Commands, ShowPrintsTheTree) {
    const Result result = run_here({"show", "latest"});
    EXPECT_EQ(result.code, kDone);
    EXPECT_THAT(result.out, HasSubstr("trc_01B  GET /\n"));
    EXPECT_THAT(result.out, HasSubstr("argv: gunicorn -w 2\n"));
    EXPECT_THAT(result.out, HasSubstr("2 activations, 4 events stored, none lost\n"));
    EXPECT_THAT(result.out, HasSubstr("1.0     3.00 µs  shop.view(a=3, b='Tea') → 7  view.py:10\n"
                                      "1.1      500 ns    shop.load(a=None, b=‹redacted›) ✗ raised "
                                      "ValueError('no')  load.py:20\n"));
}

TEST_F(Commands, ShowAsJsonHasTheSettledShape) {
    const Result result = run_here({"show", "trc_01A", "--json"});
    ASSERT_EQ(result.code, kDone);
    const Json shown = Json::parse(result.out);
    EXPECT_EQ(shown["trace"]["id"], "trc_01A");
    EXPECT_EQ(shown["threads"],
              Json::parse(R"([{"id":1,"name":"MainThread","native_id":4711,"ident":99}])"));
    EXPECT_EQ(shown["spans"], Json::array());
    EXPECT_EQ(shown["activations"], Json::parse(R"([
        {"id": "1.0", "parent_id": null, "thread_id": 1, "qualname": "shop.view",
         "path": "/srv/shop/view.py", "line": 10, "start_ns": 1000, "duration_ns": 3000,
         "outcome": "returned", "arguments": {"a": 3, "b": "Tea"}, "result": 7,
         "locals": {"a": 3, "b": "Coffee", "c": 1}, "exception": null},
        {"id": "1.1", "parent_id": "1.0", "thread_id": 1, "qualname": "shop.load",
         "path": "/srv/shop/load.py", "line": 20, "start_ns": 3000, "duration_ns": 500,
         "outcome": "raised",
         "arguments": {"a": null, "b": {"$type": "omitted", "$omitted": {"reason": "redacted"}}},
         "locals": null,
         "exception": {"$type": "exception", "class": "builtins.ValueError", "args": ["no"],
                       "message": "no", "line": null, "cause": null, "context": null}}])"));
}

TEST_F(Commands, NodeShowsOneActivationInFull) {
    const Result result = run_here({"node", "trc_01A", "1.0"});
    EXPECT_EQ(result.code, kDone);
    EXPECT_EQ(result.out,
              "shop.view  view.py:10\n"
              "id        1.0 of trc_01A\n"
              "called by nothing that was recorded\n"
              "thread    thread 1 \"MainThread\" (native id 4711)\n"
              "started   1.00 µs after the trace\n"
              "took      3.00 µs\n"
              "outcome   returned\n"
              "called    1 activation\n"
              "\narguments\n    a = 3\n    b = 'Tea'\n"
              "\nresult\n    7\n"
              "\nvariables at the end\n    a = 3\n    b = 'Coffee'\n    c = 1\n");
}

TEST_F(Commands, NodeAsJsonAddsWhatStandsAroundIt) {
    const Json node = Json::parse(run_here({"node", "latest", "1.1", "--json"}).out);
    EXPECT_EQ(node["id"], "1.1");
    EXPECT_EQ(node["parent_qualname"], "shop.view");
    EXPECT_EQ(node["children"], 0);
    EXPECT_EQ(node["thread"]["name"], "MainThread");
    EXPECT_EQ(node["trace_id"], "trc_01B");
}

TEST_F(Commands, ATraceIsNamedByAnyUniqueBeginningOfItsId) {
    EXPECT_EQ(run_here({"show", "trc_01A"}).code, kDone);
    EXPECT_EQ(run_here({"show", "01A"}).code, kDone);
    EXPECT_EQ(run_here({"show", "01a"}).code, kDone);
    const Result several = run_here({"show", "01"});
    EXPECT_EQ(several.code, kNotFound);
    EXPECT_THAT(several.errors, AllOf(HasSubstr("trc_01A"), HasSubstr("trc_01B")));
    EXPECT_EQ(several.out, "");
}

TEST_F(Commands, WhatDoesNotExistIsExitCode1) {
    EXPECT_EQ(run_here({"show", "trc_01X"}).code, kNotFound);
    EXPECT_EQ(run_here({"show", "%"}).code, kNotFound) << "not a wildcard";
    EXPECT_EQ(run_here({"node", "latest", "1.9"}).code, kNotFound);
}

TEST_F(Commands, WrongUsageIsExitCode2) {
    EXPECT_EQ(kolo_trace({}).code, kUsage);
    EXPECT_EQ(kolo_trace({"show"}).code, kUsage);
    EXPECT_EQ(kolo_trace({"frobnicate"}).code, kUsage);
    EXPECT_EQ(run_here({"node", "latest", "seventeen"}).code, kUsage);
    EXPECT_EQ(run_here({"node", "latest", "1.2.3"}).code, kUsage);
    EXPECT_EQ(run_here({"list", "--count", "many"}).code, kUsage);
}

TEST_F(Commands, HelpNamesTheCommandsThatExist) {
    const Result help = kolo_trace({"--help"});
    EXPECT_EQ(help.code, kDone);
    EXPECT_THAT(help.out, AllOf(HasSubstr("list"), HasSubstr("show"), HasSubstr("node"),
                                HasSubstr("Examples:"), HasSubstr("Exit codes:")));
    EXPECT_THAT(help.out, Not(HasSubstr("export")));
    EXPECT_EQ(kolo_trace({"show", "--help"}).code, kDone);
    EXPECT_THAT(kolo_trace({"--version"}).out, StartsWith("kolo-trace "));
}

TEST_F(Commands, ReadsWhileAnotherWrites) {
    database_.exec("BEGIN IMMEDIATE");
    database_.exec("UPDATE trace SET name = 'not committed'");
    const Result result = run_here({"list"});
    EXPECT_EQ(result.code, kDone);
    EXPECT_THAT(result.out, AllOf(HasSubstr("GET /"), Not(HasSubstr("not committed"))));
    database_.exec("ROLLBACK");
}

TEST_F(Commands, ReadsWhatADeadCollectorLeftInTheLog) {
    // As after SIGKILL: the files as they were, without a checkpoint and without the shared memory.
    const std::string copy = (folder_ / "copy.sqlite3").string();
    std::filesystem::copy_file(path_, copy);
    ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0U);
    std::filesystem::copy_file(path_ + "-wal", copy + "-wal");
    const Result result = kolo_trace({"list", "--json", "--db", copy});
    EXPECT_EQ(result.code, kDone);
    EXPECT_THAT(result.out, HasSubstr("trc_01A"));
}

TEST_F(Commands, SaysWhichEventsWereLost) {
    store::StoredTrace lossy = small_trace("trc_01C", "2026-11-23T07:00:00.000001Z");
    lossy.trace.emitted = 20;
    lossy.losses = {{"ring_full", 12}, {"start_dropped", 3}};
    add_trace(database_, lossy);
    const Result shown = run_here({"show", "latest"});
    EXPECT_THAT(shown.out, HasSubstr("! lost 15 events: ring_full 12, start_dropped 3\n"
                                     "! neither stored nor counted as lost: 1 event\n"));
    EXPECT_THAT(shown.out, Not(HasSubstr("none lost")));
    EXPECT_EQ(Json::parse(run_here({"list", "--json", "-n", "1"}).out)["lost"], 15);
}

TEST_F(Commands, AChunkThatCannotBeUnpackedIsSaid) {
    database_.exec("UPDATE chunk SET data = x'00112233', codec = 1");
    EXPECT_THAT(run_here({"show", "latest"}).out, HasSubstr("! 1 chunk left out"));
    database_.exec("UPDATE chunk SET codec = 77");
    EXPECT_EQ(
        Json::parse(
            run_here({"show", "latest", "--json"}).out)["trace"]["notes"]["unreadable_chunks"],
        1);
}

class OtherFiles : public ::testing::Test {
  protected:
    Result list(const std::string& path) { return kolo_trace({"list", "--db", path}); }
    TestFolder folder_;
};

TEST_F(OtherFiles, AMissingDatabaseIsSaidAndNotMade) {
    const std::string path = (folder_ / "none.sqlite3").string();
    const Result result = list(path);
    EXPECT_EQ(result.code, kDatabaseProblem);
    EXPECT_THAT(result.errors, AllOf(HasSubstr(path), HasSubstr("does not exist")));
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(OtherFiles, WhatIsNoDatabaseIsRefused) {
    const std::string text = (folder_ / "notes.txt").string();
    std::ofstream(text) << std::string(4096, 'x');
    EXPECT_EQ(list(text).code, kDatabaseProblem);
    EXPECT_THAT(list(text).errors, HasSubstr("not an SQLite database"));
    EXPECT_EQ(list(folder_.path().string()).code, kDatabaseProblem);
    EXPECT_THAT(list(folder_.path().string()).errors, HasSubstr("is a folder"));
    const std::string empty = (folder_ / "empty.sqlite3").string();
    std::ofstream(empty).close();
    EXPECT_EQ(list(empty).code, kDatabaseProblem);
    EXPECT_EQ(std::filesystem::file_size(empty), 0U);
}

TEST_F(OtherFiles, SomebodyElsesDatabaseIsRefused) {
    const std::string path = (folder_ / "other.sqlite3").string();
    SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("CREATE TABLE note (text)");
    EXPECT_EQ(list(path).code, kDatabaseProblem);
    EXPECT_THAT(list(path).errors, HasSubstr("not a store of kolo-probe"));
}

TEST_F(OtherFiles, AKolosDatabaseIsRefusedByNameAndPassedOverByDefault) {
    std::filesystem::create_directory(folder_ / ".kolo");
    const auto kolos = folder_ / ".kolo/db.sqlite3";
    SQLite::Database(kolos.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("CREATE TABLE traces (id TEXT PRIMARY KEY)");
    EXPECT_EQ(list(kolos.string()).code, kDatabaseProblem);
    EXPECT_THAT(list(kolos.string()).errors, HasSubstr("probe.sqlite3"));

    auto ours = make_store(folder_ / ".kolo/probe.sqlite3");
    add_trace(ours, small_trace("trc_01A", "2026-11-23T05:00:00.000001Z"));
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the test has one thread
    ::setenv("KOLO_PATH", folder_.path().c_str(), 1);
    const Result result = kolo_trace({"list"});
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the test has one thread
    ::unsetenv("KOLO_PATH");
    EXPECT_EQ(result.code, kDone);
    EXPECT_THAT(result.out, HasSubstr("trc_01A"));
    EXPECT_THAT(result.errors, HasSubstr("probe.sqlite3"));
}

TEST_F(OtherFiles, ANewerSchemaIsRefused) {
    const std::string path = (folder_ / "db.sqlite3").string();
    make_store(path).exec("PRAGMA user_version = 99");
    const Result result = list(path);
    EXPECT_EQ(result.code, kDatabaseProblem);
    EXPECT_THAT(result.errors, AllOf(HasSubstr("later version"), HasSubstr("99")));
}

TEST_F(OtherFiles, ADamagedStoreIsSaid) {
    const std::string path = (folder_ / "db.sqlite3").string();
    {
        auto database = make_store(path);
        add_trace(database, small_trace("trc_01A", "2026-11-23T05:00:00.000001Z"));
        database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(8UL * 4096, '\xAA');
    file.close();
    const Result result = list(path);
    EXPECT_EQ(result.code, kDatabaseProblem);
    EXPECT_NE(result.errors, "");
}

}  // namespace
}  // namespace kolo::reader::testing

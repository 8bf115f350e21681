#include "store/schema.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.hpp"
#include "store/location.hpp"
#include "store/recalling.hpp"
#include "store/writing.hpp"

namespace kolo::store::test {
namespace {

[[nodiscard]] std::string pragma(SQLite::Database& database, const std::string& name) {
    return database.execAndGet("PRAGMA " + name).getString();
}

TEST(OpenStore, MakesAStore) {
    const Folder folder;
    SQLite::Database store = open_store(folder / "db.sqlite3");
    EXPECT_EQ(pragma(store, "journal_mode"), "wal");
    EXPECT_EQ(pragma(store, "synchronous"), "1");
    EXPECT_EQ(pragma(store, "auto_vacuum"), "2") << "incremental, from before the first table on";
    EXPECT_EQ(pragma(store, "page_size"), "4096");
    EXPECT_EQ(pragma(store, "application_id"), std::to_string(kApplicationId));
    EXPECT_EQ(pragma(store, "user_version"), std::to_string(kSchemaVersion));
    struct stat found {};
    ASSERT_EQ(::stat((folder / "db.sqlite3").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
    EXPECT_EQ(file_kind(folder / "db.sqlite3"), FileKind::kStore);
}

TEST(OpenStore, HasThePublicTables) {
    const Folder folder;
    SQLite::Database store = open_store(folder / "db.sqlite3");
    EXPECT_NO_THROW(store.exec(
        "SELECT id, name, kind, status, started_at, duration_ns, version, git_sha, argv, "
        "process_id, is_pinned FROM trace"));
    for (const char* table : {"process", "thread", "code", "span", "loss"}) {
        EXPECT_TRUE(store.tableExists(table)) << table;
    }
}

TEST(OpenStore, OpensItsOwnAgain) {
    const Folder folder;
    {
        SQLite::Database store = open_store(folder / "db.sqlite3");
        store.exec("INSERT INTO clock VALUES (1, 2, 3, 4)");
    }
    SQLite::Database store = open_store(folder / "db.sqlite3");
    EXPECT_EQ(store.execAndGet("SELECT realtime_ns FROM clock").getInt(), 4);
}

TEST(OpenStore, TakesAnEmptyFile) {
    const Folder folder;
    std::ofstream(folder / "db.sqlite3").flush();
    EXPECT_NO_THROW(static_cast<void>(open_store(folder / "db.sqlite3")));
}

TEST(OpenStore, ClosesAStoreToOthers) {
    const Folder folder;
    static_cast<void>(open_store(folder / "db.sqlite3"));
    ASSERT_EQ(::chmod((folder / "db.sqlite3").c_str(), 0644), 0);
    static_cast<void>(open_store(folder / "db.sqlite3"));
    struct stat found {};
    ASSERT_EQ(::stat((folder / "db.sqlite3").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST(OpenStore, RefusesANewerStore) {
    const Folder folder;
    {
        SQLite::Database store = open_store(folder / "db.sqlite3");
        store.exec("PRAGMA user_version = 3");
    }
    try {
        static_cast<void>(open_store(folder / "db.sqlite3"));
        FAIL() << "opened";
    } catch (const StoreRefused& refused) {
        EXPECT_NE(std::string(refused.what()).find("schema version 3"), std::string::npos)
            << refused.what();
    }
}

TEST(OpenStore, SaysWhyAFileCannotBeMade) {
    try {
        static_cast<void>(open_store("/proc/no/such/folder/db.sqlite3"));
        FAIL() << "opened";
    } catch (const StoreRefused& refused) {
        EXPECT_NE(std::string(refused.what()).find("/proc/no/such/folder"), std::string::npos)
            << refused.what();
    }
}

TEST(OpenStore, RefusesADamagedStore) {
    const Folder folder;
    static_cast<void>(open_store(folder / "db.sqlite3"));
    {
        std::fstream file(folder / "db.sqlite3", std::ios::in | std::ios::out);
        file.seekp(100);
        file << std::string(4000, 'x');
    }
    EXPECT_THROW(static_cast<void>(open_store(folder / "db.sqlite3")), StoreRefused);
}

constexpr Migration kMadeUp[] = {
    {1, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)"},
    {2, "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7"},
    {3, "UPDATE a SET y = y + x"},
};

TEST(Migrate, GoesForwardFromWhereverAStoreStands) {
    for (const std::size_t already : {0U, 1U, 2U, 3U}) {
        SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        migrate(database, std::span(kMadeUp).first(already));
        migrate(database, kMadeUp);
        EXPECT_EQ(pragma(database, "user_version"), "3");
        EXPECT_EQ(database.execAndGet("SELECT y FROM a").getInt(), 8) << "each step once";
    }
}

TEST(Migrate, LeavesAStepThatFailsUndone) {
    const Migration broken[] = {
        kMadeUp[0], {2, "ALTER TABLE a ADD COLUMN z INTEGER; SELECT no_such_function()"}};
    SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    EXPECT_THROW(migrate(database, broken), SQLite::Exception);
    EXPECT_EQ(pragma(database, "user_version"), "1");
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM pragma_table_info('a')").getInt(), 1);
}

TEST(Writing, PutTwiceIsPutOnce) {
    const Folder folder;
    SQLite::Database store = open_store(folder / "db.sqlite3");
    StoreWriter writer(store);
    ProcessRow process;
    process.key = ProcessKey{1};
    process.uuid.bytes.fill(3);
    TraceRow trace;
    trace.key = TraceKey{1};
    trace.id = "trc_0";
    trace.number = 5;
    Losses losses{};
    losses[0] = 4;
    losses[12] = 1;  // reasons of a later version
    losses[13] = 2;
    for (std::uint64_t round = 1; round <= 2; ++round) {
        writer.begin();
        process.emitted = round;
        trace.stored = round;
        writer.put_process(process);
        writer.put_trace(process.key, trace);
        writer.put_ring(process.key, {7, {UINT64_MAX, 8}, round});
        writer.put_losses(process.key, &trace.key, losses);
        writer.put_losses(process.key, nullptr, losses);
        writer.commit();
    }
    const auto recalled = recall_process(store, process.uuid);
    ASSERT_TRUE(recalled);
    EXPECT_EQ(recalled->row.emitted, 2U);
    ASSERT_EQ(recalled->rings.size(), 1U);
    EXPECT_EQ(recalled->rings[0].stored, (proto::Position{UINT64_MAX, 8})) << "64 bits, unsigned";
    ASSERT_EQ(recalled->traces.size(), 1U);
    EXPECT_EQ(recalled->traces[0].row.stored, 2U);
    EXPECT_EQ(recalled->traces[0].losses[0], 4U);
    EXPECT_EQ(
        store.execAndGet("SELECT group_concat(reason || events) FROM loss WHERE trace_key IS NULL")
            .getString(),
        "ring_full4,unknown3");
}

TEST(Writing, AFailedTransactionLeavesNothing) {
    const Folder folder;
    SQLite::Database store = open_store(folder / "db.sqlite3");
    StoreWriter writer(store);
    ProcessRow process;
    process.key = ProcessKey{1};
    writer.begin();
    writer.put_process(process);
    writer.rollback();
    writer.rollback();  // without one: nothing happens
    EXPECT_EQ(store.execAndGet("SELECT count(*) FROM process").getInt(), 0);
    writer.begin();
    EXPECT_NO_THROW(writer.put_process(process)) << "statements are ready for the next time";
    writer.commit();
}

}  // namespace
}  // namespace kolo::store::test

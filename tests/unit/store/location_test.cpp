#include "store/location.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "folder.hpp"
#include "store/files.hpp"
#include "store/schema.hpp"

namespace kolo::store::test {
namespace {

void make_database(const std::filesystem::path& path, const std::string& sql) {
    SQLite::Database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec(sql);
}

TEST(FileKind, TellsWhatStandsThere) {
    const Folder folder;
    EXPECT_EQ(file_kind(folder / "nothing"), FileKind::kMissing);
    EXPECT_EQ(file_kind(folder.path()), FileKind::kFolder);
    EXPECT_EQ(file_kind("/dev/null"), FileKind::kNotDatabase);
    std::ofstream(folder / "empty").flush();
    EXPECT_EQ(file_kind(folder / "empty"), FileKind::kEmpty);
    std::ofstream(folder / "short") << "SQLite format 3";
    EXPECT_EQ(file_kind(folder / "short"), FileKind::kNotDatabase);
    std::ofstream(folder / "long") << std::string(5000, 'x');
    EXPECT_EQ(file_kind(folder / "long"), FileKind::kNotDatabase);
    std::ofstream(folder / "fake")
        << std::string("SQLite format 3\0", 16) << std::string(5000, 'x');
    EXPECT_EQ(file_kind(folder / "fake"), FileKind::kNotDatabase);
    make_database(folder / "foreign", "CREATE TABLE auth_user (id INTEGER)");
    EXPECT_EQ(file_kind(folder / "foreign"), FileKind::kForeign);
    static_cast<void>(open_store(folder / "ours"));
    EXPECT_EQ(file_kind(folder / "ours"), FileKind::kStore);
}

TEST(FileKind, KnowsKolosDatabaseAndLeavesNoTraceInIt) {
    const Folder folder;
    make_database(folder / "a?b#c%d.sqlite3",
                  "CREATE TABLE traces (id TEXT PRIMARY KEY NOT NULL, msgpack BLOB)");
    const std::string before = text_of(folder / "a?b#c%d.sqlite3");
    EXPECT_EQ(file_kind(folder / "a?b#c%d.sqlite3"), FileKind::kKolo);
    EXPECT_EQ(text_of(folder / "a?b#c%d.sqlite3"), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
        << "no log, no shared memory";
}

TEST(FileKind, SeesATableThatIsOnlyInTheLog) {
    const Folder folder;
    SQLite::Database kolo((folder / "kolo").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    kolo.exec(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE traces (id TEXT)");
    EXPECT_EQ(file_kind(folder / "kolo"), FileKind::kKolo);
}

TEST(FileKind, LooksWhileKoloHoldsItsDatabaseLocked) {
    const Folder folder;
    SQLite::Database kolo((folder / "kolo").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    kolo.exec("CREATE TABLE traces (id TEXT); BEGIN EXCLUSIVE");
    EXPECT_EQ(file_kind(folder / "kolo"), FileKind::kKolo);
}

TEST(DefaultDatabase, IsBesideKolosOwn) {
    const Folder folder;
    EXPECT_EQ(default_database(folder.path()).path, folder / "db.sqlite3");
    EXPECT_FALSE(default_database(folder.path()).is_beside_kolo);
    make_database(folder / "db.sqlite3", "CREATE TABLE traces (id TEXT)");
    EXPECT_EQ(default_database(folder.path()).path, folder / "probe.sqlite3");
    EXPECT_TRUE(default_database(folder.path()).is_beside_kolo);
}

TEST(Refusal, SaysWhatToDo) {
    for (const FileKind kind :
         {FileKind::kKolo, FileKind::kForeign, FileKind::kNotDatabase, FileKind::kFolder}) {
        const auto reason = refusal(kind, "/shop/.kolo/db.sqlite3");
        ASSERT_TRUE(reason);
        EXPECT_NE(reason->find("/shop/.kolo/db.sqlite3"), std::string::npos) << *reason;
        EXPECT_NE(reason->find("--db"), std::string::npos) << *reason;
    }
    for (const FileKind kind : {FileKind::kMissing, FileKind::kEmpty, FileKind::kStore}) {
        EXPECT_FALSE(refusal(kind, "/shop/.kolo/db.sqlite3"));
    }
}

TEST(Ignoring, AddsOnlyWhatIsMissing) {
    const Folder folder;
    ignore_our_files(folder.path());
    const std::string once = text_of(folder / ".gitignore");
    EXPECT_NE(once.find("db.sqlite3*\n"), std::string::npos);
    EXPECT_NE(once.find("collector.sock*\n"), std::string::npos);
    ignore_our_files(folder.path());
    EXPECT_EQ(text_of(folder / ".gitignore"), once);
}

TEST(Ignoring, KeepsWhatKoloWroteThere) {
    const Folder folder;
    std::ofstream(folder / ".gitignore") << "traces/\ndb.sqlite3*";  // no newline at the end
    ignore_our_files(folder.path());
    const std::string text = text_of(folder / ".gitignore");
    EXPECT_TRUE(text.starts_with("traces/\ndb.sqlite3*\nprobe.sqlite3*\n")) << text;
}

TEST(Ignoring, LeavesAFolderThatIgnoresEverything) {
    const Folder folder;
    std::ofstream(folder / ".gitignore") << "*\n";
    ignore_our_files(folder.path());
    EXPECT_EQ(text_of(folder / ".gitignore"), "*\n");
}

TEST(PrivateFolder, IsMadeWithItsParentsAndClosedToOthers) {
    const Folder folder;
    const auto kolo = folder.path() / "a" / "b" / ".kolo";
    EXPECT_FALSE(make_private_folder(kolo));
    struct stat found {};
    ASSERT_EQ(::stat(kolo.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0700U);
    EXPECT_FALSE(make_private_folder(kolo)) << "it may be there already";
}

TEST(PrivateFolder, SaysWhenAFileIsInTheWay) {
    const Folder folder;
    std::ofstream(folder / ".kolo").flush();
    EXPECT_TRUE(make_private_folder(folder / ".kolo"));
    EXPECT_TRUE(make_private_folder(folder.path() / ".kolo" / "below"));
}

}  // namespace
}  // namespace kolo::store::test

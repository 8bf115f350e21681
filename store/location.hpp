// Which file is the store: the default beside a folder `.kolo`, and what a file that stands there
// is.
//
// Kolo itself keeps a database at the same place. It is recognised by its table `traces`, looked at
// without a lock and without a write, and never touched: Kolo 3 moves it away at its first command,
// and Kolo 2's vacuum blocks it. Used by the collector and by the reader, so that both choose the
// same file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace kolo::store {

/// PRAGMA application_id of a store of ours: "KPRO".
inline constexpr std::int32_t kApplicationId = 0x4B50524F;

enum class FileKind : std::uint8_t {
    kMissing,
    kEmpty,        // no bytes yet: SQLite makes such a file, and so does touch
    kStore,        // ours
    kKolo,         // a database that Kolo made
    kForeign,      // some other SQLite database
    kNotDatabase,  // some other file
    kFolder,
    kUnreadable,
};

/// Looks at `path` without writing anything: no journal, no shared memory, no lock.
[[nodiscard]] FileKind file_kind(const std::filesystem::path& path);

/// Where the store of a folder `.kolo` lies.
struct DefaultDatabase {
    std::filesystem::path path;
    bool is_beside_kolo = false;  // db.sqlite3 is Kolo's, so it is probe.sqlite3
};
[[nodiscard]] DefaultDatabase default_database(const std::filesystem::path& folder);

/// The folder `.kolo`: below KOLO_PATH, else below the current folder.
[[nodiscard]] std::filesystem::path default_folder();

/// The absolute form of `path`, without resolving links: messages and comparisons use it.
[[nodiscard]] std::filesystem::path absolute_path(const std::filesystem::path& path);

/// Adds the names of our files to `.gitignore` in `folder` where they are missing. A folder that
/// cannot be written to is left as it is: nothing depends on it.
void ignore_our_files(const std::filesystem::path& folder);

/// Why `kind` cannot be opened as a store at `path`, and the way out; nothing when it can.
[[nodiscard]] std::optional<std::string> refusal(FileKind kind, const std::filesystem::path& path);

}  // namespace kolo::store

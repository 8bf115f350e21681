// Opening the store for writing: made when missing, brought forward when older, refused when it
// cannot be ours.
//
// Owned by the collector's writer, which is the only one to write. The reader opens for itself
// (reading.hpp). Starting up must fail loudly, so these functions throw StoreRefused with a message
// for the user.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <span>
#include <stdexcept>
#include <string_view>

namespace kolo::store {

inline constexpr int kSchemaVersion = 2;

/// schema.sql and schema_2.sql, as compiled in.
extern const std::string_view kSchemaSql;
extern const std::string_view kSchema2Sql;

/// The store cannot be used; what() says what happened, to what, and what to do.
class StoreRefused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// One step forward: `sql` takes a store of version `to` - 1 to version `to`.
struct Migration {
    int to = 0;
    std::string_view sql;
};

/// All steps of this version of the program, in order. The first makes an empty file version 1.
[[nodiscard]] std::span<const Migration> migrations();

/// Takes `database` as far forward as `steps` lead, each step and its version number in one
/// transaction. Throws StoreRefused when the database is newer than the last step.
void migrate(SQLite::Database& database, std::span<const Migration> steps);

/// Opens or makes the store at `path`: file 0600, WAL, synchronous NORMAL, no automatic
/// checkpoints.
[[nodiscard]] SQLite::Database open_store(const std::filesystem::path& path);

}  // namespace kolo::store

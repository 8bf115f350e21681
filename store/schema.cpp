#include "store/schema.hpp"

#include <array>
#include <string>

#include "store/files.hpp"
#include "store/location.hpp"

namespace kolo::store {

namespace {

/// How long opening waits for somebody who holds a lock; a writer that runs has its own back-off.
constexpr int kOpenTimeoutMs = 5000;

void prepare(SQLite::Database& database, const std::filesystem::path& path) {
    const int version = database.execAndGet("PRAGMA user_version").getInt();
    if (version == 0) {
        // Both must stand before the first table; on a store that has tables they would do nothing.
        database.exec("PRAGMA page_size = 4096");
        database.exec("PRAGMA auto_vacuum = INCREMENTAL");
        database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    }
    const std::string mode = database.execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode != "wal") {
        throw StoreRefused(
            path.string() +
            ": its file system does not support SQLite's write-ahead log (journal mode is \"" +
            mode +
            "\"); network file systems usually do not. Put the store on a local disk with --db.");
    }
    database.exec("PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA wal_autocheckpoint = 0");
    database.exec("PRAGMA cache_size = -16384");
    migrate(database, migrations());
    if (version == 0) {
        // So that the file alone, moved away without its log, is a store.
        database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

}  // namespace

std::span<const Migration> migrations() {
    static const std::array<Migration, kSchemaVersion> steps = {Migration{1, kSchemaSql},
                                                                Migration{2, kSchema2Sql}};
    return steps;
}

void migrate(SQLite::Database& database, std::span<const Migration> steps) {
    const auto stored_version = [&database] {
        return database.execAndGet("PRAGMA user_version").getInt();
    };
    const int newest = steps.empty() ? 0 : steps.back().to;
    if (const int version = stored_version(); version > newest) {
        throw StoreRefused(database.getFilename() + " has schema version " +
                           std::to_string(version) + ", and this program knows versions up to " +
                           std::to_string(newest) +
                           ": it was written by a newer kolo-probe. Install that version, or give "
                           "another path with --db.");
    }
    for (const Migration& step : steps) {
        if (step.to <= stored_version()) {
            continue;
        }
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        // Read again under the lock: somebody else may have taken this step meanwhile.
        if (stored_version() == step.to - 1) {
            database.exec(std::string(step.sql));
            database.exec("PRAGMA user_version = " + std::to_string(step.to));
        }
        transaction.commit();
    }
}

SQLite::Database open_store(const std::filesystem::path& path) {
    if (const auto reason = refusal(file_kind(path), path)) {
        throw StoreRefused(*reason);
    }
    if (const auto error = make_private_file(path)) {
        throw StoreRefused(
            path.string() + " cannot be written: " + *error +
            ". Mend its permissions (or those of its folder), or give another path with --db.");
    }
    try {
        SQLite::Database database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                  kOpenTimeoutMs);
        prepare(database, path);
        return database;
    } catch (const SQLite::Exception& error) {
        throw StoreRefused(
            path.string() + " cannot be opened: " + error.what() +
            ". If another program holds it, close that one; if the file is damaged, move it away.");
    }
}

}  // namespace kolo::store

#include "tests/unit/reader/fake_store.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <stdlib.h>

#include <array>
#include <string>

#include "store/chunks.hpp"
#include "store/schema.hpp"

namespace kolo::reader::testing {

namespace {

void bind_optional(SQLite::Statement& statement, int at, const std::optional<std::string>& value) {
    if (value) {
        statement.bind(at, *value);
    }
}

std::int64_t add_process(SQLite::Database& database, const store::StoredTrace& stored) {
    const std::int64_t id =
        database.execAndGet("SELECT ifnull(max(id), 0) + 1 FROM process").getInt64();
    SQLite::Statement insert(
        database,
        "INSERT INTO process (id, uuid, pid, own_pid, start_time, boot_id, host,"
        " python, implementation, version, argv, cwd, state, accounting,"
        " connected_at) VALUES (?, randomblob(16), ?, 1, 1, 'boot', ?, ?, ?, ?, ?,"
        " ?, ?, ?, '')");
    insert.bind(1, id);
    insert.bind(2, stored.trace.pid);
    insert.bind(3, stored.process.host);
    insert.bind(4, stored.process.python);
    insert.bind(5, stored.process.implementation);
    insert.bind(6, stored.trace.version);
    insert.bind(7, stored.trace.argv);
    insert.bind(8, stored.process.cwd);
    insert.bind(9, stored.process.state);
    insert.bind(10, stored.process.accounting);
    insert.exec();
    return id;
}

void add_codes(SQLite::Database& database, std::int64_t process, const store::StoredTrace& stored) {
    for (const store::StoredCode& code : stored.codes) {
        SQLite::Statement insert(database,
                                 "INSERT INTO code (process_id, number, name, qualname, path,"
                                 " first_line, flags, argument_count, variables)"
                                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        insert.bind(1, process);
        insert.bind(2, code.number);
        insert.bind(3, code.name);
        bind_optional(insert, 4, code.qualname);
        insert.bind(5, code.path);
        insert.bind(6, code.first_line);
        insert.bind(7, code.flags);
        insert.bind(8, code.argument_count);
        insert.bind(9, code.variables);
        insert.exec();
    }
    for (const store::StoredThread& thread : stored.threads) {
        SQLite::Statement insert(database,
                                 "INSERT INTO thread (process_id, ring, native_id, ident, name)"
                                 " VALUES (?, ?, ?, ?, ?)");
        insert.bind(1, process);
        insert.bind(2, thread.ring);
        insert.bind(3, static_cast<std::int64_t>(thread.native_id));
        insert.bind(4, static_cast<std::int64_t>(thread.ident));
        bind_optional(insert, 5, thread.name);
        insert.exec();
    }
}

void add_losses(SQLite::Database& database, std::int64_t process, std::int64_t trace,
                const store::StoredTrace& stored) {
    for (const store::StoredLoss& loss : stored.losses) {
        SQLite::Statement insert(
            database,
            "INSERT INTO loss (process_id, trace_key, reason, events) VALUES (?, ?, ?, ?)");
        insert.bind(1, process);
        insert.bind(2, trace);
        insert.bind(3, loss.reason);
        insert.bind(4, loss.events);
        insert.exec();
    }
}

void add_chunks(SQLite::Database& database, std::int64_t trace, const store::StoredTrace& stored,
                Packing packing) {
    store::ChunkCompressor compressor;
    for (std::size_t i = 0; i < stored.chunks.size(); ++i) {
        const proto::Bytes raw = stored.chunk(i);
        std::vector<std::uint8_t> data(raw.begin(), raw.end());
        if (packing == Packing::kCompressed) {
            data = compressor.compress(raw);
        }
        SQLite::Statement insert(
            database,
            "INSERT INTO chunk (trace_key, format, codec, events, raw_bytes, data)"
            " VALUES (?, 1, ?, 0, ?, ?)");
        insert.bind(1, trace);
        insert.bind(2, packing == Packing::kCompressed ? 1 : 0);
        insert.bind(3, static_cast<std::int64_t>(raw.size()));
        insert.bind(4, data.data(), static_cast<int>(data.size()));
        insert.exec();
    }
}

}  // namespace

TestFolder::TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kolo-reader-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("no temporary folder");
    }
    path_ = name;
}

TestFolder::~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

SQLite::Database make_store(const std::filesystem::path& path) { return store::open_store(path); }

std::int64_t add_trace(SQLite::Database& database, const store::StoredTrace& stored,
                       Packing packing) {
    SQLite::Transaction transaction(database);
    const std::int64_t process = add_process(database, stored);
    SQLite::Statement insert(
        database,
        "INSERT INTO trace (id, process_id, number, name, kind, status, started_at,"
        " duration_ns, version, git_sha, argv, begin_ticks, emitted, stored,"
        " activations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const store::TraceSummary& trace = stored.trace;
    insert.bind(1, trace.id);
    insert.bind(2, process);
    insert.bind(3, static_cast<std::int64_t>(trace.number));
    bind_optional(insert, 4, trace.name);
    insert.bind(5, trace.kind);
    insert.bind(6, trace.status);
    insert.bind(7, trace.started_at);
    if (trace.duration_ns) {
        insert.bind(8, *trace.duration_ns);
    }
    insert.bind(9, trace.version);
    bind_optional(insert, 10, trace.git_sha);
    insert.bind(11, trace.argv);
    insert.bind(12, static_cast<std::int64_t>(trace.begin_ticks));
    insert.bind(13, trace.emitted);
    insert.bind(14, trace.stored);
    insert.bind(15, trace.activations);
    insert.exec();
    const std::int64_t key = database.getLastInsertRowid();
    add_codes(database, process, stored);
    add_losses(database, process, key, stored);
    add_chunks(database, key, stored, packing);
    transaction.commit();
    return key;
}

}  // namespace kolo::reader::testing

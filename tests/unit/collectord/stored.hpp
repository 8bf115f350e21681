// What a store holds, in the words of a test: events decoded from chunks, rows by name.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "proto/decoder.hpp"
#include "proto/slice.hpp"
#include "store/chunks.hpp"
#include "store/schema.hpp"

namespace kolo::collectord::test {

/// (kind, ring, ordinal, code, ticks); in order of ring and position.
using StoredEvent = std::tuple<int, std::uint32_t, std::uint64_t, std::uint32_t, std::uint64_t>;

[[nodiscard]] inline SQLite::Database memory_store() {
    SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    store::migrate(database, store::migrations());
    return database;
}

[[nodiscard]] inline std::int64_t number_in(SQLite::Database& database, const std::string& query) {
    return database.execAndGet(query).getInt64();
}

[[nodiscard]] inline std::string text_in(SQLite::Database& database, const std::string& query) {
    SQLite::Statement statement(database, query);
    return statement.executeStep() ? statement.getColumn(0).getString() : "";
}

/// All events of a trace; also checks that every chunk is what its columns say.
[[nodiscard]] inline std::vector<StoredEvent> events_of(SQLite::Database& database,
                                                        std::uint64_t number) {
    std::vector<std::vector<std::uint8_t>> plain;
    SQLite::Statement query(
        database,
        "SELECT codec, raw_bytes, data FROM chunk JOIN trace ON trace.key = chunk.trace_key "
        "WHERE trace.number = ? ORDER BY chunk.id");
    query.bind(1, static_cast<std::int64_t>(number));
    while (query.executeStep()) {
        const SQLite::Column data = query.getColumn(2);
        const auto* bytes = static_cast<const std::uint8_t*>(data.getBlob());
        auto raw = store::chunk_bytes(static_cast<store::Codec>(query.getColumn(0).getInt()),
                                      {bytes, static_cast<std::size_t>(data.getBytes())},
                                      static_cast<std::size_t>(query.getColumn(1).getInt64()));
        if (!raw) {
            throw std::runtime_error("a chunk that does not unpack");
        }
        plain.push_back(std::move(*raw));
    }
    const auto merged = proto::merge_chunks({plain.begin(), plain.end()});
    if (!merged) {
        throw std::runtime_error("a chunk that is no slices");
    }
    std::vector<StoredEvent> events;
    proto::SliceReader reader(*merged);
    while (const auto slice = reader.next()) {
        proto::Decoder decoder(slice->records, proto::state_at(*slice, proto::TraceNumber{number}));
        auto status = decoder.next();
        for (; status != proto::DecodeStatus::kEnd; status = decoder.next()) {
            if (status == proto::DecodeStatus::kBroken) {
                throw std::runtime_error("records that do not decode");
            }
            if (status == proto::DecodeStatus::kEvent) {
                const proto::Event& event = decoder.event();
                events.emplace_back(static_cast<int>(event.kind), proto::to_integer(event.id.ring),
                                    event.id.ordinal, proto::to_integer(event.code), event.ticks);
            }
        }
    }
    return events;
}

}  // namespace kolo::collectord::test

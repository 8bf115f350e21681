// Writing the store: prepared statements behind plain structs. Knows no order and no policy; the
// collector has both.
//
// Owned by the collector's writer thread. Every function throws SQLite::Exception when the database
// does; put what belongs together between begin() and commit(), and after an exception call
// rollback() and do all of it again.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/clock.hpp"
#include "proto/codes.hpp"
#include "store/packing.hpp"
#include "store/rows.hpp"

namespace kolo::store {

class StoreWriter {
  public:
    explicit StoreWriter(SQLite::Database& database);

    void begin();
    void commit();
    /// Never throws: after some errors SQLite has rolled back by itself.
    void rollback() noexcept;

    void put_process(const ProcessRow& row);
    void put_clock(ProcessKey process, const proto::ClockPair& clock);
    void put_ring(ProcessKey process, const RingRow& row);
    void put_thread(ProcessKey process, const ThreadRow& row);
    /// A code that is there already stays as it is.
    void put_code(ProcessKey process, const proto::CodeDefinition& code);
    void put_trace(ProcessKey process, const TraceRow& row);
    /// `trace` nothing: lost by the process, but in no trace of its own.
    void put_losses(ProcessKey process, const TraceKey* trace, const Losses& losses);

    /// `start_ns`: from the trace's start; `end`: where it is known already.
    void put_span(TraceKey trace, const SpanRow& row, std::int64_t start_ns,
                  const std::optional<SpanEnd>& end);
    void end_span(TraceKey trace, const SpanEnd& end);

    void add_plain_chunk(TraceKey trace, proto::Bytes slices, std::uint64_t events);
    void add_packed(ProcessKey process, TraceKey trace, const PackedTrace& packed);
    /// The plain chunks of a trace, oldest first.
    [[nodiscard]] std::vector<std::vector<std::uint8_t>> plain_chunks(TraceKey trace);
    void delete_plain_chunks(TraceKey trace);

  private:
    [[nodiscard]] SQLite::Statement make(std::string_view sql) const;

    SQLite::Database& database_;
    SQLite::Statement begin_;
    SQLite::Statement commit_;
    SQLite::Statement process_;
    SQLite::Statement clock_;
    SQLite::Statement ring_;
    SQLite::Statement thread_;
    SQLite::Statement code_;
    SQLite::Statement trace_;
    SQLite::Statement loss_;
    SQLite::Statement span_;
    SQLite::Statement span_end_;
    SQLite::Statement chunk_;
    SQLite::Statement trace_code_;
    SQLite::Statement plain_;
    SQLite::Statement delete_plain_;
};

}  // namespace kolo::store

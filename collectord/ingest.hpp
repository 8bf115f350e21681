// Takes what processes send and makes rows of it: hellos, messages, disconnections and deaths in,
// commits out.
//
// Lives on the writer thread and owns the model; knows no socket and no clock but the wall's, so
// that a test drives it byte by byte. Whatever is wrong with a process's bytes is told to the
// caller, who closes that connection; whatever is wrong with the database is thrown by commit()
// (SQLite::Exception), which may be called again.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collectord/commit.hpp"
#include "collectord/model.hpp"
#include "proto/messages.hpp"
#include "store/files.hpp"
#include "store/packing.hpp"
#include "store/recalling.hpp"
#include "store/writing.hpp"

namespace kolo::collectord {

/// A process that may still be there and has not said hello to this collector.
struct Awaited {
    proto::ProcessId process;
    std::string boot_id;
    std::uint64_t pid = 0;  // 0: of another namespace
    std::uint64_t start_time = 0;
};

class Ingest {
  public:
    explicit Ingest(SQLite::Database& database);

    /// A process says hello on a new connection. `pid`: as the kernel told it; 0 when it could not.
    [[nodiscard]] proto::Welcome hello(SessionId session, const proto::Hello& hello,
                                       std::uint64_t pid);
    /// Bytes of the stream behind the hello. Returns what is wrong with them; the connection is of
    /// no use then.
    [[nodiscard]] std::optional<std::string> received(SessionId session,
                                                      const proto::ProcessId& process,
                                                      proto::Bytes bytes);
    /// The connection is gone, the process perhaps not.
    void disconnected(SessionId session, const proto::ProcessId& process);
    /// The process is gone. `arena`: its descriptor, or an empty one when there is none.
    /// `relieve` is called now and then, and may commit.
    void died(const proto::ProcessId& process, const store::Descriptor& arena,
              const std::function<void()>& relieve);

    /// At the start: the processes that an earlier collector left connected or disconnected.
    [[nodiscard]] std::vector<Awaited> recall_awaited();
    /// Nobody knows what became of this process: accounting unknown, its open traces interrupted.
    void settle_unknown(const proto::ProcessId& process);
    /// At the end: what is connected now will be found as disconnected by the next collector.
    void leave();

    /// Puts everything that changed into the store, in one transaction.
    [[nodiscard]] std::vector<CommittedAck> commit();

    [[nodiscard]] bool has_changes() const noexcept { return model_.changed; }
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return model_.pending_bytes; }
    /// Somebody waits for the next commit (a bye, a hello's rows).
    [[nodiscard]] bool is_urgent() const noexcept { return urgent_; }
    [[nodiscard]] const Model& model() const noexcept { return model_; }

  private:
    [[nodiscard]] Process& recall_or_make(const proto::Hello& hello);
    [[nodiscard]] Process* recall(const proto::ProcessId& uuid);
    /// Takes whole frames off the front of `left`.
    [[nodiscard]] std::optional<std::string> take_frames(Process& process, proto::Bytes& left);
    [[nodiscard]] std::optional<std::string> take(Process& process, const proto::Frame& frame);
    [[nodiscard]] std::optional<std::string> take_codes(Process& process, proto::Bytes body);
    [[nodiscard]] std::optional<std::string> take_code_entries(Process& process,
                                                               std::uint64_t offset,
                                                               proto::Bytes entries);
    [[nodiscard]] std::optional<std::string> take_trace(Process& process, proto::Bytes body);
    [[nodiscard]] std::optional<std::string> take_trace_image(Process& process,
                                                              const proto::TraceImage& image);
    [[nodiscard]] std::optional<std::string> take_block(Process& process, proto::Bytes body);
    [[nodiscard]] std::optional<std::string> take_small(Process& process,
                                                        const proto::Frame& frame);
    void apply_counts(Process& process, const proto::CountsMessage& counts);
    void close_trace(Process& process, std::uint64_t number);
    /// The process is over in this way; its traces that have an end are complete, the others are
    /// `open_ones`.
    void settle_process(Process& process, store::ProcessState state, store::TraceStatus open_ones);
    [[nodiscard]] Trace* find_trace(Process& process, std::uint64_t number);

    SQLite::Database& database_;
    store::StoreWriter writer_;
    store::StoredTraces stored_traces_;
    store::Packer packer_;
    Model model_;
    bool urgent_ = false;
};

}  // namespace kolo::collectord

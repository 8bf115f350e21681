// An application that records, without an interpreter: arena, rings and slots, written as the
// recorder writes them. For tests of everything behind the recorder.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probe/arena.hpp"
#include "probe/ring.hpp"
#include "probe/ring_registry.hpp"
#include "proto/codes.hpp"
#include "proto/ids.hpp"
#include "proto/loss.hpp"

namespace kolo::probe {

/// One thread's ring, with its stack of running activations. Used by one thread at a time.
class Thread {
  public:
    Thread(Arena& arena, RingShared& shared) : shared_(shared), ring_(arena, shared) {}

    /// Starts a call, with `payload` bytes of values. False: no room; nothing is recorded of it,
    /// and its end must not be either.
    bool start(std::uint32_t code, proto::TraceNumber trace, std::uint32_t payload = 0);
    /// Ends the innermost recorded call; its room was held back.
    void end();
    /// start() and end().
    bool call(std::uint32_t code, proto::TraceNumber trace) {
        return start(code, trace) && (end(), true);
    }
    /// Counts an event as emitted and does not record it.
    void drop(proto::TraceNumber trace) { static_cast<void>(ring_.count_emitted(trace)); }

    /// As the recorder does it when nothing runs.
    void park() { ring_.park(); }
    void unpark() { ring_.unpark(); }
    void finish() { ring_.finish(); }

    [[nodiscard]] Ring& ring() { return ring_; }
    [[nodiscard]] const RingShared& shared() const { return shared_; }
    [[nodiscard]] std::uint64_t starts() const { return starts_; }
    [[nodiscard]] std::uint64_t events() const { return events_; }

  private:
    struct Running {
        proto::ActivationId id;
        proto::ActivationId parent;
        std::uint32_t code;
        proto::TraceNumber trace;
    };

    void follow(proto::TraceNumber trace, const proto::ActivationId& current);

    RingShared& shared_;
    Ring ring_;
    std::vector<Running> running_;
    std::uint64_t starts_ = 0;
    std::uint64_t events_ = 0;
};

class Recording {
  public:
    explicit Recording(std::uint64_t arena_bytes = proto::kMinArenaBytes);

    [[nodiscard]] Arena& arena() { return *arena_; }
    [[nodiscard]] RingRegistry& rings() { return rings_; }
    [[nodiscard]] proto::ProcessId id() const { return arena_->header().process; }

    [[nodiscard]] Thread make_thread();
    void define_code(std::uint32_t number, const std::string& name);

    proto::TraceNumber begin_trace();
    void end_trace(proto::TraceNumber number);
    void set_open_roots(proto::TraceNumber number, std::uint32_t open_roots);
    void lose(proto::TraceNumber number, proto::LossReason reason);
    /// Leaves the slot in the middle of a change, or ends that change.
    void hold_slot(proto::TraceNumber number, bool held);
    [[nodiscard]] bool holds(proto::TraceNumber number);

  private:
    [[nodiscard]] proto::TraceSlot* slot_of(proto::TraceNumber number);

    std::unique_ptr<Arena> arena_;
    RingRegistry rings_;
    std::uint32_t next_ring_ = 1;
    std::uint64_t next_trace_ = 1;
};

}  // namespace kolo::probe

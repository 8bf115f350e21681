// Writes a thread's events into its ring as records, values included, and waits for room where the
// user wants that.
//
// Part of the thread's recorder; called under the GIL on that thread. No call runs Python code,
// allocates outside slow paths, or leaves an exception behind. It lets go of the GIL only to wait
// for room (when_full = "wait"), for `wait` at the most. When there is no room, starts and
// resumptions say so and nothing is written; an end always has its place (see ring.hpp), but may
// lose its value to a marker.
#pragma once

#include <Python.h>

#include <cstdint>

#include "probe/codes.hpp"
#include "probe/encoder.hpp"
#include "probe/frame_stack.hpp"
#include "probe/process.hpp"
#include "probe/reprs.hpp"
#include "probe/ring.hpp"
#include "proto/records.hpp"

namespace kolo::probe {

/// A frame as a hook hands it over.
struct FrameEvent {
    PyThreadState* thread;
    FrameRef frame;
    PyCodeObject* code;
    CodeInfo* info;
    /// Result, yielded value or exception; null when there is none or it cannot be seen.
    PyObject* value = nullptr;
    /// Of an exception that is not normalised; otherwise the exception's own type tells.
    PyObject* exception_type = nullptr;
    /// Of an exception that the interpreter has not given its traceback yet (before 3.12).
    PyObject* traceback = nullptr;
    /// What objects say of themselves, where the user asked for that.
    ReprTexts* reprs = nullptr;
};

/// The texts of a span's record: each a str, or null. At its end `kind` is none, and `subtype` is
/// the outcome.
struct SpanText {
    PyObject* kind = nullptr;
    PyObject* type = nullptr;
    PyObject* subtype = nullptr;
    PyObject* name = nullptr;
};

class RecordWriter {
  public:
    RecordWriter(Process& process, RingShared& shared) noexcept
        : process_(process),
          settings_(process.configuration.settings),
          ring_(*process.arena, shared) {}

    /// `running`: segments that run on this thread and are recorded, the one that starts or goes on
    /// not among them.
    [[nodiscard]] bool start(const FrameEvent& event, const Activation& activation,
                             std::uint32_t running) noexcept;
    [[nodiscard]] bool resume(const FrameEvent& event, const Activation& activation, bool thrown,
                              std::uint32_t running) noexcept;
    /// `running`: the same, the one that is left not among them. False only where its room was not
    /// held back.
    [[nodiscard]] bool leave(const FrameEvent& event, const Activation& activation, Exit exit,
                             std::uint32_t running) noexcept;

    /// Finds the objects of the event whose repr is wanted, as start() and leave() would encode
    /// them. Writes nothing.
    void find_reprs_at_start(const FrameEvent& event, ReprTexts& texts) const noexcept;
    void find_reprs_at_end(const FrameEvent& event, Exit exit, ReprTexts& texts) const noexcept;

    /// Says in `trace` that nothing could be seen from `begin` to `end` (0: it is still so). Left
    /// out where there is no room.
    void blind(const TraceRef& trace, proto::Ticks begin, proto::Ticks end,
               std::uint32_t running) noexcept;

    /// One record of a span; `data` is a dict, or null. False: no room.
    [[nodiscard]] bool span(proto::RecordKind kind, std::uint64_t span, const TraceRef& trace,
                            const proto::ActivationId& current, const SpanText& text,
                            PyObject* data, std::uint32_t running) noexcept;

    [[nodiscard]] Ring& ring() noexcept { return ring_; }

  private:
    [[nodiscard]] bool acquire_room(std::uint32_t bytes, std::uint32_t running) noexcept {
        return (!is_out_of_patience_ && ring_.make_room(bytes, running)) ||
               acquire_scarce_room(bytes, running);
    }
    [[nodiscard]] bool acquire_scarce_room(std::uint32_t bytes, std::uint32_t running) noexcept;
    [[nodiscard]] bool wait_for_room(std::uint32_t bytes, std::uint32_t running) noexcept;

    void write_thread(std::uint32_t running) noexcept;
    void write_context(const TraceRef& trace, const proto::ActivationId& current,
                       proto::Ticks now) noexcept;
    void write_long(proto::RecordKind kind, const Activation& activation, std::uint32_t payload,
                    proto::Ticks now) noexcept;
    void write_short(const Activation& activation, Exit exit, bool is_none, std::uint32_t payload,
                     std::uint32_t delta) noexcept;
    template <typename Encode>
    void find_reprs(ReprTexts& texts, Encode encode) const noexcept;
    [[nodiscard]] bool is_short_end(const Activation& activation, Exit exit) const noexcept;

    /// Encodes a payload where it belongs, behind a fixed part of `fixed()` bytes; returns its
    /// size. Goes on in a new block when this one is too short, so `fixed` and every delta must be
    /// asked for again afterwards.
    template <typename Fixed, typename Encode>
    [[nodiscard]] std::uint32_t encode_payload(Fixed fixed, std::uint32_t running,
                                               const EncodeLimits& limits, Encode encode) noexcept;
    template <typename Fixed, typename Encode>
    [[nodiscard]] std::uint32_t encode_payload(Fixed fixed, std::uint32_t running,
                                               Encode encode) noexcept {
        return encode_payload(fixed, running, settings_.limits, encode);
    }
    void encode_outcome(Encoder& encoder, const FrameEvent& event, Exit exit) const noexcept;
    void encode_exception(Encoder& encoder, const FrameEvent& event) const noexcept;
    void encode_arguments(Encoder& encoder, const FrameEvent& event,
                          std::uint32_t count) const noexcept;
    void encode_locals(Encoder& encoder, const FrameEvent& event) const noexcept;

    Process& process_;
    const Settings& settings_;
    Ring ring_;
    bool introduced_ = false;  // the thread record is written
    // A stall ran out: dropping, not waiting, until a quarter of the arena is free.
    bool is_out_of_patience_ = false;
};

}  // namespace kolo::probe

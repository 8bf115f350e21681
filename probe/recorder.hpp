// Turns what a hook saw on one thread into events of a trace: finds the trace, keeps the frame
// stack, counts what is emitted and lost; RecordWriter writes the records.
//
// One per thread, made at the thread's first accepted frame, destroyed at its end. Every call comes
// under the GIL from the thread it belongs to. No call runs Python code (but for reprs that the
// user asked for: reprs.hpp), allocates outside slow paths, or leaves an exception behind. Fork:
// the child drops the forking thread's recorder without touching the ring. When it must drop: see
// ring.hpp; the start is counted as lost and so is its end.
#pragma once

#include <Python.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "probe/frame_stack.hpp"
#include "probe/greenlet.hpp"
#include "probe/process.hpp"
#include "probe/processors.hpp"
#include "probe/record_writer.hpp"

namespace kolo::probe {

class Recorder {
  public:
    Recorder(Process& process, std::unique_ptr<RingShared> ring);
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    void start(const FrameEvent& event) noexcept {
        if (is_dispatching_ || event.info->processors) [[unlikely]] {
            return start_processed(event);
        }
        record_call(event);
    }
    /// A suspended frame goes on; `thrown` when by throw().
    void resume(const FrameEvent& event, bool thrown) noexcept {
        if (is_dispatching_ || event.info->processors) [[unlikely]] {
            return resume_processed(event, thrown);
        }
        record_going_on(event, thrown);
    }
    /// A frame is left: by return, by an exception, or for a while by yield or await.
    void leave(const FrameEvent& event, Exit exit) noexcept {
        if (is_dispatching_ || event.info->processors) [[unlikely]] {
            return leave_processed(event, exit);
        }
        record_leaving(event, exit);
    }

    /// Spans (recorder_spans.cpp), in the trace and activation of here and now. 0: no trace, or no
    /// room, which is counted.
    [[nodiscard]] std::uint64_t begin_span(const SpanText& span, PyObject* data) noexcept;
    void add_span(const SpanText& span, PyObject* data) noexcept;
    /// `trace`: the one that the span began in.
    void end_span(std::uint64_t span, const TraceRef& trace, const SpanText& text,
                  PyObject* data) noexcept;

    /// Another tool took the hook's place on this thread: what runs here will end unseen. Counts
    /// those ends as lost.
    void lose_running() noexcept;
    [[nodiscard]] bool is_running() const noexcept { return running_ != 0; }

    /// From `begin` on nothing of the process is seen: says so in this thread's trace.
    void blind_from(proto::Ticks begin) noexcept;
    /// From `begin` to `end` nothing was: says so in every live trace.
    void blind_until(proto::Ticks begin, proto::Ticks end) noexcept;

    void push_boundary(const TraceRef& trace) noexcept;
    void remove_boundary(const TraceRef& trace) noexcept;
    /// Adds what was counted for the current trace to its slot.
    void settle_counts() noexcept;
    /// The trace of this thread's plain calls when nothing else tells one (its starter's).
    void adopt(const TraceRef& trace) noexcept { adopted_ = trace; }
    /// The trace a start would belong to here and now, and its parent.
    struct Place {
        TraceRef trace;
        proto::ActivationId parent;
        bool trace_is_over = false;  // ended too long ago for new starts
    };
    [[nodiscard]] Place place() noexcept { return place_on(PyThreadState_Get()); }

    [[nodiscard]] const Process& process() const noexcept { return process_; }

  private:
    void record_call(const FrameEvent& event) noexcept;
    void record_going_on(const FrameEvent& event, bool thrown) noexcept;
    void record_leaving(const FrameEvent& event, Exit exit) noexcept;

    /// Of code that processors match, and what runs while they do (recorder_spans.cpp): that is
    /// nothing of the program's, and is not seen.
    void start_processed(const FrameEvent& event) noexcept;
    void resume_processed(const FrameEvent& event, bool thrown) noexcept;
    void leave_processed(const FrameEvent& event, Exit exit) noexcept;
    /// False when this process is no longer the recorder's: a processor forked.
    bool ask_processors(const FrameEvent& event, ProcessedEvent what) noexcept;
    bool write_span(proto::RecordKind kind, std::uint64_t span, const Place& place,
                    const SpanText& text, PyObject* data) noexcept;

    [[nodiscard]] Ring& ring() noexcept { return writer_.ring(); }
    /// With reprs that the user asked for (recorder_reprs.cpp); each comes back with them.
    void start_asking(const FrameEvent& event) noexcept;
    void leave_asking(const FrameEvent& event, Exit exit) noexcept;
    /// False when a repr forked, or ended all recording: the event is no longer this process's.
    [[nodiscard]] bool ask_reprs(ReprTexts& texts) const noexcept;
    void follow_greenlet() noexcept {
        if (const void* now = current_greenlet(); now != greenlet_) {
            switch_greenlet(now);
        }
    }
    /// Takes the parked block back before, and parks it after, what may write.
    void enter() noexcept;
    void unpark() noexcept;
    void leave_idle() noexcept;

    /// Counts an event as emitted.
    void count(const TraceRef& trace) noexcept;
    void record_start(const FrameEvent& event, const Place& place, StackEntry& entry) noexcept;
    void open_root(const TraceRef& trace) noexcept;
    void close_stale(const FrameEvent& event) noexcept;
    [[nodiscard]] Place place_on(const PyThreadState* thread) noexcept;
    [[nodiscard]] Place find_place(const StackEntry* nearest, bool in_same_context) noexcept;
    void switch_greenlet(const void* now) noexcept;
    [[nodiscard]] TraceRef trace_of_parent_greenlet() const noexcept;
    void leave_recorded(const FrameEvent& event, const StackEntry& entry, Exit exit,
                        const TraceRef& boundary) noexcept;
    void leave_suspended(const FrameEvent& event, Exit exit) noexcept;
    void record_resume(const FrameEvent& event, bool thrown, StackEntry& entry) noexcept;
    void suspend(const void* frame, const Activation& activation, EntryKind kind,
                 const TraceRef& boundary) noexcept;
    [[nodiscard]] TraceRef drop_entries_above(std::size_t index) noexcept;
    /// A root that is over no longer keeps its trace open; nothing happens for other activations.
    void close_activation(const Activation& activation) noexcept;
    [[nodiscard]] bool is_over(const TraceRef& trace) const noexcept;

    Process& process_;
    const bool asks_reprs_;
    RecordWriter writer_;
    FrameStack stack_;
    std::uint32_t running_ = 0;  // recorded segments on all of this thread's stacks
    bool parked_ = false;
    bool is_dispatching_ = false;  // processors run on this thread
    TraceRef counting_;            // the trace that the ring's count is for
    // What process_.traces_ended was when counting_ was last seen live: until it moves on, it still
    // is.
    std::uint64_t live_until_ = 0;
    TraceRef adopted_;
    const void* greenlet_ = nullptr;
    std::vector<std::pair<const void*, FrameStack>> other_greenlets_;
};

/// This thread's recorder, made when there is none; null when the process does not record.
[[nodiscard]] Recorder* ensure_recorder(Process& process) noexcept;
/// This thread's recorder, if it has one in the current process.
[[nodiscard]] Recorder* current_recorder() noexcept;
/// In a forked child: forgets the forking thread's recorder.
void forget_recorder() noexcept;

}  // namespace kolo::probe

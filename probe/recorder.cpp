#include "probe/recorder.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <new>

#include "probe/leaked.hpp"
#include "probe/reprs.hpp"
#include "probe/ticks.hpp"
#include "probe/traces.hpp"

namespace kolo::probe {

namespace {

constexpr std::uint64_t kNeverLive = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kJoinableNs = 30'000'000'000;

/// Destroyed when its thread ends, also a thread that Python did not start. initial-exec: a look-up
/// costs one instruction, and the variable is a pointer, so that the static TLS reserve of glibc is
/// not used up.
thread_local std::unique_ptr<Recorder> t_owned;
thread_local Recorder* t_recorder __attribute__((tls_model("initial-exec"))) = nullptr;

/// What is suspended at the frame's address, when it is of the frame's code: where the end of a
/// generator is withheld (3.13) another one may lie there by now whose start was not seen either,
/// on a thread that the profile hook is not set on.
[[nodiscard]] Suspended* find_suspended(Process& process, const FrameEvent& event) noexcept {
    Suspended* const found = process.suspended.find(event.frame.address);
    const bool is_other =
        found != nullptr && found->kind == EntryKind::kRecorded &&
        (event.info->process != process.serial || event.info->number != found->activation.code);
    return is_other ? nullptr : found;
}

}  // namespace

Recorder::Recorder(Process& process, std::unique_ptr<RingShared> ring)
    : process_(process),
      asks_reprs_(process.configuration.settings.values &&
                  process.configuration.settings.reprs.any()),
      writer_(process, *ring) {
    process.rings.add(*ring.release());  // the drain owns it from here on
}

Recorder::~Recorder() {
    for (std::size_t i = 0; i < stack_.size(); ++i) {
        close_activation(stack_[i].activation);
    }
    settle_counts();
    if (!parked_) {
        ring().park();
    }
    ring().finish();
    if (current_process() == &process_) {
        process_.drain.wake();
    }
}

// --- entering and leaving
// -------------------------------------------------------------------------------------------

void Recorder::switch_greenlet(const void* now) noexcept {
    if (greenlet_ == nullptr) {
        // Until now greenlet was not loaded: what is on the stack runs in the thread's first one.
        greenlet_ = first_greenlet();
        if (now == greenlet_) {
            return;
        }
    }
    const auto find = [this](const void* greenlet) {
        return std::find_if(other_greenlets_.begin(), other_greenlets_.end(),
                            [greenlet](const auto& other) { return other.first == greenlet; });
    };
    try {
        if (!stack_.empty()) {
            other_greenlets_.emplace_back(greenlet_, std::move(stack_));
        }
        stack_ = FrameStack{};
        if (const auto there = find(now); there != other_greenlets_.end()) {
            stack_ = std::move(there->second);
            other_greenlets_.erase(there);
        }
    } catch (const std::bad_alloc&) {
        stack_ = FrameStack{};
    }
    greenlet_ = now;
}

void Recorder::enter() noexcept {
    follow_greenlet();
    unpark();
}

void Recorder::unpark() noexcept {
    if (parked_) {
        ring().unpark();
        parked_ = false;
    }
}

void Recorder::leave_idle() noexcept {
    if (running_ == 0) {
        settle_counts();
        ring().park();
        parked_ = true;
    }
}

void Recorder::record_call(const FrameEvent& event) noexcept {
    if (asks_reprs_ && event.reprs == nullptr) [[unlikely]] {
        return start_asking(event);
    }
    enter();
    close_stale(event);
    const Place place = place_on(event.thread);
    StackEntry* const entry = stack_.push();
    if (entry != nullptr) {
        entry->frame = event.frame.address;
        entry->context = current_context(event.thread);
        entry->activation.trace = place.trace;
        entry->activation.parent = place.parent;
        if (place.trace) {
            record_start(event, place, *entry);
        }
    } else if (place.trace) {
        count(place.trace);
        process_.count_lost(place.trace, proto::LossReason::kStackFull);
    }
    leave_idle();
}

void Recorder::record_start(const FrameEvent& event, const Place& place,
                            StackEntry& entry) noexcept {
    count(place.trace);  // before anything is written: what a crash tears off was emitted
    entry.kind = EntryKind::kStartDropped;
    if (place.trace_is_over) {
        process_.count_lost(place.trace, proto::LossReason::kTraceEnded);
        return;
    }
    if (event.info->process != process_.serial) {
        define_code(*event.info, event.code, frame_globals(event.frame), *process_.arena,
                    process_.serial, process_.next_code);
    }
    entry.activation.code = event.info->number;
    if (!writer_.start(event, entry.activation, running_)) {
        process_.count_lost(place.trace, proto::LossReason::kRingFull);
        return;
    }
    entry.kind = EntryKind::kRecorded;
    entry.activation.id = {ring().number(), ring().next_ordinal() - 1};
    ++running_;
    if (!place.parent) {
        entry.activation.is_root = true;
        open_root(place.trace);
    }
}

void Recorder::open_root(const TraceRef& trace) noexcept {
    if (process_.holds(trace)) {
        // relaxed: the drain thread only compares it with zero, after the slot was ended (release)
        process_.slot(trace).open_roots.fetch_add(1, std::memory_order_relaxed);
    }
}

void Recorder::close_stale(const FrameEvent& event) noexcept {
    // A frame at a known address: what was there is gone, and no event told its end.
    if (event.info->can_suspend) {
        if (Suspended* const gone = process_.suspended.find(event.frame.address)) {
            close_activation(gone->activation);
            process_.suspended.erase(gone);
        }
    }
    if (!stack_.empty() && stack_.top().frame == event.frame.address) {
        const StackEntry gone = stack_.top();
        stack_.pop();
        running_ -= gone.kind == EntryKind::kRecorded ? 1 : 0;
        close_activation(gone.activation);
    }
}

void Recorder::record_going_on(const FrameEvent& event, bool thrown) noexcept {
    if (asks_reprs_ && ReprTexts::is_asking()) [[unlikely]] {
        return;
    }
    Suspended* const suspended = find_suspended(process_, event);
    if (suspended == nullptr) {
        return;  // started before tracing, or in a trace that was not found
    }
    enter();
    const TraceRef boundary = suspended->boundary;
    if (StackEntry* const entry = stack_.push()) {
        entry->frame = event.frame.address;
        entry->context = current_context(event.thread);
        entry->activation = suspended->activation;
        entry->kind = suspended->kind;
        // Before anything can wait for room: meanwhile other threads suspend theirs.
        process_.suspended.erase(suspended);
        record_resume(event, thrown, *entry);
    } else {
        count(suspended->activation.trace);
        process_.count_lost(suspended->activation.trace, proto::LossReason::kStackFull);
        close_activation(suspended->activation);
        process_.suspended.erase(suspended);
    }
    if (boundary) {
        push_boundary(boundary);
    }
    leave_idle();
}

void Recorder::record_resume(const FrameEvent& event, bool thrown, StackEntry& entry) noexcept {
    count(entry.activation.trace);
    if (entry.kind == EntryKind::kStartDropped) {
        process_.count_lost(entry.activation.trace, proto::LossReason::kStartDropped);
    } else if (writer_.resume(event, entry.activation, thrown, running_)) {
        ++running_;
    } else {
        process_.count_lost(entry.activation.trace, proto::LossReason::kRingFull);
        entry.kind = EntryKind::kSegmentDropped;
    }
}

void Recorder::record_leaving(const FrameEvent& event, Exit exit) noexcept {
    if (asks_reprs_ && event.reprs == nullptr) [[unlikely]] {
        return leave_asking(event, exit);
    }
    follow_greenlet();
    const std::size_t index = stack_.find(event.frame.address);
    if (index == stack_.size()) {
        leave_suspended(event, exit);
        return;
    }
    unpark();
    const TraceRef boundary = drop_entries_above(index);
    const StackEntry& entry = stack_.top();  // popped below; nothing pushes meanwhile
    switch (entry.kind) {
        case EntryKind::kRecorded:
            leave_recorded(event, entry, exit, boundary);
            break;
        case EntryKind::kStartDropped:
        case EntryKind::kSegmentDropped:
            count(entry.activation.trace);
            process_.count_lost(entry.activation.trace, proto::LossReason::kStartDropped);
            if (exit == Exit::kYield) {
                suspend(event.frame.address, entry.activation,
                        entry.kind == EntryKind::kSegmentDropped ? EntryKind::kRecorded
                                                                 : EntryKind::kStartDropped,
                        boundary);
            } else if (entry.kind == EntryKind::kSegmentDropped) {
                close_activation(entry.activation);
            }
            break;
        case EntryKind::kUntraced:
        case EntryKind::kBoundary:
            break;
    }
    stack_.pop();
    leave_idle();
}

void Recorder::leave_recorded(const FrameEvent& event, const StackEntry& entry, Exit exit,
                              const TraceRef& boundary) noexcept {
    count(entry.activation.trace);
    --running_;
    // There is room: it was held back for this end.
    static_cast<void>(writer_.leave(event, entry.activation, exit, running_));
    if (exit == Exit::kYield) {
        suspend(event.frame.address, entry.activation, EntryKind::kRecorded, boundary);
    } else {
        close_activation(entry.activation);
    }
}

void Recorder::leave_suspended(const FrameEvent& event, Exit exit) noexcept {
    // After throw() through `yield from` the outer frame goes on without an event (3.11's profile
    // hook): its end finds it suspended. A frame that is not known here either started before
    // tracing.
    Suspended* const found = find_suspended(process_, event);
    if (found == nullptr) {
        return;
    }
    const Suspended suspended = *found;
    process_.suspended.erase(found);
    unpark();
    count(suspended.activation.trace);
    if (suspended.kind == EntryKind::kStartDropped) {
        process_.count_lost(suspended.activation.trace, proto::LossReason::kStartDropped);
    } else if (!writer_.leave(event, suspended.activation, exit, running_)) {
        process_.count_lost(suspended.activation.trace, proto::LossReason::kRingFull);
    }
    if (exit == Exit::kYield) {
        suspend(event.frame.address, suspended.activation, suspended.kind, suspended.boundary);
    } else {
        close_activation(suspended.activation);
    }
    leave_idle();
}

void Recorder::suspend(const void* frame, const Activation& activation, EntryKind kind,
                       const TraceRef& boundary) noexcept {
    Suspended* const place = process_.suspended.place(frame);
    if (place == nullptr) {
        close_activation(activation);
        return;
    }
    if (place->frame != nullptr) {
        close_activation(place->activation);  // what was there is gone, and no event told its end
    }
    place->frame = frame;
    place->activation = activation;
    place->activation.was_suspended = true;
    place->kind = kind;
    place->boundary = boundary;
}

TraceRef Recorder::drop_entries_above(std::size_t index) noexcept {
    TraceRef boundary;
    while (stack_.size() > index + 1) {
        const StackEntry entry = stack_.top();
        stack_.pop();
        if (entry.kind == EntryKind::kBoundary) {
            boundary = entry.activation.trace;
        } else {
            running_ -= entry.kind == EntryKind::kRecorded ? 1 : 0;
            close_activation(entry.activation);
        }
    }
    return boundary;
}

void Recorder::close_activation(const Activation& activation) noexcept {
    if (!activation.is_root || !process_.holds(activation.trace)) {
        return;
    }
    settle_counts();
    // release: the drain thread that sees no root open sees all that was recorded and counted under
    // them
    process_.slot(activation.trace).open_roots.fetch_sub(1, std::memory_order_release);
}

void Recorder::lose_running() noexcept {
    enter();
    FrameStack boundaries;
    for (std::size_t i = 0; i < stack_.size(); ++i) {
        const StackEntry& entry = stack_[i];
        if (entry.kind == EntryKind::kBoundary) {
            if (StackEntry* const kept = boundaries.push()) {
                const std::uint32_t nearest = kept->nearest;
                *kept = entry;
                kept->nearest = nearest;
            }
        } else if (entry.kind == EntryKind::kRecorded) {
            --running_;
            count(entry.activation.trace);
            process_.count_lost(entry.activation.trace, proto::LossReason::kHookReplaced);
            close_activation(entry.activation);
        }
    }
    stack_ = std::move(boundaries);
    leave_idle();
}

void Recorder::blind_from(proto::Ticks begin) noexcept {
    enter();
    if (counting_ && process_.is_live(counting_)) {
        writer_.blind(counting_, begin, 0, running_);
    }
    leave_idle();
}

void Recorder::blind_until(proto::Ticks begin, proto::Ticks end) noexcept {
    enter();
    for (std::uint32_t slot = 0; slot < process_.arena->layout().slot_count; ++slot) {
        const TraceRef trace{proto::TraceNumber{process_.arena->slot(slot).fields.number}, slot};
        if (process_.is_live(trace)) {
            writer_.blind(trace, begin, end, running_);
        }
    }
    leave_idle();
}

void Recorder::push_boundary(const TraceRef& trace) noexcept {
    follow_greenlet();
    if (StackEntry* const entry = stack_.push()) {  // without it the context variable still tells
        entry->kind = EntryKind::kBoundary;
        entry->context = current_context(PyThreadState_Get());
        entry->activation.trace = trace;
    }
}

void Recorder::remove_boundary(const TraceRef& trace) noexcept {
    follow_greenlet();
    stack_.remove_boundary(trace.number);
}

// --- which trace
// ----------------------------------------------------------------------------------------------------

bool Recorder::is_over(const TraceRef& trace) const noexcept {
    if (process_.is_live(trace)) {
        return false;
    }
    return !process_.holds(trace) ||
           clock_ns(CLOCK_MONOTONIC_COARSE) - process_.local_traces[trace.slot].ended_ns >
               kJoinableNs;
}

Recorder::Place Recorder::place_on(const PyThreadState* thread) noexcept {
    const StackEntry* nearest = stack_.nearest();
    const bool in_same_context = nearest != nullptr && nearest->context == current_context(thread);
    if (in_same_context && nearest->kind == EntryKind::kRecorded &&
        nearest->activation.trace == counting_ && live_until_ == process_.traces_ended) {
        return {counting_, nearest->activation.id, false};  // nearly always
    }
    return find_place(nearest, in_same_context);
}

TraceRef Recorder::trace_of_parent_greenlet() const noexcept {
    // A new greenlet has a Context of its own, which is empty. gevent's are all children of its
    // hub, which runs nothing that is recorded: for them see python/kolo_probe/_threads.py.
    const void* const parent = stack_.empty() ? parent_greenlet() : nullptr;
    if (parent == nullptr) {
        return {};
    }
    for (const auto& [greenlet, stack] : other_greenlets_) {
        if (greenlet == parent) {
            const StackEntry* const nearest = stack.nearest();
            return nearest != nullptr ? nearest->activation.trace : TraceRef{};
        }
    }
    return {};
}

Recorder::Place Recorder::find_place(const StackEntry* nearest, bool in_same_context) noexcept {
    if (in_same_context) {
        const TraceRef& trace = nearest->activation.trace;
        if (nearest->kind == EntryKind::kRecorded) {
            return {trace, nearest->activation.id, is_over(trace)};
        }
        return {process_.is_live(trace) ? trace : TraceRef{}, {}, false};
    }
    TraceRef trace = trace_in_context();
    if (!process_.is_live(trace)) {
        trace = adopted_;
    }
    if (!process_.is_live(trace)) {
        trace = trace_of_parent_greenlet();
    }
    if (!process_.is_live(trace)) {
        return {};
    }
    if (nearest != nullptr && nearest->kind == EntryKind::kRecorded &&
        nearest->activation.trace == trace) {
        return {trace, nearest->activation.id, false};
    }
    return {trace, {}, false};
}

// --- accounting
// -----------------------------------------------------------------------------------------------------

void Recorder::count(const TraceRef& trace) noexcept {
    if (!(trace == counting_)) {
        settle_counts();
        counting_ = trace;
        live_until_ = kNeverLive;
    }
    if (live_until_ != process_.traces_ended && process_.is_live(trace)) {
        live_until_ = process_.traces_ended;
    }
    if (!ring().count_emitted(trace.number)) {
        // relaxed: a count
        process_.arena->header().emitted_blockless.fetch_add(1, std::memory_order_relaxed);
        process_.count_emitted(trace, 1);
    }
}

void Recorder::settle_counts() noexcept {
    process_.count_emitted(counting_, ring().take_trace_emitted());
}

// --- one per thread
// -------------------------------------------------------------------------------------------------

Recorder* ensure_recorder(Process& process) noexcept {
    if (t_recorder != nullptr && &t_recorder->process() == &process) {
        return t_recorder;
    }
    try {
        auto ring = std::make_unique<RingShared>(proto::RingNumber{process.next_ring},
                                                 static_cast<std::uint64_t>(syscall(SYS_gettid)));
        t_owned = std::make_unique<Recorder>(process, std::move(ring));
        ++process.next_ring;
        t_recorder = t_owned.get();
        return t_recorder;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

Recorder* current_recorder() noexcept {
    return t_recorder != nullptr && &t_recorder->process() == current_process() ? t_recorder
                                                                                : nullptr;
}

void forget_recorder() noexcept {
    leak_on_purpose(t_owned.release());  // its ring's memory does not exist in the child
    t_recorder = nullptr;
}

}  // namespace kolo::probe

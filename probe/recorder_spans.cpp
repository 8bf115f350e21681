// Recorder: code that processors match, and the spans they tell. See processors.hpp.
#include "probe/processors.hpp"
#include "probe/recorder.hpp"

namespace kolo::probe {

bool Recorder::ask_processors(const FrameEvent& event, ProcessedEvent what) noexcept {
    if (!event.info->processors.events.has(what)) {
        return true;
    }
    follow_greenlet();
    const Place here = place_on(event.thread);
    if (!here.trace || here.trace_is_over) {
        return true;
    }
    is_dispatching_ = true;
    dispatch(event, what);
    // In a forked child this recorder is nobody's, and left as it is.
    is_dispatching_ = false;
    return current_process() == &process_;
}

void Recorder::start_processed(const FrameEvent& event) noexcept {
    if (is_dispatching_) {
        return;
    }
    if (event.info->is_recorded) {
        record_call(event);
    }
    static_cast<void>(ask_processors(event, ProcessedEvent::kCall));
}

void Recorder::resume_processed(const FrameEvent& event, bool thrown) noexcept {
    if (is_dispatching_) {
        return;
    }
    if (event.info->is_recorded) {
        record_going_on(event, thrown);
    }
    static_cast<void>(
        ask_processors(event, thrown ? ProcessedEvent::kThrow : ProcessedEvent::kResume));
}

void Recorder::leave_processed(const FrameEvent& event, Exit exit) noexcept {
    if (is_dispatching_) {
        return;
    }
    bool is_ours = true;
    if (event.info->processors) {
        is_ours = ask_processors(event, exit == Exit::kReturn   ? ProcessedEvent::kReturn
                                        : exit == Exit::kUnwind ? ProcessedEvent::kUnwind
                                                                : ProcessedEvent::kYield);
    }
    if (is_ours && event.info->is_recorded) {
        record_leaving(event, exit);
    }
}

// --- spans
// ------------------------------------------------------------------------------------------

bool Recorder::write_span(proto::RecordKind kind, std::uint64_t span, const Place& place,
                          const SpanText& text, PyObject* data) noexcept {
    enter();
    const bool is_written =
        writer_.span(kind, span, place.trace, place.parent, text, data, running_);
    if (!is_written) {
        count(place.trace);
        process_.count_lost(place.trace, proto::LossReason::kSpanDropped);
    }
    leave_idle();
    return is_written;
}

std::uint64_t Recorder::begin_span(const SpanText& text, PyObject* data) noexcept {
    const Place here = place();
    if (!here.trace || here.trace_is_over) {
        return 0;
    }
    const std::uint64_t span = process_.next_span++;
    return write_span(proto::RecordKind::kSpanStart, span, here, text, data) ? span : 0;
}

void Recorder::add_span(const SpanText& text, PyObject* data) noexcept {
    const Place here = place();
    if (here.trace && !here.trace_is_over) {
        write_span(proto::RecordKind::kSpanPoint, process_.next_span++, here, text, data);
    }
}

void Recorder::end_span(std::uint64_t span, const TraceRef& trace, const SpanText& text,
                        PyObject* data) noexcept {
    write_span(proto::RecordKind::kSpanEnd, span, {trace, {}, false}, text, data);
}

}  // namespace kolo::probe

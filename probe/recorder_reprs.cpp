// Recorder: events whose objects' reprs are wanted. See reprs.hpp.
#include "probe/recorder.hpp"
#include "probe/reprs.hpp"

namespace kolo::probe {

bool Recorder::ask_reprs(ReprTexts& texts) const noexcept {
    texts.ask();
    return current_process() == &process_;
}

void Recorder::start_asking(const FrameEvent& event) noexcept {
    if (ReprTexts::is_asking()) {
        return;
    }
    follow_greenlet();
    ReprTexts texts(process_.configuration.settings.reprs);
    const Place place = place_on(event.thread);
    if (place.trace && !place.trace_is_over) {
        writer_.find_reprs_at_start(event, texts);
        if (!ask_reprs(texts)) {
            return;
        }
    }
    FrameEvent asked = event;
    asked.reprs = &texts;
    record_call(asked);
}

void Recorder::leave_asking(const FrameEvent& event, Exit exit) noexcept {
    if (ReprTexts::is_asking()) {
        return;
    }
    follow_greenlet();
    ReprTexts texts(process_.configuration.settings.reprs);
    const std::size_t index = stack_.find(event.frame.address);
    if (index != stack_.size() && stack_[index].kind == EntryKind::kRecorded) {
        writer_.find_reprs_at_end(event, exit, texts);
        if (!ask_reprs(texts)) {
            return;
        }
    }
    FrameEvent asked = event;
    asked.reprs = &texts;
    record_leaving(asked, exit);
}

}  // namespace kolo::probe

// Processors' native side: which code they match, and calling Python where such code runs.
//
// A match is by name and path, decided once per code object and kept with it (codes.hpp); what
// processors make of an event is Python's business (python/kolo_probe/_processors.py), which comes
// back with spans (spans.hpp). Under the GIL, on the thread of the event. A processor is Python
// code that runs inside the hook, on purpose: everything else of the probe runs none. An exception
// that is set is set aside meanwhile; one that comes out of the dispatcher (Ctrl-C, a signal
// handler's) comes again when the program goes on. Fork: kept, as the configuration is.
#pragma once

#include <Python.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/matching_processors.hpp"
#include "probe/record_writer.hpp"

namespace kolo::probe {

/// Code of one of these names whose path has this fragment, at these events.
struct ProcessorPattern {
    std::vector<std::string> names;
    std::string path_fragment;
    ProcessedEvents events;
};

/// To be called before the first code is looked at. Takes a reference to `dispatcher`, whose
/// attribute `stand_in` is a class, derived from tuple, of what it gets in the place of a frame:
/// (code, locals, globals, last instruction). Throws std::bad_alloc.
void set_dispatcher(std::vector<ProcessorPattern> patterns, PyObject* dispatcher);

/// Nothing for a name that no event has.
[[nodiscard]] std::optional<ProcessedEvent> processed_event_named(std::string_view name) noexcept;

/// May throw std::bad_alloc.
[[nodiscard]] MatchingProcessors matching_processors(std::string_view name, std::string_view path);

/// Hands an event of matched code to Python.
void dispatch(const FrameEvent& event, ProcessedEvent what) noexcept;

}  // namespace kolo::probe

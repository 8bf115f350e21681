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

#include <string>
#include <string_view>
#include <vector>

#include "probe/record_writer.hpp"

namespace kolo::probe {

/// Code of one of these names whose path has this fragment.
struct ProcessorPattern {
    std::vector<std::string> names;
    std::string path_fragment;
};

/// To be called before the first code is looked at. Takes a reference to `dispatcher`, whose
/// attribute `stand_in` makes what it gets in the place of a frame. Throws std::bad_alloc.
void set_dispatcher(std::vector<ProcessorPattern> patterns, PyObject* dispatcher);

/// A new tuple of the indices of the patterns that match; null when none does. May throw
/// std::bad_alloc.
[[nodiscard]] PyObject* matching_processors(std::string_view name, std::string_view path);

/// What happened, in Kolo's words.
enum class ProcessedEvent : std::uint8_t { kCall, kReturn, kUnwind, kResume, kYield, kThrow };

/// Hands an event of matched code to Python.
void dispatch(const FrameEvent& event, ProcessedEvent what) noexcept;

}  // namespace kolo::probe

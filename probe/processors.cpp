#include "probe/processors.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "probe/codes.hpp"
#include "probe/exception_set_aside.hpp"
#include "probe/owned.hpp"
#include "probe/thread_exit.hpp"

namespace kolo::probe {

namespace {

std::vector<ProcessorPattern>& patterns() {
    // Leaked, as threads may still be recording while the program ends.
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory)
    static auto* const known = new std::vector<ProcessorPattern>;
    return *known;
}

PyObject* g_dispatcher = nullptr;    // kept for ever, as the next ones
PyTypeObject* g_stand_in = nullptr;  // a tuple with a frame's attributes
std::array<PyObject*, 6> g_event_names{};
constexpr std::array<const char*, 6> kEventNames = {"call",   "return", "unwind",
                                                    "resume", "yield",  "throw"};

/// What came out of the dispatcher was raised by a signal handler, for the program.
void raise_later() noexcept {
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0) {
        PyErr_Clear();
        PyErr_SetInterrupt();
        return;
    }
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    if (type != nullptr) {
        static_cast<void>(PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), type));
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

#if PY_VERSION_HEX >= 0x030B0000  // before, a frame is an object
[[nodiscard]] PyObject* locals_of(const FrameEvent& event) noexcept {
    Owned locals(PyDict_New());
    const CodeVariables& known = event.info->variables;
    const FrameVariables variables(event.frame, known.slots);
    for (std::uint32_t i = 0; locals && i < variables.count(); ++i) {
        PyObject* value = variables.at(i);
        if (value != nullptr && PyDict_SetItem(locals.get(), known.names[i], value) != 0) {
            PyErr_Clear();
        }
    }
    PyObject* const closure = uncopied_closure(event.frame);
    const Py_ssize_t cells = closure != nullptr ? PyTuple_GET_SIZE(closure) : 0;
    for (Py_ssize_t i = 0; locals && i < cells; ++i) {
        // Free variables come last.
        const auto name = known.names.size() - static_cast<std::size_t>(cells - i);
        PyObject* value = PyCell_GET(PyTuple_GET_ITEM(closure, i));
        if (value != nullptr && name < known.names.size() &&
            PyDict_SetItem(locals.get(), known.names[name], value) != 0) {
            PyErr_Clear();
        }
    }
    return locals.release();
}

/// Where the interpreter has no frame object to give: before and behind the evaluation on 3.11.
[[nodiscard]] PyObject* stand_in_for(const FrameEvent& event) noexcept {
    const Owned locals(locals_of(event));
    const Owned last(PyLong_FromLong(frame_last_instruction(event.frame)));
    if (!locals || !last) {
        return nullptr;
    }
    PyObject* globals = frame_globals(event.frame);
    const Owned fields(PyTuple_Pack(4, reinterpret_cast<PyObject*>(event.code), locals.get(),
                                    globals != nullptr ? globals : Py_None, last.get()));
    const Owned arguments(fields ? PyTuple_Pack(1, fields.get()) : nullptr);
    return arguments ? PyTuple_Type.tp_new(g_stand_in, arguments.get(), nullptr) : nullptr;
}
#endif

[[nodiscard]] PyObject* frame_for(const FrameEvent& event) noexcept {
#if PY_VERSION_HEX < 0x030B0000
    auto* frame = static_cast<PyObject*>(event.frame.address);
    Py_INCREF(frame);
    return frame;
#else
    return running_frame(event.thread) == event.frame
               ? reinterpret_cast<PyObject*>(PyThreadState_GetFrame(event.thread))
               : stand_in_for(event);
#endif
}

/// Result, yielded value or exception, as Python may have it: an exception that is not an instance
/// yet is none.
[[nodiscard]] PyObject* argument_of(const FrameEvent& event, ProcessedEvent what) noexcept {
    PyObject* value = event.value;
    const bool is_exception = what == ProcessedEvent::kUnwind || what == ProcessedEvent::kThrow;
    if (value == nullptr || (is_exception && !PyExceptionInstance_Check(value))) {
        return Py_None;
    }
    return what == ProcessedEvent::kYield ? unwrapped(value) : value;
}

}  // namespace

void set_dispatcher(std::vector<ProcessorPattern> found, PyObject* dispatcher) {
    PyObject* const stand_in = PyObject_GetAttrString(dispatcher, "stand_in");
    if (stand_in != nullptr && PyType_Check(stand_in) != 0) {
        g_stand_in = reinterpret_cast<PyTypeObject*>(stand_in);
    }
    std::transform(kEventNames.begin(), kEventNames.end(), g_event_names.begin(),
                   PyUnicode_InternFromString);
    PyErr_Clear();
    const bool is_complete =
        g_stand_in != nullptr && std::all_of(g_event_names.begin(), g_event_names.end(),
                                             [](PyObject* name) { return name != nullptr; });
    if (is_complete) {
        patterns() = std::move(found);
        Py_INCREF(dispatcher);
        g_dispatcher = dispatcher;
    }
}

std::optional<ProcessedEvent> processed_event_named(std::string_view name) noexcept {
    const auto* const found = std::find(kEventNames.begin(), kEventNames.end(), name);
    if (found == kEventNames.end()) {
        return std::nullopt;
    }
    return static_cast<ProcessedEvent>(found - kEventNames.begin());
}

MatchingProcessors matching_processors(std::string_view name, std::string_view path) {
    std::vector<std::size_t> matched;
    ProcessedEvents events;
    const auto& known = patterns();
    for (std::size_t i = 0; i < known.size(); ++i) {
        const auto& names = known[i].names;
        if (std::find(names.begin(), names.end(), name) != names.end() &&
            path.find(known[i].path_fragment) != std::string_view::npos) {
            matched.push_back(i);
            events.add(known[i].events);
        }
    }
    if (matched.empty()) {
        return {};
    }
    const ExceptionSetAside aside;
    Owned all(PyTuple_New(static_cast<Py_ssize_t>(matched.size())));
    for (std::size_t i = 0; all && i < matched.size(); ++i) {
        PyObject* index = PyLong_FromSize_t(matched[i]);
        if (index == nullptr) {
            return {};
        }
        PyTuple_SET_ITEM(all.get(), static_cast<Py_ssize_t>(i), index);
    }
    return {std::move(all), events};
}

void dispatch(const FrameEvent& event, ProcessedEvent what) noexcept {
    const ExceptionSetAside aside;
    // The frame's address tells one activation from all others that run.
    const Owned key(PyLong_FromVoidPtr(event.frame.address));
    const Owned frame(frame_for(event));
    if (key && frame) {
        const std::array<PyObject*, 5> arguments = {
            event.info->processors.indices.get(), frame.get(), key.get(),
            g_event_names[static_cast<std::size_t>(what)], argument_of(event, what)};
        const Owned result(survive_thread_exit([&] {
            return PyObject_Vectorcall(g_dispatcher, arguments.data(), arguments.size(), nullptr);
        }));
    }
    if (PyErr_Occurred() != nullptr) {
        raise_later();
    }
}

}  // namespace kolo::probe

#include "probe/hook_monitoring.hpp"

#include <Python.h>

#include <array>
#include <cstdint>

#include "probe/codes.hpp"
#include "probe/fork.hpp"
#include "probe/owned.hpp"
#include "probe/process.hpp"
#include "probe/recorder.hpp"

namespace kolo::probe {

#if PY_VERSION_HEX >= 0x030C0000

namespace {

/// Every callback gets (code, instruction offset[, value]).
using Arguments = PyObject* const*;
using Callback = PyObject* (*)(PyObject*, Arguments, Py_ssize_t);

PyObject* g_disable = nullptr;  // sys.monitoring.DISABLE; kept for ever
long g_tool = -1;

struct Found {
    Process* process;
    CodeInfo* info;
};

/// Where an event comes from; `frame` is null where it does not come from the frame that runs.
struct Origin {
    PyThreadState* thread;
    FrameRef frame;
};

/// From 3.13 on C code may fire events itself (PyMonitoring_FirePyStartEvent and others, as Cython
/// does): for code that has no frame, and with any object in the code's place.
[[nodiscard]] Origin origin_of(Arguments arguments) noexcept {
    PyThreadState* thread = PyThreadState_Get();
    const FrameRef frame = running_frame(thread);
    const bool is_its_own =
        frame.address != nullptr && reinterpret_cast<PyObject*>(frame_code(frame)) == arguments[0];
    return {thread, is_its_own ? frame : FrameRef{}};
}

[[nodiscard]] Found find(Arguments arguments, Process* process = current_process()) noexcept {
    auto* code = reinterpret_cast<PyCodeObject*>(arguments[0]);
    if (process == nullptr) {
        return {nullptr, nullptr};
    }
    return {process,
            find_code(code, process->configuration.filters, process->configuration.redaction)};
}

[[nodiscard]] FrameEvent event_of(const Origin& origin, Arguments arguments, CodeInfo* info,
                                  PyObject* value) noexcept {
    return {origin.thread, origin.frame, reinterpret_cast<PyCodeObject*>(arguments[0]), info,
            value};
}

/// What a callback answers where it may: rejected code is not to be entered again. The answer
/// stands until some tool calls restart_events(); then it is found again at the cost of one
/// look-up.
[[nodiscard]] PyObject* answer(const Found& found) noexcept {
    PyObject* result = found.process != nullptr && found.info == nullptr ? g_disable : Py_None;
    Py_INCREF(result);
    return result;
}

PyObject* on_start(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    const Origin origin = origin_of(arguments);
    if (origin.frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    const Found found = find(arguments, process_for(reinterpret_cast<PyCodeObject*>(arguments[0])));
    if (found.info != nullptr) {
        if (Recorder* recorder = ensure_recorder(*found.process)) {
            recorder->start(event_of(origin, arguments, found.info, nullptr));
        }
    }
    return answer(found);
}

PyObject* on_resume(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    const Origin origin = origin_of(arguments);
    if (origin.frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    const Found found = find(arguments);
    if (found.info != nullptr) {
        if (Recorder* recorder = ensure_recorder(*found.process)) {
            recorder->resume(event_of(origin, arguments, found.info, nullptr), false);
        }
    }
    return answer(found);
}

template <Exit kExit>
PyObject* on_leave(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    const Origin origin = origin_of(arguments);
    if (origin.frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    const Found found = find(arguments);
    if (found.info != nullptr) {
        if (Recorder* recorder = current_recorder()) {
            recorder->leave(event_of(origin, arguments, found.info, arguments[2]), kExit);
        }
    }
    return answer(found);
}

// The next two are entered for every frame that an exception crosses or is thrown into, and must
// never answer DISABLE: the interpreter would raise ValueError into the program and take the
// callback away (before 3.15).

PyObject* on_throw(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    const Origin origin = origin_of(arguments);
    if (origin.frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    const Found found = find(arguments);
    if (found.info != nullptr) {
        if (Recorder* recorder = ensure_recorder(*found.process)) {
            recorder->resume(event_of(origin, arguments, found.info, arguments[2]), true);
        }
    }
    Py_RETURN_NONE;
}

PyObject* on_unwind(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    const Origin origin = origin_of(arguments);
    if (origin.frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    const Found found = find(arguments);
    if (found.info != nullptr) {
        if (Recorder* recorder = current_recorder()) {
            recorder->leave(event_of(origin, arguments, found.info, arguments[2]), Exit::kUnwind);
        }
    }
    Py_RETURN_NONE;
}

PyObject* do_nothing(PyObject* /*self*/, Arguments arguments, Py_ssize_t /*count*/) noexcept {
    if (origin_of(arguments).frame.address == nullptr) {
        Py_RETURN_NONE;
    }
    auto* code = reinterpret_cast<PyCodeObject*>(arguments[0]);
    const Configuration* configuration = current_configuration();
    PyObject* result = configuration != nullptr && find_code(code, configuration->filters,
                                                             configuration->redaction) == nullptr
                           ? g_disable
                           : Py_None;
    Py_INCREF(result);
    return result;
}

PyObject* do_nothing_at_all(PyObject* /*self*/, Arguments /*arguments*/,
                            Py_ssize_t /*count*/) noexcept {
    Py_RETURN_NONE;
}

struct Subscription {
    const char* event;  // its name in sys.monitoring.events
    Callback record;
    Callback ignore;
};

constexpr std::array<Subscription, 6> kSubscriptions = {{
    {"PY_START", on_start, do_nothing},
    {"PY_RESUME", on_resume, do_nothing},
    {"PY_THROW", on_throw, do_nothing_at_all},
    {"PY_RETURN", on_leave<Exit::kReturn>, do_nothing},
    {"PY_YIELD", on_leave<Exit::kYield>, do_nothing},
    {"PY_UNWIND", on_unwind, do_nothing_at_all},
}};

/// A PyMethodDef must live as long as the functions made of it.
std::array<PyMethodDef, kSubscriptions.size()> g_methods{};

[[nodiscard]] PyObject* monitoring() noexcept { return PySys_GetObject("monitoring"); }

[[nodiscard]] bool claim_tool(PyObject* module) noexcept {
    for (const long tool : {4L, 3L}) {
        const Owned claimed(PyObject_CallMethod(module, "use_tool_id", "ls", tool, "kolo_probe"));
        if (claimed) {
            g_tool = tool;
            return true;
        }
        PyErr_Clear();  // somebody else's
    }
    return false;
}

/// Registers a callback for one event; its bit in the event set, or 0 on failure.
[[nodiscard]] long subscribe(PyObject* module, PyObject* events, std::size_t index,
                             bool does_nothing) noexcept {
    const Subscription& subscription = kSubscriptions[index];
    const Owned bit(PyObject_GetAttrString(events, subscription.event));
    if (!bit) {
        return 0;
    }
    PyMethodDef& method = g_methods[index];
    method.ml_name = subscription.event;
    // The cast that CPython itself asks for: METH_FASTCALL tells the interpreter the true type.
    method.ml_meth = reinterpret_cast<PyCFunction>(
        reinterpret_cast<void (*)()>(does_nothing ? subscription.ignore : subscription.record));
    method.ml_flags = METH_FASTCALL;
    const Owned callback(PyCFunction_New(&method, nullptr));
    if (!callback) {
        return 0;
    }
    const Owned before(
        PyObject_CallMethod(module, "register_callback", "lOO", g_tool, bit.get(), callback.get()));
    return before ? PyLong_AsLong(bit.get()) : 0;
}

[[nodiscard]] bool subscribe_all(PyObject* module, bool does_nothing) noexcept {
    const Owned events(PyObject_GetAttrString(module, "events"));
    if (!events) {
        return false;
    }
    long all = 0;
    for (std::size_t i = 0; i < kSubscriptions.size(); ++i) {
        const long bit = subscribe(module, events.get(), i, does_nothing);
        if (bit <= 0) {
            return false;
        }
        all |= bit;
    }
    const Owned set(PyObject_CallMethod(module, "set_events", "ll", g_tool, all));
    return static_cast<bool>(set);
}

}  // namespace

bool is_monitoring_known() noexcept { return true; }

bool set_monitoring_hook(bool does_nothing) noexcept {
    PyObject* module = monitoring();  // borrowed
    if (module == nullptr || !claim_tool(module)) {
        return false;
    }
    if (g_disable == nullptr) {
        g_disable = PyObject_GetAttrString(module, "DISABLE");
    }
    if (g_disable == nullptr || !subscribe_all(module, does_nothing)) {
        PyErr_Clear();
        remove_monitoring_hook();
        return false;
    }
    return true;
}

void remove_monitoring_hook() noexcept {
    PyObject* module = monitoring();  // borrowed
    if (module == nullptr || g_tool < 0) {
        return;
    }
    const Owned cleared(PyObject_CallMethod(module, "set_events", "li", g_tool, 0));
    // 3.12 leaves the callbacks of a freed id in place, for whoever takes it next.
    const Owned events(PyObject_GetAttrString(module, "events"));
    for (const Subscription& subscription : kSubscriptions) {
        const Owned bit(events ? PyObject_GetAttrString(events.get(), subscription.event)
                               : nullptr);
        const Owned before(bit ? PyObject_CallMethod(module, "register_callback", "lOO", g_tool,
                                                     bit.get(), Py_None)
                               : nullptr);
    }
    const Owned freed(PyObject_CallMethod(module, "free_tool_id", "l", g_tool));
    PyErr_Clear();
    g_tool = -1;
}

#else

bool is_monitoring_known() noexcept { return false; }
bool set_monitoring_hook(bool /*does_nothing*/) noexcept { return false; }
void remove_monitoring_hook() noexcept {}

#endif

}  // namespace kolo::probe

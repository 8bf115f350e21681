// The module kolo_probe._probe: what Python sees of the probe. pybind11 makes its surface; the
// hooks themselves are plain C functions elsewhere. python/kolo_probe/_probe.pyi says what each
// function means.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "probe/codes.hpp"
#include "probe/encoder.hpp"
#include "probe/fork.hpp"
#include "probe/hook.hpp"
#include "probe/process.hpp"
#include "probe/processors.hpp"
#include "probe/recorder.hpp"
#include "probe/settings.hpp"
#include "probe/thread_exit.hpp"
#include "probe/traces.hpp"

namespace py = pybind11;

namespace kolo::probe {

namespace {

template <typename T>
[[nodiscard]] T setting(const py::dict& from, const char* key) {
    if (!from.contains(key)) {
        throw py::type_error(std::string("configure: the setting '") + key + "' is missing");
    }
    try {
        return from[key].cast<T>();
    } catch (const py::cast_error&) {
        throw py::type_error(std::string("configure: the setting '") + key + "' has a wrong type");
    }
}

[[nodiscard]] CollectorMode collector_mode(const std::string& name) {
    if (name == "require") {
        return CollectorMode::kRequire;
    }
    return name == "off" ? CollectorMode::kOff : CollectorMode::kAuto;
}

[[nodiscard]] EncodeLimits read_limits(const py::dict& from) {
    EncodeLimits limits;
    limits.depth = setting<std::uint32_t>(from, "max_depth");
    limits.items = setting<std::uint32_t>(from, "max_items");
    limits.attributes = setting<std::uint32_t>(from, "max_attributes");
    limits.text = setting<std::uint32_t>(from, "max_text");
    limits.value_bytes = setting<std::uint32_t>(from, "max_value_bytes");
    // An event's record must fit a block, whatever is asked for.
    limits.event_bytes =
        std::min(setting<std::uint32_t>(from, "max_event_bytes"), proto::kBlockCapacity / 2);
    limits.event_us = setting<std::uint32_t>(from, "max_event_us");
    return limits;
}

[[nodiscard]] FilterSettings read_filters(const py::dict& from) {
    FilterSettings filters;
    filters.include_frames = setting<std::vector<std::string>>(from, "include_frames");
    filters.ignore_frames = setting<std::vector<std::string>>(from, "ignore_frames");
    filters.library_folders = setting<std::vector<std::string>>(from, "library_folders");
    filters.own_folders = setting<std::vector<std::string>>(from, "own_folders");
    return filters;
}

/// What a processor tells is chosen by it: only size bounds it, and a hostile structure's time.
[[nodiscard]] EncodeLimits read_span_limits(const py::dict& from) {
    constexpr std::uint32_t kDepth = 8;  // rows of tuples of lists, and a level or two more
    constexpr std::uint32_t kMostUs = 5000;
    EncodeLimits limits;
    limits.depth = kDepth;
    limits.items = setting<std::uint32_t>(from, "span_items");
    limits.text = setting<std::uint32_t>(from, "span_text");
    limits.event_bytes =
        std::min(setting<std::uint32_t>(from, "span_bytes"), proto::kBlockCapacity / 2);
    limits.value_bytes = limits.event_bytes;
    limits.event_us = kMostUs;
    return limits;
}

[[nodiscard]] Settings read_settings(const py::dict& from) {
    Settings to;
    to.folder = setting<std::string>(from, "folder");
    to.socket = setting<std::string>(from, "socket");
    to.collector = collector_mode(setting<std::string>(from, "collector"));
    to.collectord_path = setting<std::optional<std::string>>(from, "collectord_path");
    to.hook = setting<std::string>(from, "hook");
    to.filters = read_filters(from);
    to.when_full =
        setting<std::string>(from, "when_full") == "wait" ? WhenFull::kWait : WhenFull::kDrop;
    to.wait = std::chrono::milliseconds(setting<std::uint32_t>(from, "wait_ms"));
    to.arena_bytes = setting<std::uint64_t>(from, "arena_mb") << 20U;
    to.values = setting<bool>(from, "values");
    to.return_locals = !setting<bool>(from, "omit_return_locals");
    to.limits = read_limits(from);
    to.span_limits = read_span_limits(from);
    to.reprs.all = setting<bool>(from, "repr_all");
    to.reprs.types = setting<std::vector<std::string>>(from, "repr_types");
    to.reprs.max_us = setting<std::uint32_t>(from, "repr_max_us");
    to.redact = setting<std::vector<std::string>>(from, "redact");
    to.version = setting<std::string>(from, "version");
    to.git_sha = setting<std::optional<std::string>>(from, "git_sha");
    to.argv = setting<std::vector<std::string>>(from, "argv");
    to.cwd = setting<std::string>(from, "cwd");
    to.python = setting<std::string>(from, "python");
    to.implementation = setting<std::string>(from, "implementation");
    return to;
}

bool configure(const py::dict& settings) {
    Settings read = read_settings(settings);
    if (!make_context_variable()) {
        throw py::error_already_set();
    }
    return fix_configuration(std::move(read));
}

/// 32 hexadecimal digits as bytes; nothing for any other text.
[[nodiscard]] auto group_of(const std::optional<std::string>& digits)
    -> decltype(RemoteOrigin::group) {
    std::array<std::uint8_t, proto::kTraceGroupBytes> bytes{};
    if (!digits || digits->size() != 2 * bytes.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char* begin = digits->data() + 2 * i;
        if (std::from_chars(begin, begin + 2, bytes[i], 16).ptr != begin + 2) {
            return std::nullopt;
        }
    }
    return bytes;
}

[[nodiscard]] TraceToken begin(const std::string& kind, const std::optional<std::string>& name,
                               const std::optional<std::string>& parent,
                               const std::optional<std::string>& group) {
    const auto known =
        std::find(proto::kTraceKindNames.begin(), proto::kTraceKindNames.end(), kind);
    if (known == proto::kTraceKindNames.end()) {
        throw py::value_error("begin_trace: '" + kind + "' is no kind of trace");
    }
    return begin_trace(static_cast<proto::TraceKind>(known - proto::kTraceKindNames.begin()),
                       name.value_or(""), {parent ? *parent : std::string_view(), group_of(group)});
}

[[nodiscard]] PyObject* text_or_null(const py::object& text) noexcept {
    return PyUnicode_Check(text.ptr()) ? text.ptr() : nullptr;
}

[[nodiscard]] std::uint64_t begin_span(const py::str& kind, const py::str& type,
                                       const py::object& subtype, const py::object& name,
                                       const py::dict& data) {
    Process* process = current_process();
    Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr;
    if (recorder == nullptr || process->open_spans.size() >= Process::kMostOpenSpans) {
        return 0;
    }
    const TraceRef trace = recorder->place().trace;
    const std::uint64_t span = recorder->begin_span(
        {kind.ptr(), type.ptr(), text_or_null(subtype), text_or_null(name)}, data.ptr());
    if (span != 0) {
        process->open_spans.emplace(span, trace);
    }
    return span;
}

void end_span(std::uint64_t span, const py::str& type, const py::object& name, const py::dict& data,
              const py::str& outcome) {
    Process* process = current_process();
    Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr;
    const auto found = recorder != nullptr ? process->open_spans.find(span)
                                           : decltype(process->open_spans.end()){};
    if (recorder == nullptr || found == process->open_spans.end()) {
        return;
    }
    const TraceRef trace = found->second;
    process->open_spans.erase(found);
    recorder->end_span(span, trace, {nullptr, type.ptr(), outcome.ptr(), text_or_null(name)},
                       data.ptr());
}

void add_span(const py::str& kind, const py::str& type, const py::object& subtype,
              const py::object& name, const py::dict& data) {
    Process* process = current_process();
    if (Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr) {
        recorder->add_span({kind.ptr(), type.ptr(), text_or_null(subtype), text_or_null(name)},
                           data.ptr());
    }
}

/// Names, a fragment of a path, and the names of events.
using Pattern = std::tuple<std::vector<std::string>, std::string, std::vector<std::string>>;

void take_dispatcher(const std::vector<Pattern>& patterns, const py::object& dispatcher) {
    std::vector<ProcessorPattern> taken;
    taken.reserve(patterns.size());
    for (const auto& [names, fragment, events] : patterns) {
        ProcessorPattern& pattern = taken.emplace_back(ProcessorPattern{names, fragment, {}});
        for (const std::string& name : events) {
            const auto event = processed_event_named(name);
            if (!event) {
                throw py::value_error("set_dispatcher: there is no event '" + name + "'");
            }
            pattern.events.add(*event);
        }
    }
    set_dispatcher(std::move(taken), dispatcher.ptr());
}

void end(TraceToken token, const std::optional<std::string>& name) {
    end_trace(token, name ? std::optional<std::string_view>(*name) : std::nullopt);
}

void adopt(TraceToken token) {
    if (current_process() != nullptr) {
        adopt_trace(token);
        set_hook_on_new_thread();
    }
}

/// Calls a waiting function of the drain without the GIL; `otherwise` when this process records
/// nothing.
template <typename Wait>
[[nodiscard]] bool waiting(Wait wait, bool otherwise) {
    Process* process = current_process();
    if (process == nullptr) {
        return otherwise;
    }
    PyThreadState* thread = PyEval_SaveThread();
    const bool done = wait(process->drain);
    survive_thread_exit([thread] { PyEval_RestoreThread(thread); });
    return done;
}

[[nodiscard]] py::dict status() {
    const Process* process = current_process();
    py::dict lost;
    py::dict result;
    result["process_id"] = py::none();
    result["connected"] = false;
    result["emitted"] = 0;
    result["lost"] = lost;
    result["traces_refused"] = 0;
    result["arena_bytes"] = 0;
    result["arena_used"] = 0;
    result["hook"] = hook_name();
    result["error"] = py::none();
    if (process == nullptr) {
        return result;
    }
    const Arena& arena = *process->arena;
    const DrainStatus drain = process->drain.status();
    const auto& id = process->id.bytes;
    result["process_id"] =
        py::bytes(reinterpret_cast<const char*>(id.data()), id.size()).attr("hex")();
    result["connected"] = drain.connected;
    // relaxed: counts, read for display
    result["emitted"] = process->emitted.load(std::memory_order_relaxed);
    for (std::size_t reason = 0; reason < proto::kLossReasons; ++reason) {
        if (const std::uint64_t events = process->lost[reason].load(std::memory_order_relaxed);
            events != 0) {
            lost[py::str(std::string(proto::loss_name(reason)))] = events;
        }
    }
    result["traces_refused"] = arena.header().traces_refused.load(std::memory_order_relaxed);
    result["arena_bytes"] = arena.layout().arena_bytes;
    result["arena_used"] =
        static_cast<std::uint64_t>(arena.layout().block_count - arena.free_blocks()) *
        proto::kBlockBytes;
    if (!drain.error.empty()) {
        result["error"] = drain.error;
    }
    return result;
}

/// What would be recorded of a value, as msgpack: for tests, and to see what limits and redaction
/// do to it.
[[nodiscard]] py::bytes encode_value(const py::handle& value, const std::string& name,
                                     const py::dict& limits) {
    const Configuration* configuration = current_configuration();
    EncodeLimits in_force =
        configuration != nullptr ? configuration->settings.limits : EncodeLimits{};
    if (!limits.empty()) {
        in_force = read_limits(limits);
    }
    const Redaction none({});
    const Redaction& redaction = configuration != nullptr ? configuration->redaction : none;
    std::vector<std::uint8_t> room(in_force.event_bytes + 128U);
    Encoder encoder(room.data(), static_cast<std::uint32_t>(room.size()), in_force, redaction);
    if (redaction.matches(name)) {
        encoder.redacted();
    } else {
        encoder.value(value.ptr());
    }
    return {reinterpret_cast<const char*>(room.data()), encoder.size()};
}

void register_profiler() {
    if (const Process* process = ensure_process()) {
        set_hook(process->configuration.settings.hook);
    }
}

void register_noop_profiler() {
    const Configuration* configuration = current_configuration();
    if (!claim_code_slot()) {
        return;
    }
    set_noop_hook(configuration != nullptr ? configuration->settings.hook : "auto");
}

}  // namespace

PYBIND11_MODULE(_probe, module) {
    module.doc() = "The native side of kolo_probe: hook, recorder, rings, drain.";
    module.def("configure", &configure, py::arg("settings"));
    module.def("begin_trace", &begin, py::arg("kind"), py::arg("name"),
               py::arg("parent") = py::none(), py::arg("group") = py::none());
    module.def("end_trace", &end, py::arg("token"), py::arg("name") = py::none());
    module.def("current_trace", &current_trace);
    module.def("is_forked_inside", [] { return g_is_forked_inside; });
    module.def("trace_id", &trace_id_of, py::arg("token"));
    module.def("trace_group", &trace_group_of, py::arg("token"));
    module.def("begin_span", &begin_span, py::arg("kind"), py::arg("type_name"), py::arg("subtype"),
               py::arg("name"), py::arg("data"));
    module.def("end_span", &end_span, py::arg("span"), py::arg("type_name"), py::arg("name"),
               py::arg("data"), py::arg("outcome"));
    module.def("add_span", &add_span, py::arg("kind"), py::arg("type_name"), py::arg("subtype"),
               py::arg("name"), py::arg("data"));
    module.def("set_dispatcher", &take_dispatcher, py::arg("patterns"), py::arg("dispatcher"));
    module.def("adopt_trace", &adopt, py::arg("token"));
    module.def("suspend_trace", &suspend_trace, py::arg("token"));
    module.def("resume_trace", &resume_trace, py::arg("token"));
    module.def(
        "wait_connected",
        [](double timeout) {
            return waiting(
                [&](Drain& drain) {
                    return drain.wait_connected(std::chrono::duration<double>(timeout));
                },
                false);
        },
        py::arg("timeout_s"));
    module.def(
        "flush",
        [](double timeout) {
            return waiting(
                [&](Drain& drain) { return drain.flush(std::chrono::duration<double>(timeout)); },
                true);
        },
        py::arg("timeout_s"));
    module.def("shutdown", &stop_recording, py::arg("timeout_s") = 5.0);
    module.def("status", &status);
    module.def("encode_value", &encode_value, py::arg("value"), py::arg("name") = "",
               py::arg("limits") = py::dict());
    module.def("register_profiler", &register_profiler);
    module.def("register_noop_profiler", &register_noop_profiler);
}

}  // namespace kolo::probe

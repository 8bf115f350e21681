#include "probe/record_writer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "probe/python/traceback.hpp"
#include "probe/text.hpp"
#include "probe/thread_exit.hpp"
#include "probe/ticks.hpp"
#include "proto/values.hpp"

namespace kolo::probe {

namespace {

using proto::RecordKind;

/// Less than this is not worth encoding into: the encoder's closing markers need it.
constexpr std::uint32_t kLeastPayload = 64;
/// A clock step and a context may stand before any record; seven bytes of padding behind it.
constexpr std::uint32_t kAround = proto::kWordBytes + sizeof(proto::ContextRecord) + 7;
constexpr std::chrono::microseconds kWaitStep{200};

/// The name of the running thread, from threading's own table: asking threading.current_thread()
/// would create a dummy object for a thread that Python did not start.
[[nodiscard]] std::string thread_name() {
    PyObject* modules = PyImport_GetModuleDict();  // borrowed, as all below
    PyObject* module =
        PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, "threading") : nullptr;
    if (module == nullptr || !PyModule_CheckExact(module)) {
        return {};
    }
    PyObject* active = PyDict_GetItemString(PyModule_GetDict(module), "_active");
    if (active == nullptr || !PyDict_CheckExact(active)) {
        return {};
    }
    const unsigned long ident = PyThread_get_thread_ident();
    PyObject* key = nullptr;
    PyObject* thread = nullptr;
    Py_ssize_t at = 0;
    while (PyDict_Next(active, &at, &key, &thread) != 0) {
        if (PyLong_CheckExact(key) && PyLong_AsUnsignedLongMask(key) == ident) {
            break;
        }
        thread = nullptr;
    }
    std::string name;
    if (thread != nullptr) {
        const auto take_name = [](void* to, PyObject* attribute, PyObject* value) {
            if (!PyUnicode_CheckExact(attribute) || !PyUnicode_CheckExact(value) ||
                PyUnicode_CompareWithASCIIString(attribute, "_name") != 0) {
                return true;
            }
            *static_cast<std::string*>(to) = text_of(value);
            return false;
        };
        visit_attributes(thread, take_name, &name);
    }
    return name;
}

[[nodiscard]] std::uint32_t variable_count(const CodeInfo& info) noexcept {
    return static_cast<std::uint32_t>(info.variables.slots.size());
}

/// Borrowed; null where there is none.
[[nodiscard]] PyObject* traceback_of(const FrameEvent& event) noexcept {
    if (event.traceback == nullptr && event.value != nullptr &&
        PyExceptionInstance_Check(event.value)) {
        return reinterpret_cast<const PyBaseExceptionObject*>(event.value)->traceback;
    }
    return event.traceback;
}

/// Types whose exact instances hold no other object, and never change.
[[nodiscard]] bool is_immutable(const PyTypeObject* type) noexcept {
    return type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBool_Type ||
           type == &PyFloat_Type || type == &PyBytes_Type || type == Py_TYPE(Py_None) ||
           type == &PyComplex_Type;
}

void encode_variable(Encoder& encoder, PyObject* value, bool is_secret) noexcept {
    if (value == nullptr) {
        encoder.omitted(proto::Omitted::kUnbound);
    } else if (is_secret) {
        encoder.redacted();
    } else {
        encoder.value(value);
    }
}

/// Room for the msgpack that write_thread() makes: an array of one str 8 of at most kMostName
/// bytes.
constexpr std::size_t kMostName = 100;
using ThreadPayload = std::array<std::uint8_t, kMostName + 3>;

[[nodiscard]] std::uint32_t encode_name(const std::string& name, ThreadPayload& to) noexcept {
    std::uint32_t size = 0;
    to[size++] = 0x91;
    if (name.empty()) {
        to[size++] = 0xC0;
        return size;
    }
    std::size_t bytes = std::min(name.size(), kMostName);
    while (bytes < name.size() && (static_cast<unsigned char>(name[bytes]) & 0xC0U) == 0x80U) {
        --bytes;  // not in the middle of a character
    }
    to[size++] = 0xD9;
    to[size++] = static_cast<std::uint8_t>(bytes);
    std::copy_n(name.data(), bytes, to.begin() + size);
    return size + static_cast<std::uint32_t>(bytes);
}

}  // namespace

bool RecordWriter::acquire_scarce_room(std::uint32_t bytes, std::uint32_t running) noexcept {
    if (is_out_of_patience_) {
        // The ring's own share counts as well: at its limit the rest of the arena is of no use to
        // it.
        const Arena& arena = *process_.arena;
        const std::uint32_t quarter = arena.layout().block_count / 4;
        is_out_of_patience_ = arena.free_blocks() < quarter || ring_.held() > quarter;
    }
    if (ring_.make_room(bytes, running)) {
        return true;
    }
    process_.drain.wake();
    return settings_.when_full == WhenFull::kWait && !is_out_of_patience_ &&
           wait_for_room(bytes, running);
}

bool RecordWriter::wait_for_room(std::uint32_t bytes, std::uint32_t running) noexcept {
    const auto until = std::chrono::steady_clock::now() + settings_.wait;
    bool has_room = false;
    PyThreadState* thread = PyEval_SaveThread();
    while (!has_room && current_process() == &process_ &&
           std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(kWaitStep);
        has_room = ring_.make_room(bytes, running);
    }
    survive_thread_exit([thread] { PyEval_RestoreThread(thread); });
    is_out_of_patience_ = !has_room;
    return has_room;
}

void RecordWriter::write_thread(std::uint32_t running) noexcept {
    std::string name;
    try {
        name = thread_name();
    } catch (const std::bad_alloc&) {
    }
    ThreadPayload payload{};
    const std::uint32_t size = encode_name(name, payload);
    const std::uint32_t bytes = proto::record_bytes(sizeof(proto::ThreadRecord), size);
    if (!ring_.make_room(bytes + proto::kWordBytes, running)) {
        return;  // tried again at the next start
    }
    introduced_ = true;
    const std::uint32_t delta = ring_.delta_to(read_ticks());
    std::copy_n(payload.begin(), size, ring_.tail() + sizeof(proto::ThreadRecord));
    const proto::ThreadRecord record{{}, ring_.thread(), PyThread_get_thread_ident()};
    ring_.publish(proto::write_record(ring_.tail(), record, RecordKind::kThread, size, delta));
}

void RecordWriter::write_context(const TraceRef& trace, const proto::ActivationId& current,
                                 proto::Ticks now) noexcept {
    const std::uint32_t delta = ring_.delta_to(now);
    const proto::ContextRecord record{
        {}, to_integer(trace.number), current.ordinal, to_integer(current.ring), 0};
    ring_.publish(proto::write_record(ring_.tail(), record, RecordKind::kContext, 0, delta));
    ring_.wire = {trace.number, current};
}

template <typename Fixed, typename Encode>
std::uint32_t RecordWriter::encode_payload(Fixed fixed, std::uint32_t running,
                                           const EncodeLimits& limits, Encode encode) noexcept {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const std::uint32_t before = fixed() + kAround;
        const std::uint32_t room = ring_.room(running);
        if (room >= before + kLeastPayload) {
            Encoder encoder(ring_.tail() + fixed(), room - before, limits,
                            process_.configuration.redaction);
            encode(encoder);
            if (!encoder.out_of_room()) {
                return encoder.size();
            }
        }
        const std::uint32_t full =
            sizeof(proto::LongRecord) + kAround + limits.event_bytes + kLeastPayload;
        if (attempt == 0 && !ring_.make_room(full, running)) {
            break;
        }
    }
    constexpr std::array<std::uint8_t, 3> kMarker = {
        0xD4, static_cast<std::uint8_t>(proto::kOmittedType),
        static_cast<std::uint8_t>(proto::Omitted::kRingFull)};
    std::copy(kMarker.begin(), kMarker.end(), ring_.tail() + fixed());
    return kMarker.size();
}

bool RecordWriter::start(const FrameEvent& event, const Activation& activation,
                         std::uint32_t running) noexcept {
    constexpr std::uint32_t kNeeded = sizeof(proto::ValuedRecord) + kAround + kLeastPayload;
    if (!acquire_room(kNeeded, running + 1)) {
        return false;
    }
    if (!introduced_) {
        write_thread(running + 1);
        if (!ring_.make_room(kNeeded, running + 1)) {
            return false;
        }
    }
    const proto::Ticks now = read_ticks();
    if (ring_.wire.trace != activation.trace.number || ring_.wire.current != activation.parent) {
        write_context(activation.trace, activation.parent, now);
    }
    const std::uint32_t code = to_integer(activation.code);
    const std::uint32_t arguments =
        std::min(event.info->variables.argument_count, variable_count(*event.info));
    std::uint32_t delta = ring_.delta_to(now);
    const bool has_values = settings_.values && arguments > 0;
    if (!has_values && code <= proto::kMax24) {
        proto::store(ring_.tail(), proto::one_word(RecordKind::kShortStart, code, delta));
        ring_.publish(proto::kWordBytes);
    } else {
        std::uint32_t payload = 0;
        if (has_values) {
            const std::uint8_t* before = ring_.tail();
            payload = encode_payload(
                [] { return static_cast<std::uint32_t>(sizeof(proto::ValuedRecord)); }, running + 1,
                [&](Encoder& encoder) {
                    encoder.use(event.reprs);
                    encode_arguments(encoder, event, arguments);
                });
            if (ring_.tail() != before) {
                delta = ring_.delta_to(now);  // in a new block, which counts from its own beginning
            }
        }
        const proto::ValuedRecord record{{}, code};
        ring_.publish(
            proto::write_record(ring_.tail(), record, RecordKind::kStart, payload, delta));
    }
    ring_.wire.current = {ring_.number(), ring_.next_ordinal()};
    ring_.take_ordinal();
    return true;
}

void RecordWriter::blind(const TraceRef& trace, proto::Ticks begin, proto::Ticks end,
                         std::uint32_t running) noexcept {
    if (!ring_.make_room(sizeof(proto::BlindRecord) + kAround, running)) {
        return;
    }
    const proto::Ticks now = read_ticks();
    if (ring_.wire.trace != trace.number) {
        write_context(trace, {}, now);
    }
    const std::uint32_t delta = ring_.delta_to(now);
    ring_.publish(proto::write_record(ring_.tail(), proto::BlindRecord{{}, begin, end},
                                      RecordKind::kBlind, 0, delta));
}

bool RecordWriter::span(RecordKind kind, std::uint64_t span, const TraceRef& trace,
                        const proto::ActivationId& current, const SpanText& text, PyObject* data,
                        std::uint32_t running) noexcept {
    constexpr std::uint32_t kNeeded = sizeof(proto::SpanRecord) + kAround + kLeastPayload;
    if (!acquire_room(kNeeded, running)) {
        return false;
    }
    const proto::Ticks now = read_ticks();
    const bool is_end = kind == RecordKind::kSpanEnd;
    // Before the encoding, which may go on in a new block: that knows trace and activation.
    if (ring_.wire.trace != trace.number || (!is_end && ring_.wire.current != current)) {
        write_context(trace, current, now);
    }
    const std::uint32_t payload = encode_payload(
        [] { return static_cast<std::uint32_t>(sizeof(proto::SpanRecord)); }, running,
        settings_.span_limits,
        [&](Encoder& encoder) {
            const std::array<PyObject*, 4> texts = {text.kind, text.type, text.subtype, text.name};
            const std::array<PyObject*, 3> end_texts = {text.type, text.name, text.subtype};
            const std::span<PyObject* const> told =
                is_end ? std::span<PyObject* const>(end_texts) : texts;
            encoder.begin_array(static_cast<std::uint32_t>(told.size()) + 1);
            for (PyObject* one : told) {
                encoder.value(one != nullptr ? one : Py_None);
            }
            encoder.value(data != nullptr ? data : Py_None);
        });
    const std::uint32_t delta = ring_.delta_to(now);
    ring_.publish(
        proto::write_record(ring_.tail(), proto::SpanRecord{{}, span}, kind, payload, delta));
    return true;
}

bool RecordWriter::is_short_end(const Activation& activation, Exit exit) const noexcept {
    return exit != Exit::kYield && !activation.was_suspended &&
           activation.id.ring == ring_.number() &&
           activation.id.ordinal >= ring_.block_first_ordinal();
}

void RecordWriter::write_long(RecordKind kind, const Activation& activation, std::uint32_t payload,
                              proto::Ticks now) noexcept {
    const proto::LongRecord record{{},
                                   ring_.absolute(now),
                                   activation.id.ordinal,
                                   activation.parent.ordinal,
                                   to_integer(activation.id.ring),
                                   to_integer(activation.parent.ring),
                                   to_integer(activation.code),
                                   0};
    ring_.publish(proto::write_record(ring_.tail(), record, kind, payload, 0));
}

bool RecordWriter::resume(const FrameEvent& event, const Activation& activation, bool thrown,
                          std::uint32_t running) noexcept {
    constexpr std::uint32_t kNeeded = sizeof(proto::LongRecord) + kAround + kLeastPayload;
    if (!acquire_room(kNeeded, running + 1)) {
        return false;
    }
    const proto::Ticks now = read_ticks();
    if (ring_.wire.trace != activation.trace.number) {
        write_context(activation.trace, activation.parent, now);
    }
    std::uint32_t payload = 0;
    if (thrown && settings_.values) {
        payload = encode_payload(
            [] { return static_cast<std::uint32_t>(sizeof(proto::LongRecord)); }, running + 1,
            [&](Encoder& encoder) {
                encoder.use(event.reprs);
                encode_outcome(encoder, event, Exit::kUnwind);
            });
    }
    write_long(thrown ? RecordKind::kLongThrow : RecordKind::kLongResume, activation, payload, now);
    ring_.wire.current = activation.id;
    return true;
}

bool RecordWriter::leave(const FrameEvent& event, const Activation& activation, Exit exit,
                         std::uint32_t running) noexcept {
    if (!ring_.make_room(proto::kEndRoom, running)) {
        return false;
    }
    const proto::Ticks now = read_ticks();
    if (ring_.wire.trace != activation.trace.number) {
        write_context(activation.trace, activation.parent, now);
    }
    const std::uint32_t locals =
        settings_.return_locals && exit != Exit::kYield ? variable_count(*event.info) : 0;
    const bool is_plain_none = exit == Exit::kReturn && event.value == Py_None && locals == 0 &&
                               !event.info->result_is_secret && is_short_end(activation, exit);
    // Before the encoding: a clock step moves the place of the record. When the encoding goes on in
    // a new block the end becomes long, and needs no delta.
    const std::uint32_t delta = is_short_end(activation, exit) ? ring_.delta_to(now) : 0;
    std::uint32_t payload = 0;
    if (settings_.values && !is_plain_none &&
        (locals > 0 || event.value != nullptr || event.exception_type != nullptr)) {
        const auto fixed = [&]() -> std::uint32_t {
            return is_short_end(activation, exit) ? sizeof(proto::ValuedRecord)
                                                  : sizeof(proto::LongRecord);
        };
        payload = encode_payload(fixed, running, [&](Encoder& encoder) {
            encoder.use(event.reprs);
            encode_outcome(encoder, event, exit);
            if (locals > 0) {
                encode_locals(encoder, event);
            }
        });
    }
    if (is_short_end(activation, exit)) {
        write_short(activation, exit, is_plain_none && settings_.values, payload, delta);
    } else {
        const RecordKind kind = exit == Exit::kYield    ? RecordKind::kLongYield
                                : exit == Exit::kUnwind ? RecordKind::kLongUnwind
                                                        : RecordKind::kLongReturn;
        write_long(kind, activation, payload, now);
    }
    ring_.wire.current = activation.parent;
    return true;
}

void RecordWriter::write_short(const Activation& activation, Exit exit, bool is_none,
                               std::uint32_t payload, std::uint32_t delta) noexcept {
    const auto distance = static_cast<std::uint32_t>(ring_.next_ordinal() - activation.id.ordinal);
    if (payload == 0) {
        const RecordKind kind = exit == Exit::kUnwind ? RecordKind::kShortUnwind
                                : is_none             ? RecordKind::kShortReturnNone
                                                      : RecordKind::kShortReturn;
        proto::store(ring_.tail(), proto::one_word(kind, distance, delta));
        ring_.publish(proto::kWordBytes);
        return;
    }
    const proto::ValuedRecord record{{}, distance};
    const RecordKind kind = exit == Exit::kUnwind ? RecordKind::kUnwind : RecordKind::kReturn;
    ring_.publish(proto::write_record(ring_.tail(), record, kind, payload, delta));
}

template <typename Encode>
void RecordWriter::find_reprs(ReprTexts& texts, Encode encode) const noexcept {
    try {
        std::vector<std::uint8_t> spare(settings_.limits.event_bytes + kLeastPayload);
        Encoder encoder(spare.data(), static_cast<std::uint32_t>(spare.size()), settings_.limits,
                        process_.configuration.redaction);
        encoder.use(&texts);
        encode(encoder);
    } catch (const std::bad_alloc&) {
        return;  // none is found
    }
}

void RecordWriter::find_reprs_at_start(const FrameEvent& event, ReprTexts& texts) const noexcept {
    const std::uint32_t arguments =
        std::min(event.info->variables.argument_count, variable_count(*event.info));
    find_reprs(texts, [&](Encoder& encoder) { encode_arguments(encoder, event, arguments); });
}

void RecordWriter::find_reprs_at_end(const FrameEvent& event, Exit exit,
                                     ReprTexts& texts) const noexcept {
    find_reprs(texts, [&](Encoder& encoder) {
        encode_outcome(encoder, event, exit);
        if (settings_.return_locals && exit != Exit::kYield) {
            encode_locals(encoder, event);
        }
    });
}

void RecordWriter::encode_outcome(Encoder& encoder, const FrameEvent& event,
                                  Exit exit) const noexcept {
    if (exit == Exit::kUnwind) {
        encode_exception(encoder, event);
    } else if (event.value == nullptr) {
        encoder.none();
    } else if (event.info->result_is_secret) {
        encoder.redacted();
    } else {
        encoder.value(exit == Exit::kYield ? unwrapped(event.value) : event.value);
    }
}

void RecordWriter::encode_exception(Encoder& encoder, const FrameEvent& event) const noexcept {
    PyObject* type = event.exception_type;
    if (type == nullptr && event.value != nullptr) {
        type = reinterpret_cast<PyObject*>(Py_TYPE(event.value));
    }
    if (type == nullptr) {
        encoder.none();  // this hook cannot see it
    } else {
        const int line = raised_line(traceback_of(event), event.frame, event.info->raised);
        encoder.exception(type, event.value, line);
    }
}

void RecordWriter::encode_arguments(Encoder& encoder, const FrameEvent& event,
                                    std::uint32_t count) const noexcept {
    const FrameVariables variables(event.frame, event.info->variables.slots);
    const std::uint32_t readable = std::min(count, variables.count());
    encoder.begin_array(readable);
    for (std::uint32_t i = 0; i < readable; ++i) {
        encode_variable(encoder, variables.at(i), event.info->traits[i].is_secret);
    }
}

/// Arguments that still are what they were are not encoded again.
void RecordWriter::encode_locals(Encoder& encoder, const FrameEvent& event) const noexcept {
    const CodeInfo& info = *event.info;
    const FrameVariables variables(event.frame, info.variables.slots);
    const bool may_be_edited = frame_may_be_edited(event.frame);
    const std::uint32_t count = variables.count();
    const auto is_unchanged = [&](std::uint32_t i) {
        PyObject* value = variables.at(i);
        return info.traits[i].is_fixed && value != nullptr && is_immutable(Py_TYPE(value));
    };
    if (info.is_all_fixed && !may_be_edited) {
        std::uint32_t unchanged = 0;
        while (unchanged < count && is_unchanged(unchanged)) {
            ++unchanged;
        }
        if (unchanged == count) {
            encoder.omitted(proto::Omitted::kUnchanged);
            return;
        }
    }
    encoder.begin_array(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!may_be_edited && !info.traits[i].is_secret && is_unchanged(i)) {
            encoder.omitted(proto::Omitted::kUnchanged);
        } else {
            encode_variable(encoder, variables.at(i), info.traits[i].is_secret);
        }
    }
}

}  // namespace kolo::probe

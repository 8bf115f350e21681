#include "probe/traces.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "probe/fork.hpp"
#include "probe/greenlet.hpp"
#include "probe/hook.hpp"
#include "probe/recorder.hpp"
#include "probe/ticks.hpp"

namespace kolo::probe {

namespace {

PyObject* g_variable = nullptr;  // the context variable; never freed

/// Counted over forks: a token inherited from the parent never names a trace of the child.
std::uint64_t g_next_number = 1;

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kTimeDigits = 10;
constexpr std::size_t kRandomDigits = 16;
constexpr std::size_t kIdDigits = kTimeDigits + kRandomDigits;

/// "trc_" and a ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
void write_trace_id(char (&to)[proto::kTraceIdBytes], std::int64_t realtime_ns) noexcept {
    std::array<std::uint8_t, kRandomDigits> random{};
    static_cast<void>(getrandom(random.data(), random.size(), GRND_NONBLOCK));
    std::memset(to, 0, sizeof to);
    std::memcpy(to, "trc_", 4);
    auto milliseconds = static_cast<std::uint64_t>(realtime_ns / 1'000'000);
    for (std::size_t i = kTimeDigits; i-- > 0; milliseconds >>= 5U) {
        to[4 + i] = kDigits[milliseconds & 31U];
    }
    for (std::size_t i = 0; i < kRandomDigits; ++i) {
        to[4 + kTimeDigits + i] = kDigits[random[i] & 31U];
    }
}

/// A group of its own: the bits of its id, which are never all zero.
void write_group(proto::TraceFields& fields) noexcept {
    for (std::size_t i = 0; i < kIdDigits; ++i) {
        const std::size_t digit = kDigits.find(fields.id[4 + i]);
        // Shifts all 128 bits by five; the two that fall out of 130 are always zero.
        std::uint32_t carry = static_cast<std::uint32_t>(digit);
        for (std::size_t byte = sizeof fields.group; byte-- > 0;) {
            const std::uint32_t wide = static_cast<std::uint32_t>(fields.group[byte]) << 5U | carry;
            fields.group[byte] = static_cast<std::uint8_t>(wide);
            carry = wide >> 8U;
        }
    }
}

void write_name(proto::TraceFields& fields, std::string_view name) noexcept {
    std::size_t bytes = std::min<std::size_t>(name.size(), proto::kTraceNameBytes);
    while (bytes < name.size() && bytes > 0 &&
           (static_cast<unsigned char>(name[bytes]) & 0xC0U) == 0x80U) {
        --bytes;  // not in the middle of a character
    }
    std::memcpy(fields.name, name.data(), bytes);
    fields.name_bytes = static_cast<std::uint32_t>(bytes);
}

/// Writing to a slot's fields: odd version, change, even version (a sequence lock with one writer,
/// the GIL's holder).
template <typename Change>
void change_fields(proto::TraceSlot& slot, Change change) noexcept {
    const std::uint32_t version =
        slot.version.load(std::memory_order_relaxed);  // relaxed: written under the GIL
    slot.version.store(version + 1, std::memory_order_relaxed);
    proto::TraceFields fields = slot.fields;
    change(fields);
    std::array<std::uint64_t, sizeof fields / sizeof(std::uint64_t)> words{};
    static_assert(sizeof words == sizeof fields);
    std::memcpy(words.data(), &fields, sizeof fields);
    auto* to = reinterpret_cast<std::uint64_t*>(&slot.fields);
    for (std::size_t i = 0; i < words.size(); ++i) {
        // release: a reader that sees a word of the change sees the odd version (a fence would do
        // the same, but ThreadSanitizer does not know fences)
        std::atomic_ref<std::uint64_t>(to[i]).store(words[i], std::memory_order_release);
    }
    slot.version.store(
        version + 2,
        std::memory_order_release);  // a reader that sees it even sees the whole change
}

void set_variable(const TraceRef& trace) noexcept {
    PyObject* value = PyLong_FromUnsignedLongLong(token_of(trace));
    PyObject* reset = value != nullptr ? PyContextVar_Set(g_variable, value) : nullptr;
    if (reset == nullptr) {
        PyErr_Clear();  // out of memory: the boundary still carries the trace on this thread
    }
    Py_XDECREF(reset);
    Py_XDECREF(value);
}

[[nodiscard]] std::optional<std::uint32_t> take_slot(Process& process) noexcept {
    const std::uint32_t slots = process.arena->layout().slot_count;
    for (std::uint32_t tried = 0; tried < slots; ++tried) {
        const std::uint32_t index = process.next_slot;
        process.next_slot = (process.next_slot + 1) % slots;
        // acquire: the drain thread has read it for the last time before it freed it
        if (process.arena->slot(index).state.load(std::memory_order_acquire) ==
            static_cast<std::uint32_t>(proto::SlotState::kFree)) {
            return index;
        }
    }
    process.arena->header().traces_refused.fetch_add(
        1, std::memory_order_relaxed);  // relaxed: a count
    return std::nullopt;
}

void fill_slot(Process& process, const TraceRef& trace, proto::TraceKind kind,
               std::string_view name, const TraceOrigin& origin) noexcept {
    proto::TraceSlot& slot = process.slot(trace);
    // relaxed: nobody counts into a free slot, and the state is published below
    slot.open_roots.store(0, std::memory_order_relaxed);
    slot.emitted.store(0, std::memory_order_relaxed);
    for (auto& lost : slot.lost) {
        lost.store(0, std::memory_order_relaxed);
    }
    change_fields(slot, [&](proto::TraceFields& fields) {
        fields = proto::TraceFields{};
        fields.number = to_integer(trace.number);
        fields.kind = static_cast<std::uint32_t>(kind);
        fields.begin_ticks = read_ticks();
        fields.begin_realtime_ns = clock_ns(CLOCK_REALTIME);
        write_trace_id(fields.id, fields.begin_realtime_ns);
        write_name(fields, name);
        std::memcpy(fields.parent_id, origin.trace.id, sizeof fields.parent_id);
        std::memcpy(fields.group, origin.trace.group, sizeof fields.group);
        if (std::all_of(std::begin(fields.group), std::end(fields.group),
                        [](std::uint8_t byte) { return byte == 0; })) {
            write_group(fields);
        }
        fields.parent_ordinal = origin.activation.ordinal;
        fields.parent_ring = to_integer(origin.activation.ring);
    });
    // release: the drain thread that sees it live sees it whole
    slot.state.store(static_cast<std::uint32_t>(proto::SlotState::kLive),
                     std::memory_order_release);
}

[[nodiscard]] TraceOrigin origin_at(const Process& process, const Recorder::Place& place) noexcept {
    TraceOrigin origin;
    if (process.holds(place.trace)) {
        origin.trace = process.slot(place.trace).fields;
        origin.activation = place.parent;
    }
    return origin;
}

void finish_slot(Process& process, const TraceRef& trace,
                 std::optional<std::string_view> name) noexcept {
    proto::TraceSlot& slot = process.slot(trace);
    change_fields(slot, [&](proto::TraceFields& fields) {
        fields.end_ticks = read_ticks();
        if (name) {
            write_name(fields, *name);
        }
    });
    ++process.traces_ended;
    process.local_traces[trace.slot].ended_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
    // release: the drain thread that sees it ended sees end and name
    slot.state.store(static_cast<std::uint32_t>(proto::SlotState::kEnded),
                     std::memory_order_release);
}

}  // namespace

bool make_context_variable() noexcept {
    if (g_variable == nullptr) {
        g_variable = PyContextVar_New("kolo_probe.trace", nullptr);
    }
    return g_variable != nullptr;
}

TraceRef trace_in_context() noexcept {
    PyObject* value = nullptr;
    if (PyContextVar_Get(g_variable, nullptr, &value) != 0) {
        PyErr_Clear();
        return {};
    }
    TraceRef trace;
    if (value != nullptr && PyLong_CheckExact(value)) {
        trace = trace_of(PyLong_AsUnsignedLongLongMask(value));
    }
    Py_XDECREF(value);
    return trace;
}

TraceToken begin_trace(proto::TraceKind kind, std::string_view name,
                       const RemoteOrigin& remote) noexcept {
    Process* process = continue_after_fork();
    if (process == nullptr) {
        process = ensure_process();
    }
    Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr;
    if (recorder == nullptr) {
        return 0;
    }
    find_greenlets();
    const auto slot = take_slot(*process);
    if (!slot) {
        return 0;
    }
    const Recorder::Place within = recorder->place();
    const TraceRef trace{proto::TraceNumber{g_next_number++}, *slot};
    process->local_traces[*slot].enclosing = within.trace;
    TraceOrigin origin = origin_at(*process, within);
    if (remote.group) {
        origin = TraceOrigin{};
        std::copy(remote.group->begin(), remote.group->end(), origin.trace.group);
        remote.parent_id.copy(origin.trace.id, sizeof origin.trace.id - 1);
    }
    fill_slot(*process, trace, kind, name, origin);
    resume_trace(token_of(trace));
    set_hook(process->configuration.settings.hook);
    process->drain.wake();
    return token_of(trace);
}

std::optional<TraceOrigin> current_origin() noexcept {
    const Process* process = current_process();
    Recorder* recorder = current_recorder();
    if (process == nullptr || recorder == nullptr) {
        return std::nullopt;
    }
    const Recorder::Place place = recorder->place();
    if (place.trace_is_over || !process->holds(place.trace)) {
        return std::nullopt;
    }
    return origin_at(*process, place);
}

void begin_fork_trace(Process& process, const TraceOrigin& origin) noexcept {
    Recorder* recorder = ensure_recorder(process);
    const auto slot = recorder != nullptr ? take_slot(process) : std::nullopt;
    if (!slot) {
        return;
    }
    const TraceRef trace{proto::TraceNumber{g_next_number++}, *slot};
    process.local_traces[*slot].enclosing = {};
    fill_slot(process, trace, proto::TraceKind::kFork, proto::trace_name(origin.trace), origin);
    recorder->adopt(trace);
    process.drain.wake();
}

void end_trace(TraceToken token, std::optional<std::string_view> name) noexcept {
    Process* process = current_process();
    const TraceRef trace = trace_of(token);
    if (process == nullptr || !process->is_live(trace)) {
        return;
    }
    notice_replaced_hook();
    suspend_trace(token);
    if (Recorder* recorder = current_recorder()) {
        recorder->settle_counts();
    }
    finish_slot(*process, trace, name);
    process->drain.wake();
}

void suspend_trace(TraceToken token) noexcept {
    Process* process = current_process();
    const TraceRef trace = trace_of(token);
    if (process == nullptr || !process->is_live(trace)) {
        return;
    }
    if (Recorder* recorder = current_recorder()) {
        recorder->remove_boundary(trace);
    }
    if (trace_in_context() == trace) {
        set_variable(process->local_traces[trace.slot].enclosing);
    }
}

void resume_trace(TraceToken token) noexcept {
    Process* process = current_process();
    const TraceRef trace = trace_of(token);
    if (process == nullptr || !process->is_live(trace)) {
        return;
    }
    set_variable(
        trace);  // first: it may make the thread's Context, whose identity the boundary remembers
    if (Recorder* recorder = ensure_recorder(*process)) {
        recorder->push_boundary(trace);
    }
}

void adopt_trace(TraceToken token) noexcept {
    Process* process = current_process();
    Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr;
    if (recorder == nullptr) {
        return;
    }
    if (current_greenlet() == nullptr) {
        recorder->adopt(trace_of(token));
    } else {
        // gevent's threads are greenlets and share this thread's recorder; the Context of each is
        // its own, and goes when it goes.
        set_variable(trace_of(token));
    }
}

TraceToken current_trace() noexcept {
    Process* process = continue_after_fork();
    Recorder* recorder = process != nullptr ? ensure_recorder(*process) : nullptr;
    if (recorder == nullptr) {
        return 0;
    }
    const Recorder::Place place = recorder->place();
    return place.trace_is_over ? 0 : token_of(place.trace);
}

std::optional<std::string> trace_id_of(TraceToken token) {
    const Process* process = current_process();
    const TraceRef trace = trace_of(token);
    if (process == nullptr || !process->holds(trace)) {
        return std::nullopt;
    }
    return std::string(proto::trace_id(process->slot(trace).fields));
}

std::optional<std::string> trace_group_of(TraceToken token) {
    const Process* process = current_process();
    const TraceRef trace = trace_of(token);
    if (process == nullptr || !process->holds(trace)) {
        return std::nullopt;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : process->slot(trace).fields.group) {
        text += kHex[byte >> 4U];
        text += kHex[byte & 15U];
    }
    return text;
}

void end_all_traces(Process& process) noexcept {
    for (std::uint32_t i = 0; i < process.arena->layout().slot_count; ++i) {
        const TraceRef trace{proto::TraceNumber{process.arena->slot(i).fields.number}, i};
        if (process.is_live(trace)) {
            end_trace(token_of(trace), std::nullopt);
        }
    }
}

}  // namespace kolo::probe

#include "probe/process.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <new>

#include "probe/codes.hpp"
#include "probe/fork.hpp"
#include "probe/hook.hpp"
#include "probe/leaked.hpp"
#include "probe/thread_exit.hpp"
#include "probe/ticks.hpp"
#include "probe/traces.hpp"

namespace kolo::probe {

namespace {

/// Kept over forks and never destroyed: a thread may read them while the process exits.
Configuration* g_configuration = nullptr;
bool g_stopped = false;
std::uint32_t g_processes = 0;
std::optional<proto::ProcessId> g_parent;

[[nodiscard]] bool same_filters(const Settings& a, const Settings& b) {
    return a.filters.include_frames == b.filters.include_frames &&
           a.filters.ignore_frames == b.filters.ignore_frames;
}

[[nodiscard]] std::optional<proto::ProcessId> random_id() noexcept {
    proto::ProcessId id;
    if (getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size())) {
        return std::nullopt;
    }
    return id;
}

}  // namespace

std::atomic<Process*> g_process{nullptr};

Process::Process(const Configuration& configured, std::unique_ptr<Arena> own_arena,
                 proto::ProcessId own_id, std::optional<proto::ProcessId> parent_id,
                 std::uint32_t count)
    : configuration(configured),
      id(own_id),
      serial(count),
      arena(std::move(own_arena)),
      drain(*arena, rings, configured.settings, own_id, parent_id),
      local_traces(arena->layout().slot_count) {}

void Process::count_emitted(const TraceRef& trace, std::uint64_t events) noexcept {
    if (events == 0) {
        return;
    }
    // relaxed: counts
    emitted.fetch_add(events, std::memory_order_relaxed);
    if (holds(trace)) {
        slot(trace).emitted.fetch_add(events, std::memory_order_relaxed);
    }
}

void Process::count_lost(const TraceRef& trace, proto::LossReason reason) noexcept {
    auto& counters = holds(trace) ? slot(trace).lost : arena->header().lost;
    // relaxed: counts
    counters[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
    lost[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

const Configuration* current_configuration() noexcept { return g_configuration; }

bool fix_configuration(Settings settings) {
    if (g_configuration != nullptr) {
        return same_filters(g_configuration->settings, settings);
    }
    Filters filters(settings.filters);
    Redaction redaction(settings.redact);
    auto configuration = std::make_unique<Configuration>(
        Configuration{std::move(settings), std::move(filters), std::move(redaction)});
    g_configuration = configuration.release();
    return true;
}

Process* ensure_process() noexcept {
    if (Process* process = current_process()) {
        process->drain.ensure_running();
        return process;
    }
    if (g_stopped || g_configuration == nullptr || !claim_code_slot()) {
        return nullptr;
    }
    try {
        choose_tick_source();
        const auto id = random_id();
        auto arena = id ? Arena::create(g_configuration->settings.arena_bytes, *id) : nullptr;
        if (!arena) {
            return nullptr;
        }
        watch_forks();
        auto process = std::make_unique<Process>(*g_configuration, std::move(arena), *id, g_parent,
                                                 ++g_processes);
        process->drain.ensure_running();
        leak_on_purpose(process.get());
        // release: threads that end without the GIL find it whole
        g_process.store(process.release(), std::memory_order_release);
        return current_process();
    } catch (const std::exception&) {
        return nullptr;
    }
}

bool stop_recording(double timeout_seconds) noexcept {
    g_stopped = true;
    Process* process = current_process();
    if (process == nullptr) {
        return true;
    }
    end_all_traces(*process);
    remove_hook();
    // release: as in ensure_process(). Threads that wait for room see it and go on.
    g_process.store(nullptr, std::memory_order_release);
    PyThreadState* thread = PyEval_SaveThread();
    const bool done = process->drain.shutdown(std::chrono::duration<double>(timeout_seconds));
    survive_thread_exit([thread] { PyEval_RestoreThread(thread); });
    return done;
}

void forget_process_in_child() noexcept {
    if (Process* process = current_process()) {
        g_parent = process->id;
        process->drain.abandon();
        close(process->arena->descriptor());
        g_process.store(nullptr,
                        std::memory_order_release);  // the parent's: leaked, its memory is not here
    }
}

}  // namespace kolo::probe

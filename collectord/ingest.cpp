#include "collectord/ingest.hpp"

#include <algorithm>
#include <utility>

#include "collectord/block_ingest.hpp"
#include "collectord/commit.hpp"
#include "collectord/liveness.hpp"
#include "collectord/salvage.hpp"
#include "collectord/traces.hpp"
#include "proto/codes.hpp"
#include "store/text.hpp"

namespace kolo::collectord {

namespace {

/// A welcome is one frame: what it does not list is sent again and passed over.
constexpr std::size_t kRingsTold = 30'000;

[[nodiscard]] Trace trace_from(store::RecalledTrace&& recalled) {
    Trace trace;
    trace.row = std::move(recalled.row);
    trace.losses = recalled.losses;
    trace.plain_bytes = recalled.plain_bytes;
    return trace;
}

[[nodiscard]] Process process_from(store::RecalledProcess&& recalled) {
    Process process;
    process.row = std::move(recalled.row);
    process.losses = recalled.losses;
    process.codes_committed = process.row.codes_offset;
    for (const store::RingRow& row : recalled.rings) {
        Ring ring;
        ring.row = row;
        ring.committed = row.stored;
        process.rings.emplace(row.ring, std::move(ring));
    }
    process.clocks = std::move(recalled.clocks);
    process.clocks_stored = process.clocks.size();
    for (store::RecalledTrace& trace : recalled.traces) {
        const std::uint64_t number = trace.row.number;
        process.traces.emplace(number, trace_from(std::move(trace)));
    }
    return process;
}

[[nodiscard]] store::ProcessRow row_from(const proto::Hello& hello) {
    store::ProcessRow row;
    row.uuid = hello.process;
    row.parent = hello.parent;
    row.own_pid = hello.pid;
    row.start_time = hello.start_time;
    row.boot_id = store::clean_text(hello.boot_id);
    row.host = store::clean_text(hello.host);
    row.python = store::clean_text(hello.python);
    row.implementation = store::clean_text(hello.implementation);
    row.version = store::clean_text(hello.version);
    if (hello.git_sha) {
        row.git_sha = store::clean_text(*hello.git_sha);
    }
    row.argv = store::json_array(hello.argv);
    row.cwd = store::clean_text(hello.cwd);
    row.connected_at = store::iso_now();
    return row;
}

/// In an arena a block may be damaged; those behind it decode alone, and are worth having.
void pass_over_gap(Process& process, const proto::BlockStart& start) {
    const auto found = process.rings.find(start.ring);
    if (found != process.rings.end() && start.sequence > found->second.row.stored.sequence + 1) {
        found->second.row.stored = {start.sequence, 0};
        process.row.accounting_unknown = true;
    }
}

template <typename Body>
[[nodiscard]] bool is_body(proto::Bytes body) noexcept {
    return body.size() >= sizeof(Body);
}

/// The probe counts an event before it writes the record. What a death came between, at most one
/// event a ring, was emitted and is lost; a larger difference is left to show.
void count_torn_events(Model& model, Process& process) {
    constexpr auto kUnreadable = static_cast<std::size_t>(proto::LossReason::kUnreadable);
    for (auto& [number, trace] : process.traces) {
        std::uint64_t accounted = trace.row.stored;
        for (const std::uint64_t lost : trace.losses) {
            accounted += lost;
        }
        if (trace.row.emitted > accounted &&
            trace.row.emitted - accounted <= process.rings.size()) {
            trace.losses[kUnreadable] += trace.row.emitted - accounted;
            mark_changed(model, process, trace);
        }
    }
}

}  // namespace

Ingest::Ingest(SQLite::Database& database)
    : database_(database), writer_(database), stored_traces_(database) {
    const store::LargestKeys keys = store::largest_keys(database);
    model_.last_process_key = keys.process;
    model_.last_trace_key = keys.trace;
}

Process* Ingest::recall(const proto::ProcessId& uuid) {
    if (const auto found = model_.processes.find(uuid); found != model_.processes.end()) {
        return &found->second;
    }
    auto recalled = store::recall_process(database_, uuid);
    if (!recalled) {
        return nullptr;
    }
    return &model_.processes.emplace(uuid, process_from(std::move(*recalled))).first->second;
}

Process& Ingest::recall_or_make(const proto::Hello& hello) {
    if (Process* known = recall(hello.process)) {
        return *known;
    }
    Process process;
    process.row = row_from(hello);
    process.row.key = store::ProcessKey{++model_.last_process_key};
    return model_.processes.emplace(hello.process, std::move(process)).first->second;
}

proto::Welcome Ingest::hello(SessionId session, const proto::Hello& hello, std::uint64_t pid) {
    Process& process = recall_or_make(hello);
    // Once it was given up, traces were closed that it never told the end of.
    const bool was_given_up = process.row.state != store::ProcessState::kConnected &&
                              process.row.state != store::ProcessState::kDisconnected;
    process.row.pid = pid;
    process.row.state = store::ProcessState::kConnected;
    process.row.ended_at.reset();
    process.session = session;
    process.partial.clear();
    process.bye = false;
    process.bye_told = false;
    process.is_over = false;
    process.bytes_received = 0;
    process.bytes_committed = 0;
    process.codes_here = process.codes_told = process.codes_committed;
    process.pending_closed.clear();  // it tells them again
    for (const proto::ClockPair& clock : hello.clocks) {
        if (std::find(process.clocks.begin(), process.clocks.end(), clock) ==
            process.clocks.end()) {
            add_clock(process, clock);
        }
    }
    expect_whole_blocks(process);
    mark_changed(model_, process);
    urgent_ = true;

    proto::Welcome welcome;
    welcome.version = KOLO_VERSION;
    welcome.codes_offset = process.codes_committed;
    for (auto& [number, ring] : process.rings) {
        ring.told = ring.committed;
        if (ring.committed != proto::Position{}) {
            welcome.rings.push_back({proto::RingNumber{number}, ring.committed});
        }
    }
    if (welcome.rings.size() > kRingsTold) {
        // The newest rings are those that still have something to send.
        std::nth_element(welcome.rings.begin(), welcome.rings.begin() + kRingsTold,
                         welcome.rings.end(),
                         [](const auto& a, const auto& b) { return a.ring > b.ring; });
        welcome.rings.resize(kRingsTold);
    }
    if (!was_given_up) {
        welcome.closed = store::recall_closed(database_, process.row.key);
    }
    return welcome;
}

std::optional<std::string> Ingest::received(SessionId session, const proto::ProcessId& uuid,
                                            proto::Bytes bytes) {
    const auto found = model_.processes.find(uuid);
    if (found == model_.processes.end() || found->second.session != session) {
        return std::nullopt;  // of a connection that was given up meanwhile; it will be sent again
    }
    Process& process = found->second;
    process.bytes_received += bytes.size();
    mark_changed(model_, process);
    proto::Bytes left = bytes;
    if (!process.partial.empty()) {
        process.partial.insert(process.partial.end(), bytes.begin(), bytes.end());
        left = process.partial;
    }
    auto wrong = take_frames(process, left);
    if (wrong) {
        process.session = SessionId::kNone;
        left = {};
    }
    process.partial = std::vector<std::uint8_t>(left.begin(), left.end());
    return wrong;
}

std::optional<std::string> Ingest::take_frames(Process& process, proto::Bytes& left) {
    while (left.size() >= sizeof(proto::FrameHead)) {
        const auto head = proto::load<proto::FrameHead>(left, 0);
        if (head.bytes > proto::kMaxFrameBytes) {
            return "a frame longer than " + std::to_string(proto::kMaxFrameBytes) + " bytes";
        }
        const std::size_t whole = sizeof head + head.bytes;
        if (left.size() < whole) {
            break;
        }
        const proto::Frame frame{static_cast<proto::MessageType>(head.type),
                                 left.subspan(sizeof head, head.bytes)};
        if (auto wrong = take(process, frame)) {
            return wrong;
        }
        left = left.subspan(whole);
    }
    return std::nullopt;
}

std::optional<std::string> Ingest::take(Process& process, const proto::Frame& frame) {
    switch (frame.type) {
        case proto::MessageType::kCodes:
            return take_codes(process, frame.body);
        case proto::MessageType::kTrace:
            return take_trace(process, frame.body);
        case proto::MessageType::kBlock:
            return take_block(process, frame.body);
        default:
            return take_small(process, frame);
    }
}

std::optional<std::string> Ingest::take_codes(Process& process, proto::Bytes body) {
    if (!is_body<proto::CodesMessage>(body)) {
        return "a codes message that is too short";
    }
    return take_code_entries(process, proto::load<proto::CodesMessage>(body, 0).offset,
                             body.subspan(sizeof(proto::CodesMessage)));
}

std::optional<std::string> Ingest::take_code_entries(Process& process, std::uint64_t offset,
                                                     proto::Bytes entries) {
    // After a reconnect the codes begin at what was committed, which may lie before what was
    // received.
    const std::uint64_t known = process.row.codes_offset;
    if (offset > known) {
        return "codes from offset " + std::to_string(offset) + " on, but only " +
               std::to_string(known) + " bytes before them are known";
    }
    process.codes_here = offset + entries.size();
    mark_changed(model_, process);
    const std::uint64_t repeated = known - offset;
    if (repeated >= entries.size()) {
        return std::nullopt;
    }
    entries = entries.subspan(static_cast<std::size_t>(repeated));
    proto::DecodedCodes decoded = proto::decode_codes(entries);
    process.row.codes_offset += decoded.bytes;
    model_.pending_bytes += decoded.bytes;
    std::move(decoded.definitions.begin(), decoded.definitions.end(),
              std::back_inserter(process.pending_codes));
    mark_changed(model_, process);
    if (decoded.broken || decoded.bytes != entries.size()) {
        return "codes that do not decode";
    }
    return std::nullopt;
}

std::optional<std::string> Ingest::take_trace(Process& process, proto::Bytes body) {
    if (!is_body<proto::TraceImage>(body)) {
        return "a trace message that is too short";
    }
    return take_trace_image(process, proto::load<proto::TraceImage>(body, 0));
}

std::optional<std::string> Ingest::take_trace_image(Process& process,
                                                    const proto::TraceImage& image) {
    const std::uint64_t number = image.fields.number;
    Trace* trace = number == 0 ? nullptr : find_trace(process, number);
    const std::string id(proto::trace_id(image.fields));
    if (number == 0 || !is_trace_id(id) || (trace != nullptr && trace->row.id != id)) {
        return "a trace whose number or id cannot be";
    }
    if (trace == nullptr) {
        if (model_.new_trace_ids.contains(id) || stored_traces_.has_id(id)) {
            return "a trace id that another process has used";
        }
        Trace made;
        made.row = make_trace_row(process.row, image);
        made.row.key = store::TraceKey{++model_.last_trace_key};
        model_.new_trace_ids.insert(id);
        trace = &process.traces.emplace(number, std::move(made)).first->second;
    } else if (trace->row.status == store::TraceStatus::kInterrupted) {
        // An earlier collector gave the process up; here it is.
        trace->row.status = store::TraceStatus::kOpen;
        trace->row.duration_ns.reset();
    }
    apply_image(model_, process, *trace, image);
    return std::nullopt;
}

std::optional<std::string> Ingest::take_block(Process& process, proto::Bytes body) {
    if (!is_body<proto::BlockMessage>(body)) {
        return "a block message that is too short";
    }
    return ingest_block(
        model_, process, proto::load<proto::BlockMessage>(body, 0),
        body.subspan(sizeof(proto::BlockMessage)),
        [this](Process& of, std::uint64_t number) { return find_trace(of, number); });
}

std::optional<std::string> Ingest::take_small(Process& process, const proto::Frame& frame) {
    mark_changed(model_, process);
    if (frame.type == proto::MessageType::kClock && is_body<proto::ClockPair>(frame.body)) {
        add_clock(process, proto::load<proto::ClockPair>(frame.body, 0));
    } else if (frame.type == proto::MessageType::kTraceClosed &&
               is_body<proto::TraceClosedMessage>(frame.body)) {
        close_trace(process, proto::load<proto::TraceClosedMessage>(frame.body, 0).number);
    } else if (frame.type == proto::MessageType::kCounts &&
               is_body<proto::CountsMessage>(frame.body)) {
        apply_counts(process, proto::load<proto::CountsMessage>(frame.body, 0));
    } else if (frame.type == proto::MessageType::kBye) {
        process.bye = true;
        urgent_ = true;
    } else if (frame.type == proto::MessageType::kHello) {
        return "a second hello";
    }
    // Types of a later version are stepped over.
    return std::nullopt;
}

void Ingest::apply_counts(Process& process, const proto::CountsMessage& counts) {
    if (counts.emitted_blockless > process.row.emitted_blockless) {
        process.row.emitted += counts.emitted_blockless - process.row.emitted_blockless;
        process.row.emitted_blockless = counts.emitted_blockless;
    }
    process.row.traces_refused = std::max(process.row.traces_refused, counts.traces_refused);
    process.row.codes_lost = std::max(process.row.codes_lost, counts.codes_lost);
    for (std::size_t reason = 0; reason < process.losses.size(); ++reason) {
        if (reason !=
            static_cast<std::size_t>(proto::LossReason::kUnreadable)) {  // that one we count
            process.losses[reason] = std::max(process.losses[reason], counts.lost[reason]);
        }
    }
    mark_changed(model_, process);
}

void Ingest::close_trace(Process& process, std::uint64_t number) {
    Trace* trace = find_trace(process, number);
    if (trace != nullptr && trace->row.status != store::TraceStatus::kComplete) {
        settle_trace(model_, process, *trace, store::TraceStatus::kComplete);
    }
    // Also one that is not known: whoever asks wants to forget it.
    process.pending_closed.push_back(proto::TraceNumber{number});
}

Trace* Ingest::find_trace(Process& process, std::uint64_t number) {
    if (const auto found = process.traces.find(number); found != process.traces.end()) {
        return &found->second;
    }
    auto recalled = stored_traces_.recall(process.row.key, number);
    if (!recalled) {
        return nullptr;
    }
    return &process.traces.emplace(number, trace_from(std::move(*recalled))).first->second;
}

void Ingest::disconnected(SessionId session, const proto::ProcessId& uuid) {
    const auto found = model_.processes.find(uuid);
    if (found == model_.processes.end()) {
        return;
    }
    Process& process = found->second;
    if (process.session != session && process.session != SessionId::kNone) {
        return;  // it is connected again
    }
    process.session = SessionId::kNone;
    if (process.bye) {
        settle_process(process, store::ProcessState::kEnded, store::TraceStatus::kInterrupted);
        return;
    }
    process.row.state = store::ProcessState::kDisconnected;
    mark_changed(model_, process);
}

void Ingest::settle_process(Process& process, store::ProcessState state,
                            store::TraceStatus open_ones) {
    process.row.state = state;
    process.row.ended_at = store::iso_now();
    process.session = SessionId::kNone;
    process.is_over = true;
    for (auto& [number, trace] : process.traces) {
        if (trace.row.status != store::TraceStatus::kOpen) {
            continue;
        }
        const bool has_ended =
            state != store::ProcessState::kUnknown && trace.row.end_ticks.has_value();
        settle_trace(model_, process, trace, has_ended ? store::TraceStatus::kComplete : open_ones);
    }
    mark_changed(model_, process);
    urgent_ = true;
}

void Ingest::died(const proto::ProcessId& uuid, const store::Descriptor& arena,
                  const std::function<void()>& relieve) {
    const auto found = model_.processes.find(uuid);
    if (found == model_.processes.end()) {
        return;  // it said bye, and all is stored
    }
    Process& process = found->second;
    if (process.bye) {
        settle_process(process, store::ProcessState::kEnded, store::TraceStatus::kInterrupted);
        return;
    }
    if (!arena) {
        settle_process(process, store::ProcessState::kUnknown, store::TraceStatus::kInterrupted);
        process.row.accounting_unknown = true;
        return;
    }
    const SalvageTarget target{
        [&](std::uint64_t offset, proto::Bytes entries) {
            return take_code_entries(process, offset, entries);
        },
        [&](const proto::TraceImage& image) { return take_trace_image(process, image); },
        [&](const proto::BlockMessage& block, proto::Bytes records) {
            pass_over_gap(process, block.start);
            return ingest_block(
                model_, process, block, records,
                [this](Process& of, std::uint64_t number) { return find_trace(of, number); });
        },
        [&](const proto::CountsMessage& counts) { apply_counts(process, counts); },
        [&](std::uint64_t number, std::uint64_t emitted) {
            if (Trace* trace = find_trace(process, number)) {
                trace->row.emitted += emitted;
                mark_changed(model_, process, *trace);
            }
        },
        relieve,
    };
    expect_whole_blocks(process);
    const auto salvaged = salvage(arena.get(), process, target);
    if (!salvaged) {
        process.row.accounting_unknown = true;
        settle_process(process, store::ProcessState::kUnknown, store::TraceStatus::kInterrupted);
        return;
    }
    process.row.accounting_unknown = process.row.accounting_unknown || salvaged->refused > 0;
    if (salvaged->refused == 0) {
        count_torn_events(model_, process);
    }
    // A worker that ends by a signal between two requests (as uvicorn's do) says no bye either.
    const bool was_at_work =
        std::any_of(process.traces.begin(), process.traces.end(), [](const auto& entry) {
            const store::TraceRow& row = entry.second.row;
            return row.status == store::TraceStatus::kOpen && !row.end_ticks;
        });
    settle_process(process,
                   was_at_work ? store::ProcessState::kCrashed : store::ProcessState::kEnded,
                   store::TraceStatus::kCrashed);
}

std::vector<Awaited> Ingest::recall_awaited() {
    std::vector<Awaited> awaited;
    for (const proto::ProcessId& uuid : store::recall_living(database_)) {
        if (Process* process = recall(uuid)) {
            // It was connected to a collector before this one.
            if (process->row.state == store::ProcessState::kConnected) {
                process->row.state = store::ProcessState::kDisconnected;
                mark_changed(model_, *process);
            }
            awaited.push_back(
                {uuid, process->row.boot_id, process->row.pid, process->row.start_time});
        }
    }
    return awaited;
}

void Ingest::settle_unknown(const proto::ProcessId& uuid) {
    const auto found = model_.processes.find(uuid);
    if (found == model_.processes.end() || found->second.session != SessionId::kNone) {
        return;
    }
    found->second.row.accounting_unknown = true;
    settle_process(found->second, store::ProcessState::kUnknown, store::TraceStatus::kInterrupted);
}

void Ingest::leave() {
    for (auto& [uuid, process] : model_.processes) {
        if (process.bye) {
            settle_process(process, store::ProcessState::kEnded, store::TraceStatus::kInterrupted);
        } else if (process.row.state == store::ProcessState::kConnected) {
            process.row.state = store::ProcessState::kDisconnected;
            mark_changed(model_, process);
        }
    }
}

std::vector<CommittedAck> Ingest::commit() {
    write_model(model_, writer_, packer_);
    urgent_ = false;
    return take_committed(model_);
}

}  // namespace kolo::collectord

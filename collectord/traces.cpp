#include "collectord/traces.hpp"

#include <algorithm>

#include "store/text.hpp"

namespace kolo::collectord {

namespace {

[[nodiscard]] std::string hex_of(proto::Bytes bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

}  // namespace

bool is_trace_id(std::string_view id) noexcept {
    constexpr std::string_view kPrefix = "trc_";
    constexpr std::size_t kUlid = 26;
    return id.size() == kPrefix.size() + kUlid && id.starts_with(kPrefix) &&
           std::all_of(id.begin() + kPrefix.size(), id.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

store::TraceRow make_trace_row(const store::ProcessRow& process, const proto::TraceImage& image) {
    const proto::TraceFields& fields = image.fields;
    store::TraceRow row;
    row.id = proto::trace_id(fields);
    row.number = fields.number;
    row.kind = proto::trace_kind_name(fields.kind);
    row.started_at = store::iso_time(fields.begin_realtime_ns);
    row.version = process.version;
    row.git_sha = process.git_sha;
    row.argv = process.argv;
    row.begin_ticks = fields.begin_ticks;
    if (const auto parent = proto::parent_trace_id(fields); is_trace_id(parent)) {
        row.parent_id = parent;
    }
    row.group_id = hex_of(fields.group);
    if (fields.parent_ring != 0) {
        row.parent =
            proto::ActivationId{proto::RingNumber{fields.parent_ring}, fields.parent_ordinal};
    }
    return row;
}

void apply_image(Model& model, Process& process, Trace& trace, const proto::TraceImage& image) {
    const std::string_view name = proto::trace_name(image.fields);
    if (!name.empty()) {
        trace.row.name = store::clean_text(name);
    }
    trace.row.kind = proto::trace_kind_name(image.fields.kind);
    if (image.fields.end_ticks != 0) {
        trace.row.end_ticks = image.fields.end_ticks;
    }
    trace.row.emitted = image.emitted;
    std::copy(std::begin(image.lost), std::end(image.lost), trace.losses.begin());
    mark_changed(model, process, trace);
}

std::int64_t duration_ns(Process& process, proto::Ticks begin, proto::Ticks end) {
    if (!process.scale) {
        process.scale.emplace(process.clocks);
    }
    return std::max<std::int64_t>(
        0, process.scale->monotonic_ns(end) - process.scale->monotonic_ns(begin));
}

void settle_trace(Model& model, Process& process, Trace& trace, store::TraceStatus status) {
    trace.row.status = status;
    const proto::Ticks end =
        trace.row.end_ticks.value_or(std::max(trace.last_ticks, trace.row.begin_ticks));
    // What the stored chunks hold may be later than anything seen since; the commit that packs them
    // looks again.
    trace.row.duration_ns = duration_ns(process, trace.row.begin_ticks, end);
    mark_changed(model, process, trace);
}

}  // namespace kolo::collectord

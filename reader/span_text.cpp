#include "reader/span_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reader/text.hpp"
#include "reader/units.hpp"

namespace kolo::reader {

namespace {

constexpr std::size_t kDurationColumns = 10;

[[nodiscard]] bool is_shown(const Recording& recording, const proto::ActivationId& wanted) {
    const auto& activations = recording.tree.activations;
    return std::any_of(activations.begin(), activations.end(),
                       [&](const Activation& one) { return one.id() == wanted; });
}

[[nodiscard]] std::string time_of(const store::StoredSpan& span) {
    if (!span.duration_ns) {
        return "-";
    }
    const bool is_point = !span.outcome && *span.duration_ns == 0;
    return is_point ? "" : format_duration(*span.duration_ns);
}

}  // namespace

SpanLines::SpanLines(const Recording& recording, const Look& look)
    : recording_(&recording), look_(look) {
    const auto& spans = recording.stored.spans;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        proto::ActivationId in = spans[i].activation.value_or(proto::ActivationId{});
        if (by_activation_.count(in) == 0 && !is_shown(recording, in)) {
            in = {};  // the activation's start was lost
        }
        by_activation_[in].push_back(i);
    }
}

void SpanLines::print(const proto::ActivationId& activation, std::string_view indent,
                      Output& out) const {
    const auto found = by_activation_.find(activation);
    if (found == by_activation_.end()) {
        return;
    }
    for (const std::size_t index : found->second) {
        const store::StoredSpan& span = recording_->stored.spans[index];
        const std::string head =
            fmt::format("{}{:>{}}  • ", indent, time_of(span), kDurationColumns);
        std::string text = printable(span.kind);
        if (span.name) {
            text += "  " + printable(*span.name);
        }
        Style style = Style::kPlain;
        if (span.outcome == "raised") {
            text += "  ✗ raised";
            style = Style::kBad;
        } else if (!span.duration_ns) {
            text += "  … open";
            style = Style::kWarning;
        }
        if (look_.columns != 0) {
            const std::size_t used = columns_of(head);
            text = cut(text, look_.columns > used ? look_.columns - used : 1);
        }
        out.print(head + paint(look_, style, text) + "\n");
    }
}

}  // namespace kolo::reader

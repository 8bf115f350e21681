#include <algorithm>
#include <array>
#include <string>

#include "reader/text.hpp"
#include "reader/trace_text.hpp"
#include "reader/units.hpp"

namespace kolo::reader {

namespace {

constexpr std::size_t kColumns = 8;
enum Column : std::size_t { kName, kKind, kStatus, kStarted, kDuration, kActivations, kLost, kId };
constexpr std::array<std::string_view, kColumns> kHeadings = {
    "NAME", "KIND", "STATUS", "STARTED", "DURATION", "ACTIVATIONS", "LOST", "ID"};
constexpr std::size_t kLeastNameColumns = 12;

using Row = std::array<std::string, kColumns>;

[[nodiscard]] bool is_number(std::size_t column) noexcept {
    return column == kDuration || column == kActivations || column == kLost;
}

[[nodiscard]] Row row_of(const store::TraceSummary& trace, std::int64_t now) {
    Row row;
    row[kName] = printable(trace.name.value_or("-"));
    row[kKind] = printable(trace.kind);
    row[kStatus] = printable(trace.status);
    const auto started = parse_time(trace.started_at);
    row[kStarted] = started ? format_age(now - *started) : printable(trace.started_at);
    row[kDuration] = trace.duration_ns ? format_duration(*trace.duration_ns) : "-";
    row[kActivations] = format_count(trace.activations);
    row[kLost] = format_count(trace.lost);
    row[kId] = printable(trace.id);
    return row;
}

[[nodiscard]] Style style_of(std::size_t column, const store::TraceSummary& trace) {
    if (column == kStatus) {
        if (trace.status == "complete") {
            return Style::kGood;
        }
        return trace.status == "open" ? Style::kWarning : Style::kBad;
    }
    if (column == kLost && trace.lost > 0) {
        return Style::kBad;
    }
    return column == kName ? Style::kBold : column == kId ? Style::kDim : Style::kPlain;
}

[[nodiscard]] std::string padded(const std::string& text, std::size_t columns, bool to_the_right) {
    const std::size_t used = columns_of(text);
    const std::string space(columns > used ? columns - used : 0, ' ');
    return to_the_right ? space + text : text + space;
}

}  // namespace

void print_list(const std::vector<store::TraceSummary>& traces, const Look& look, std::int64_t now,
                Output& out) {
    std::vector<Row> rows;
    std::array<std::size_t, kColumns> widths{};
    for (std::size_t column = 0; column < kColumns; ++column) {
        widths[column] = kHeadings[column].size();
    }
    for (const store::TraceSummary& trace : traces) {
        rows.push_back(row_of(trace, now));
        for (std::size_t column = 0; column < kColumns; ++column) {
            widths[column] = std::max(widths[column], columns_of(rows.back()[column]));
        }
    }
    // Names give way: an id that was cut could not be copied.
    std::size_t others = 0;
    for (std::size_t column = kKind; column < kColumns; ++column) {
        others += widths[column] + 2;
    }
    if (look.columns != 0 && widths[kName] + others > look.columns) {
        const std::size_t left = look.columns > others ? look.columns - others : 0;
        widths[kName] = std::min(widths[kName], std::max(left, kLeastNameColumns));
    }
    std::string line;
    for (std::size_t column = 0; column < kColumns; ++column) {
        line += column == 0 ? "" : "  ";
        line += padded(std::string(kHeadings[column]), column == kId ? 0 : widths[column],
                       is_number(column));
    }
    out.print(paint(look, Style::kDim, line) + "\n");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        line.clear();
        for (std::size_t column = 0; column < kColumns; ++column) {
            line += column == 0 ? "" : "  ";
            line += paint(look, style_of(column, traces[i]),
                          padded(cut(rows[i][column], widths[column]),
                                 column == kId ? 0 : widths[column], is_number(column)));
        }
        out.print(line + "\n");
    }
}

}  // namespace kolo::reader

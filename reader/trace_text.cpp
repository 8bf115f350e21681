#include "reader/trace_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "reader/labels.hpp"
#include "reader/span_text.hpp"
#include "reader/text.hpp"
#include "reader/units.hpp"
#include "reader/value_text.hpp"

namespace kolo::reader {

namespace {

constexpr std::size_t kDurationColumns = 10;
/// Deeper than this a line says its depth instead of being moved on.
constexpr std::uint32_t kMaxIndent = 20;
constexpr std::size_t kLocationColumns = 44;
constexpr std::size_t kLeastValueColumns = 16;
constexpr std::size_t kLeastTitleColumns = 24;

[[nodiscard]] std::size_t columns_or_unlimited(const Look& look) noexcept {
    return look.columns == 0 ? ColumnWriter::kUnlimited : look.columns;
}

[[nodiscard]] std::string started_text(const store::TraceSummary& trace, std::int64_t now) {
    const auto started = parse_time(trace.started_at);
    return printable(trace.started_at) + (started ? " (" + format_age(now - *started) + ")" : "");
}

void print_losses(const Recording& recording, const Look& look, Output& out) {
    const store::TraceSummary& trace = recording.stored.trace;
    const auto warn = [&](Style style, const std::string& text) {
        out.print(paint(look, style, text) + "\n");
    };
    if (trace.lost > 0) {
        std::string reasons;
        for (const store::StoredLoss& loss : recording.stored.losses) {
            reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", printable(loss.reason),
                                   format_count(loss.events));
        }
        warn(Style::kBad, "! lost " + format_count(trace.lost, "event") + ": " + reasons);
    }
    const std::int64_t missing = trace.emitted - trace.stored - trace.lost;
    if (missing > 0 && trace.status == "open") {
        warn(Style::kWarning, "! not stored yet: " + format_count(missing, "event"));
    } else if (missing > 0) {
        warn(Style::kBad,
             "! neither stored nor counted as lost: " + format_count(missing, "event"));
    }
    if (recording.stored.process.accounting == "unknown") {
        warn(Style::kWarning, "! what the process lost at its end is not known");
    }
}

void print_notes(const TreeNotes& notes, const Look& look, Output& out) {
    const auto warn = [&](std::size_t count, std::string_view thing, std::string_view what) {
        if (count != 0) {
            const std::string counted = format_count(static_cast<std::int64_t>(count), thing);
            out.print(paint(look, Style::kWarning, fmt::format("! {} {}", counted, what)) + "\n");
        }
    };
    warn(notes.unreadable_chunks, "chunk", "left out: of an unknown format, or damaged");
    warn(notes.broken_chunks, "chunk", "damaged: shown as far as it can be read");
    warn(notes.broken_slices, "slice", "damaged: shown as far as it can be read");
    warn(notes.contradictions, "event", "left out: contradicting others");
    warn(notes.unknown_records, "record", "left out: of a later version");
    warn(notes.missing_starts, "activation", "without a start: it is not in the store");
}

void print_blind(const Recording& recording, const Look& look, Output& out) {
    const auto& blind = recording.tree.blind;
    if (blind.empty()) {
        return;
    }
    std::int64_t all = 0;
    bool is_open = false;
    for (const BlindInterval& interval : blind) {
        is_open = is_open || interval.end == 0;
        all += interval.end == 0 ? 0
                                 : since_begin_ns(recording, interval.end) -
                                       since_begin_ns(recording, interval.begin);
    }
    const std::string text = fmt::format(
        "blind {}, for {}{}: calls below a very deep recursion, and meanwhile on other threads, "
        "are "
        "not recorded",
        format_count(static_cast<std::int64_t>(blind.size()), "time"), format_duration(all),
        is_open ? " and to the end" : "");
    out.print(paint(look, Style::kWarning, text) + "\n");
}

void print_header(const Recording& recording, const Look& look, std::int64_t now, Output& out) {
    const store::TraceSummary& trace = recording.stored.trace;
    const store::StoredProcess& process = recording.stored.process;
    const std::size_t columns = columns_or_unlimited(look);
    out.print(paint(look, Style::kBold, cut(trace.id + "  " + trace.name.value_or(""), columns)) +
              "\n");
    out.print(fmt::format(
        "{}, {}, started {}{}\n", printable(trace.kind), printable(trace.status),
        started_text(trace, now),
        trace.duration_ns ? ", took " + format_duration(*trace.duration_ns) : std::string()));
    out.print(fmt::format("pid {} on {}, {} {}, kolo-probe {}, {}\n", trace.pid,
                          printable(process.host), printable(process.implementation),
                          printable(process.python), printable(trace.version),
                          trace.git_sha ? "git " + printable(*trace.git_sha) : "no git commit"));
    out.print(cut("argv: " + argv_text(trace.argv), columns) + "\n");
    if (trace.parent_id) {
        out.print("began in " + printable(*trace.parent_id) + "\n");
    }
    const auto count = static_cast<std::int64_t>(recording.tree.activations.size());
    out.print(fmt::format("{}, {} stored{}\n", format_count(count, "activation"),
                          format_count(trace.stored, "event"),
                          trace.lost == 0 ? ", none lost" : ""));
    print_losses(recording, look, out);
    print_blind(recording, look, out);
    print_notes(recording.tree.notes, look, out);
}

struct Ended {
    std::string text;
    Style style = Style::kPlain;
};

/// How it ended, in up to `columns`.
[[nodiscard]] Ended end_text(const Recording& recording, ActivationIndex index,
                             const ActivationValues& values, std::size_t columns) {
    Ended ended;
    ColumnWriter out(ended.text, columns);
    switch (outcome_of(recording, index)) {
        case Outcome::kReturned:
            if (values.result) {
                out.add(" → ");
                write_value(out, values.result, ClassNames::kShort);
            } else if (values.result_is_none) {
                out.add(" → None");
            }
            break;
        case Outcome::kRaised:
            ended.style = Style::kBad;
            out.add(" ✗ raised ");
            if (values.exception) {
                write_value(out, values.exception, ClassNames::kShort);
            } else {
                out.add("an exception");
            }
            break;
        case Outcome::kOpen:
            ended.style = Style::kWarning;
            out.add(is_suspended(recording, index) ? " … open, suspended" : " … open");
            break;
        case Outcome::kAbandoned:
            ended.style = Style::kWarning;
            out.add(" … abandoned");
            break;
    }
    const std::int64_t suspended = suspended_ns(recording, index);
    if (suspended > 0) {
        out.add(" (suspended " + format_duration(suspended) + ")");
    }
    return ended;
}

[[nodiscard]] std::string arguments_text(const Recording& recording, ActivationIndex index,
                                         const ActivationValues& values, std::size_t columns) {
    std::string text;
    ColumnWriter out(text, columns);
    if (!recording.tree.activations[index].has_start) {
        out.add(" (its start is not in the store)");
    } else if (values.has_arguments) {
        out.add("(");
        std::string_view separator;
        for (const NamedValue& argument : values.arguments) {
            out.add(separator);
            out.add(argument.name);
            out.add("=");
            write_value(out, argument.value, ClassNames::kShort);
            separator = ", ";
        }
        out.add(")");
    }
    return text;
}

[[nodiscard]] std::string indent_of(std::uint32_t depth) {
    if (depth <= kMaxIndent) {
        return std::string(2 * static_cast<std::size_t>(depth), ' ');
    }
    return fmt::format("{:>{}} ", fmt::format("»{}", depth), 2 * kMaxIndent);
}

class TreePrinter {
  public:
    TreePrinter(const Recording& recording, const Look& look, Output& out)
        : recording_(&recording), look_(look), out_(&out), spans_(recording, look) {
        spans_.print({}, "", out);
        std::size_t longest = 1;
        for (const Activation& activation : recording.tree.activations) {
            longest = std::max<std::size_t>(longest, activation.ordinal);
        }
        id_columns_ = fmt::formatted_size(
            "{}.{}", recording.tree.threads.empty() ? 1 : recording.tree.threads.back().ring,
            longest);
    }

    void print(ActivationIndex index, std::uint32_t depth) {
        const Activation& activation = recording_->tree.activations[index];
        read_values_of(*recording_, index, values_);
        const auto duration = duration_ns(*recording_, activation);
        const std::string id = fmt::format("{:>{}}", id_text(activation.id()), id_columns_);
        const std::string time = fmt::format(
            "  {:>{}}  ", duration ? format_duration(*duration) : "-", kDurationColumns);
        const std::string indent = indent_of(depth);
        const std::size_t used = id.size() + columns_of(time) + columns_of(indent);
        const Call call = describe(index, look_.columns > used ? look_.columns - used : 0);

        out_->print(paint(look_, Style::kDim, id));
        out_->print(time + indent);
        out_->print(paint(look_, Style::kName, call.title));
        out_->print(call.arguments);
        out_->print(paint(look_, call.end.style, call.end.text));
        out_->print(call.location.empty() ? "" : "  " + paint(look_, Style::kDim, call.location));
        out_->print("\n");
        spans_.print(activation.id(), std::string(id.size(), ' ') + "  " + indent, *out_);
    }

  private:
    struct Call {
        std::string title;
        std::string arguments;
        Ended end;
        std::string location;
    };

    /// Shares `columns` between name, place, outcome and arguments, in this order of importance.
    [[nodiscard]] Call describe(ActivationIndex index, std::size_t columns) const {
        const std::uint32_t code = recording_->tree.activations[index].code;
        Call call{printable(code_title(*recording_, code)), {}, {}, location_of(*recording_, code)};
        if (look_.columns == 0) {
            call.end = end_text(*recording_, index, values_, ColumnWriter::kUnlimited);
            call.arguments = arguments_text(*recording_, index, values_, ColumnWriter::kUnlimited);
            return call;
        }
        std::size_t room = std::max(columns, kLeastTitleColumns);
        call.title = cut(call.title, room);
        room -= columns_of(call.title);
        call.location = cut_front(std::move(call.location), kLocationColumns);
        const std::size_t place = columns_of(call.location) + 2;
        if (room < place + kLeastValueColumns) {
            call.location.clear();
        } else {
            room -= place;
        }
        call.end = end_text(*recording_, index, values_,
                            std::max(room / 2, std::min(room, kLeastValueColumns)));
        room -= std::min(room, columns_of(call.end.text));
        if (room > 0) {
            call.arguments = arguments_text(*recording_, index, values_, room);
        }
        return call;
    }

    const Recording* recording_;
    Look look_;
    Output* out_;
    SpanLines spans_;
    std::size_t id_columns_;
    ActivationValues values_;
};

}  // namespace

void print_tree(const Recording& recording, const TreeBounds& bounds, const Look& look,
                std::int64_t now, Output& out) {
    print_header(recording, look, now, out);
    out.print("\n");
    TreePrinter printer(recording, look, out);
    const CallTree& tree = recording.tree;
    std::size_t shown = 0;
    std::size_t hidden = 0;
    std::size_t thread = tree.threads.size();
    DepthFirst walk(tree);
    while (!walk.done() && !out.is_abandoned() &&
           (bounds.activations == 0 || shown < bounds.activations)) {
        if (walk.thread() != thread) {
            thread = walk.thread();
            if (tree.threads.size() > 1) {
                out.print(
                    paint(look, Style::kBold, thread_title(recording, tree.threads[thread].ring)) +
                    "\n");
            }
        }
        printer.print(walk.current(), walk.depth());
        ++shown;
        if (bounds.depth != 0 && walk.depth() + 1 >= bounds.depth) {
            hidden += count_callees(tree, walk.current());
            walk.skip_callees();
        } else {
            walk.advance();
        }
    }
    if (hidden != 0) {
        out.print(fmt::format("deeper: {}; --depth 0 shows all\n",
                              format_count(static_cast<std::int64_t>(hidden), "activation")));
    }
    if (!walk.done()) {
        const std::size_t left = tree.activations.size() - shown - hidden;
        out.print(fmt::format("not shown: {}; --limit 0 shows all\n",
                              format_count(static_cast<std::int64_t>(left), "activation")));
    }
}

}  // namespace kolo::reader

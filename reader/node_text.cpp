#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "reader/labels.hpp"
#include "reader/text.hpp"
#include "reader/trace_text.hpp"
#include "reader/units.hpp"
#include "reader/value_text.hpp"

namespace kolo::reader {

namespace {

constexpr std::size_t kIndent = 4;

class NodePrinter {
  public:
    NodePrinter(const Recording& recording, ActivationIndex index, const Look& look, Output& out)
        : recording_(&recording), index_(index), look_(look), out_(&out) {
        read_values_of(recording, index, values_);
    }

    void print();

  private:
    [[nodiscard]] const Activation& activation() const {
        return recording_->tree.activations[index_];
    }
    [[nodiscard]] std::string caller() const;
    [[nodiscard]] std::string duration() const;
    [[nodiscard]] std::string outcome() const;

    void fact(std::string_view name, const std::string& text) {
        out_->print(paint(look_, Style::kDim, fmt::format("{:<10}", name)) + text + "\n");
    }
    void heading(std::string_view text) {
        out_->print("\n" + paint(look_, Style::kBold, text) + "\n");
    }
    void value(const std::string& label, ValuePlace place);
    void values(std::string_view title, const std::vector<NamedValue>& named);
    void steps();
    void ending();

    const Recording* recording_;
    ActivationIndex index_;
    Look look_;
    Output* out_;
    ActivationValues values_;
};

std::string NodePrinter::caller() const {
    if (activation().parent != kNoActivation) {
        const Activation& parent = recording_->tree.activations[activation().parent];
        return id_text(parent.id()) + "  " + printable(code_title(*recording_, parent.code));
    }
    const auto missing = recording_->tree.missing_parents.find(index_);
    if (missing != recording_->tree.missing_parents.end()) {
        return id_text(missing->second) + ", which is not in the store";
    }
    return "nothing that was recorded";
}

std::string NodePrinter::duration() const {
    const auto took = duration_ns(*recording_, activation());
    if (!took) {
        return "not known";
    }
    const std::int64_t suspended = suspended_ns(*recording_, index_);
    const std::string text = format_duration(*took);
    return suspended > 0 ? text + ", of it suspended " + format_duration(suspended) : text;
}

std::string NodePrinter::outcome() const {
    const Outcome outcome = outcome_of(*recording_, index_);
    return std::string(outcome_name(outcome)) +
           (is_suspended(*recording_, index_) ? ", suspended" : "");
}

void NodePrinter::value(const std::string& label, ValuePlace place) {
    std::string text(kIndent, ' ');
    text += label;
    const std::size_t columns = look_.columns == 0 ? ColumnWriter::kUnlimited : look_.columns;
    append_whole_value(text, place, columns, kIndent, kIndent + columns_of(label));
    out_->print(text + "\n");
}

void NodePrinter::values(std::string_view title, const std::vector<NamedValue>& named) {
    heading(title);
    if (named.empty()) {
        out_->print(std::string(kIndent, ' ') + "none\n");
    }
    for (const NamedValue& one : named) {
        value(printable(one.name) + " = ", one.value);
    }
}

void NodePrinter::steps() {
    const auto steps = steps_of(recording_->tree, index_);
    if (steps.empty()) {
        return;
    }
    heading(activation().has_start ? "suspended and resumed, after its start"
                                   : "suspended and resumed, after the trace's start");
    const std::int64_t begin =
        activation().has_start ? since_begin_ns(*recording_, activation().start_ticks) : 0;
    ValueTree tree;
    for (const Step& step : steps) {
        const std::int64_t at = since_begin_ns(*recording_, step.ticks) - begin;
        std::string label = fmt::format("{:>12}  ", "+ " + format_duration(at));
        label += step.kind == proto::EventKind::kYield    ? "yielded"
                 : step.kind == proto::EventKind::kResume ? "resumed"
                                                          : "thrown into";
        if (step.ring != activation().ring) {
            label += " on thread " + std::to_string(step.ring);
        }
        parse_values(payload_at(*recording_, step.record).bytes, tree);
        if (tree.roots.empty()) {
            out_->print(std::string(kIndent, ' ') + label + "\n");
        } else {
            value(label + " ", {&tree, 0});
        }
    }
}

void NodePrinter::ending() {
    if (values_.result || values_.result_is_none) {
        heading("result");
        if (values_.result) {
            value("", values_.result);
        } else {
            out_->print(std::string(kIndent, ' ') + "None\n");
        }
    }
    if (values_.exception) {
        heading("exception");
        value("", values_.exception);
    }
    if (values_.has_locals) {
        values("variables at the end", values_.locals);
    }
}

void NodePrinter::print() {
    const std::uint32_t code = activation().code;
    const std::string location = location_of(*recording_, code);
    out_->print(paint(look_, Style::kBold, printable(code_title(*recording_, code))) +
                (location.empty() ? "" : "  " + paint(look_, Style::kDim, location)) + "\n");
    fact("id", id_text(activation().id()) + " of " + printable(recording_->stored.trace.id));
    fact("called by", caller());
    fact("thread", thread_title(*recording_, activation().ring));
    fact("started", activation().has_start
                        ? format_duration(since_begin_ns(*recording_, activation().start_ticks)) +
                              " after the trace"
                        : "not known: its start is not in the store");
    fact("took", duration());
    fact("outcome", outcome());
    const auto called = static_cast<std::int64_t>(count_children(recording_->tree, index_));
    fact("called", format_count(called, "activation"));
    if (values_.has_arguments) {
        values("arguments", values_.arguments);
    }
    steps();
    ending();
}

}  // namespace

void print_activation(const Recording& recording, ActivationIndex activation, const Look& look,
                      Output& out) {
    NodePrinter(recording, activation, look, out).print();
}

}  // namespace kolo::reader

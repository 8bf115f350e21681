#include "reader/recording.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

namespace kolo::reader {

namespace {

// co_flags of CPython: what can be suspended.
constexpr std::uint32_t kGenerator = 0x20;
constexpr std::uint32_t kCoroutine = 0x80;
constexpr std::uint32_t kAsyncGenerator = 0x200;

[[nodiscard]] bool is_tagged(const ValueNode& node, proto::Tag tag) noexcept {
    return node.kind == ValueKind::kTagged && node.detail == static_cast<std::uint8_t>(tag);
}

[[nodiscard]] bool is_omitted(const ValueNode& node, proto::Omitted reason) noexcept {
    return node.kind == ValueKind::kOmission && node.detail == static_cast<std::uint8_t>(reason);
}

/// Pairs names with the values of an array. Where the array ends early with a marker, or a marker
/// stands in its place, it stands for each value that is missing.
void name_values(const std::vector<std::string>& names, std::size_t count, ValueTree& tree,
                 std::uint32_t array, std::vector<NamedValue>& out) {
    out.clear();
    std::uint32_t rest = array;
    if (tree[array].kind == ValueKind::kList) {
        for (const std::uint32_t part : Parts(tree, array)) {
            const std::size_t i = out.size();
            out.push_back(
                {i < names.size() ? names[i] : "variable#" + std::to_string(i), {&tree, part}});
            rest = part;
        }
    }
    const bool is_marker = rest == array ? tree[array].kind != ValueKind::kList
                                         : tree[rest].kind == ValueKind::kOmission;
    const std::size_t wanted = std::min(count, names.size());
    if (!is_marker || (out.size() >= wanted && !tree[rest].is_counted)) {
        return;
    }
    tree.nodes[rest].is_counted = false;  // how many are missing says nothing about one of them
    while (out.size() < wanted) {
        out.push_back({names[out.size()], {&tree, rest}});
    }
}

/// A local that still holds its argument is not recorded twice.
void resolve_unchanged(ActivationValues& values) {
    for (std::size_t i = 0; i < values.locals.size(); ++i) {
        if (is_omitted(*values.locals[i].value, proto::Omitted::kUnchanged) &&
            i < values.arguments.size()) {
            values.locals[i].value = values.arguments[i].value;
        }
    }
}

/// What was closed while it was suspended is left by GeneratorExit: nobody raised that.
[[nodiscard]] bool is_closed_generator(const Recording& recording, const Activation& activation) {
    const store::StoredCode* code = find_code(recording, activation.code);
    if (!activation.has_steps || code == nullptr ||
        (code->flags & (kGenerator | kCoroutine | kAsyncGenerator)) == 0) {
        return false;
    }
    ValueTree tree;
    parse_values(payload_at(recording, activation.end_record).bytes, tree);
    if (tree.roots.empty() || !is_tagged(tree[0], proto::Tag::kException) ||
        Parts(tree, 0).empty()) {
        return false;
    }
    const std::string_view type = tree[1].text;
    return type == "GeneratorExit" || type == "builtins.GeneratorExit";
}

}  // namespace

std::string_view outcome_name(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::kReturned:
            return "returned";
        case Outcome::kRaised:
            return "raised";
        case Outcome::kOpen:
            return "open";
        case Outcome::kAbandoned:
            break;
    }
    return "abandoned";
}

Recording::Recording(store::StoredTrace from_store)
    : stored(std::move(from_store)),
      tree(build_call_tree(stored)),
      scale(stored.clocks),
      begin_ns(scale.monotonic_ns(stored.trace.begin_ticks)) {}

const store::StoredCode* find_code(const Recording& recording, std::uint32_t number) {
    const auto& codes = recording.stored.codes;
    const auto found = std::lower_bound(
        codes.begin(), codes.end(), number,
        [](const store::StoredCode& code, std::uint32_t wanted) { return code.number < wanted; });
    return found == codes.end() || found->number != number ? nullptr : &*found;
}

const std::vector<std::string>& variables_of(const Recording& recording, std::uint32_t code) {
    const auto [place, is_new] = recording.variables.try_emplace(code);
    const store::StoredCode* row = is_new ? find_code(recording, code) : nullptr;
    if (row != nullptr) {
        const auto parsed = nlohmann::json::parse(row->variables, nullptr, false);
        if (parsed.is_array()) {
            for (const auto& name : parsed) {
                place->second.push_back(name.is_string() ? name.get<std::string>() : name.dump());
            }
        }
    }
    return place->second;
}

std::string code_title(const Recording& recording, std::uint32_t number) {
    const store::StoredCode* code = find_code(recording, number);
    if (code == nullptr) {
        return "code#" + std::to_string(number);
    }
    return code->qualname.value_or(code->name);
}

std::int64_t since_begin_ns(const Recording& recording, proto::Ticks ticks) {
    return recording.scale.monotonic_ns(ticks) - recording.begin_ns;
}

std::optional<std::int64_t> duration_ns(const Recording& recording, const Activation& activation) {
    if (!activation.has_start || activation.ending == Ending::kNone) {
        return std::nullopt;
    }
    // Two threads' counters may differ by a little.
    return std::max<std::int64_t>(0, recording.scale.monotonic_ns(activation.end_ticks) -
                                         recording.scale.monotonic_ns(activation.start_ticks));
}

std::int64_t suspended_ns(const Recording& recording, ActivationIndex activation) {
    if (!recording.tree.activations[activation].has_steps) {
        return 0;
    }
    std::int64_t total = 0;
    std::optional<std::int64_t> since;
    for (const Step& step : steps_of(recording.tree, activation)) {
        const std::int64_t now = recording.scale.monotonic_ns(step.ticks);
        if (step.kind == proto::EventKind::kYield) {
            since = now;
        } else if (since) {
            total += std::max<std::int64_t>(0, now - *since);
            since.reset();
        }
    }
    return total;
}

bool is_suspended(const Recording& recording, ActivationIndex index) {
    const Activation& activation = recording.tree.activations[index];
    if (activation.ending != Ending::kNone || !activation.has_steps) {
        return false;
    }
    const auto steps = steps_of(recording.tree, index);
    return !steps.empty() && steps.back().kind == proto::EventKind::kYield;
}

Outcome outcome_of(const Recording& recording, ActivationIndex index) {
    const Activation& activation = recording.tree.activations[index];
    switch (activation.ending) {
        case Ending::kReturned:
            return Outcome::kReturned;
        case Ending::kRaised:
            return is_closed_generator(recording, activation) ? Outcome::kAbandoned
                                                              : Outcome::kRaised;
        case Ending::kNone:
            break;
    }
    return recording.stored.trace.status == "complete" ? Outcome::kAbandoned : Outcome::kOpen;
}

const store::StoredThread* find_thread(const Recording& recording, std::uint32_t ring) {
    const auto& threads = recording.stored.threads;
    const auto found =
        std::find_if(threads.begin(), threads.end(),
                     [ring](const store::StoredThread& row) { return row.ring == ring; });
    return found == threads.end() ? nullptr : &*found;
}

RecordPayload payload_at(const Recording& recording, RecordPlace place) {
    if (place == RecordPlace::kNone) {
        return {};
    }
    const proto::Bytes bytes(recording.stored.bytes);
    const std::size_t offset =
        (static_cast<std::size_t>(place) - 1) * static_cast<std::size_t>(proto::kWordBytes);
    const auto word = proto::load<std::uint64_t>(bytes, offset);
    // The decoder alone knows a record's layout. Any distance must be possible to it here.
    proto::DecoderState state;
    state.next_ordinal = std::numeric_limits<proto::Ordinal>::max();
    proto::Decoder decoder(bytes.subspan(offset, proto::record_length(word)), std::move(state));
    if (decoder.next() != proto::DecodeStatus::kEvent) {
        return {};
    }
    return {decoder.event().payload, decoder.event().result_is_none};
}

void read_values_of(const Recording& recording, ActivationIndex index, ActivationValues& values) {
    const Activation& activation = recording.tree.activations[index];
    const store::StoredCode* code = find_code(recording, activation.code);
    const auto& names = variables_of(recording, activation.code);
    const std::size_t argument_count = code == nullptr ? 0 : code->argument_count;

    parse_values(payload_at(recording, activation.start_record).bytes, values.at_start);
    // A call without parameters has no payload, and nothing is missing from it.
    const bool has_payload = !values.at_start.roots.empty();
    values.has_arguments =
        has_payload || (activation.has_start && code != nullptr && argument_count == 0);
    values.arguments.clear();
    if (has_payload) {
        name_values(names, argument_count, values.at_start, 0, values.arguments);
    }

    const RecordPayload end = payload_at(recording, activation.end_record);
    parse_values(end.bytes, values.at_end);
    const auto& roots = values.at_end.roots;
    const ValuePlace first =
        roots.empty() ? ValuePlace{} : ValuePlace{&values.at_end, roots.front()};
    values.result_is_none = end.result_is_none;
    values.result = activation.ending == Ending::kReturned ? first : ValuePlace{};
    values.exception = activation.ending == Ending::kRaised ? first : ValuePlace{};
    if (values.exception && (*values.exception).kind == ValueKind::kNull) {
        values.exception = {};  // it could not be seen, and locals follow
    }
    values.has_locals = roots.size() > 1;
    values.locals.clear();
    if (values.has_locals) {
        name_values(names, names.size(), values.at_end, roots[1], values.locals);
        resolve_unchanged(values);
    }
}

}  // namespace kolo::reader

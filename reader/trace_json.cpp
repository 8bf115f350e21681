#include "reader/trace_json.hpp"

#include <algorithm>

#include "reader/labels.hpp"

namespace kolo::reader {

namespace {

template <typename T>
[[nodiscard]] Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

[[nodiscard]] Json argv_json(const std::string& argv) {
    Json json = Json::parse(argv, nullptr, false);
    return json.is_discarded() ? Json(argv) : json;
}

/// What could not be used, by name; only what there is.
[[nodiscard]] Json notes_json(const TreeNotes& notes) {
    Json json = Json::object();
    const auto add = [&json](const char* name, std::size_t count) {
        if (count != 0) {
            json[name] = count;
        }
    };
    add("unreadable_chunks", notes.unreadable_chunks);
    add("broken_chunks", notes.broken_chunks);
    add("broken_slices", notes.broken_slices);
    add("contradictions", notes.contradictions);
    add("unknown_records", notes.unknown_records);
    add("missing_starts", notes.missing_starts);
    return json;
}

[[nodiscard]] Json whole_trace_json(const Recording& recording) {
    const store::StoredTrace& stored = recording.stored;
    Json json = trace_json(stored.trace);
    json["parent_id"] = or_null(stored.trace.parent_id);
    json["group_id"] = or_null(stored.trace.group_id);
    json["emitted"] = stored.trace.emitted;
    json["stored"] = stored.trace.stored;
    json["losses"] = Json::object();
    for (const store::StoredLoss& loss : stored.losses) {
        json["losses"][loss.reason] = loss.events;
    }
    json["blind"] = Json::array();
    for (const BlindInterval& blind : recording.tree.blind) {
        const std::int64_t start = since_begin_ns(recording, blind.begin);
        json["blind"].push_back(
            {{"start_ns", start},
             {"duration_ns", blind.end == 0 ? Json(nullptr)
                                            : Json(since_begin_ns(recording, blind.end) - start)}});
    }
    json["notes"] = notes_json(recording.tree.notes);
    const store::StoredProcess& process = stored.process;
    json["process"] = {{"host", process.host},
                       {"python", process.python},
                       {"implementation", process.implementation},
                       {"cwd", process.cwd},
                       {"state", process.state},
                       {"accounting", process.accounting}};
    return json;
}

[[nodiscard]] Json thread_json(const Recording& recording, std::uint32_t ring) {
    const store::StoredThread* row = find_thread(recording, ring);
    Json json = Json::object();
    json["id"] = ring;
    json["name"] = row == nullptr ? Json(nullptr) : or_null(row->name);
    json["native_id"] = row == nullptr ? Json(nullptr) : Json(row->native_id);
    json["ident"] = row == nullptr ? Json(nullptr) : Json(row->ident);
    return json;
}

/// Every ring that an activation or one of its steps names.
[[nodiscard]] Json threads_json(const Recording& recording) {
    std::vector<std::uint32_t> rings;
    const auto add = [&rings](std::uint32_t ring) {
        if (std::find(rings.rbegin(), rings.rend(), ring) == rings.rend()) {
            rings.push_back(ring);
        }
    };
    for (const Activation& activation : recording.tree.activations) {
        add(activation.ring);
    }
    for (const Step& step : recording.tree.steps) {
        add(step.ring);
    }
    std::sort(rings.begin(), rings.end());
    Json json = Json::array();
    for (const std::uint32_t ring : rings) {
        json.push_back(thread_json(recording, ring));
    }
    return json;
}

[[nodiscard]] Json data_json(proto::Bytes bytes) {
    ValueTree data;
    parse_values(bytes, data);
    return data.roots.empty() ? Json(nullptr) : json_of(data, 0);
}

[[nodiscard]] Json span_json(const store::StoredSpan& span) {
    Json json = Json::object();
    json["activation_id"] = span.activation ? Json(id_text(*span.activation)) : Json(nullptr);
    json["kind"] = span.kind;
    json["type"] = span.type;
    json["end_type"] = or_null(span.end_type);
    json["subtype"] = or_null(span.subtype);
    json["name"] = or_null(span.name);
    json["start_ns"] = span.start_ns;
    json["duration_ns"] = or_null(span.duration_ns);
    json["outcome"] = or_null(span.outcome);
    json["data"] = data_json(span.data);
    json["end_data"] = data_json(span.end_data);
    return json;
}

/// The id of the caller, also where it is not in the store.
[[nodiscard]] std::optional<proto::ActivationId> parent_of(const Recording& recording,
                                                           ActivationIndex index) {
    const auto& activations = recording.tree.activations;
    if (activations[index].parent != kNoActivation) {
        return activations[activations[index].parent].id();
    }
    const auto missing = recording.tree.missing_parents.find(index);
    return missing == recording.tree.missing_parents.end() ? std::nullopt
                                                           : std::optional(missing->second);
}

[[nodiscard]] std::string_view event_name(proto::EventKind kind) noexcept {
    switch (kind) {
        case proto::EventKind::kYield:
            return "yield";
        case proto::EventKind::kResume:
            return "resume";
        default:
            return "throw";
    }
}

[[nodiscard]] Json steps_json(const Recording& recording, ActivationIndex index) {
    Json json = Json::array();
    ValueTree tree;
    for (const Step& step : steps_of(recording.tree, index)) {
        Json one = Json::object();
        one["event"] = event_name(step.kind);
        one["at_ns"] = since_begin_ns(recording, step.ticks);
        one["thread_id"] = step.ring;
        parse_values(payload_at(recording, step.record).bytes, tree);
        if (!tree.roots.empty()) {
            one[step.kind == proto::EventKind::kThrow ? "exception" : "value"] = json_of(tree, 0);
        }
        json.push_back(std::move(one));
    }
    return json;
}

}  // namespace

Json trace_json(const store::TraceSummary& trace) {
    Json json = Json::object();
    json["id"] = trace.id;
    json["name"] = or_null(trace.name);
    json["kind"] = trace.kind;
    json["status"] = trace.status;
    json["started_at"] = trace.started_at;
    json["duration_ns"] = or_null(trace.duration_ns);
    json["version"] = trace.version;
    json["git_sha"] = or_null(trace.git_sha);
    json["argv"] = argv_json(trace.argv);
    json["pid"] = trace.pid;
    json["activations"] = trace.activations;
    json["lost"] = trace.lost;
    return json;
}

Json activation_json(const Recording& recording, ActivationIndex index, ActivationValues& values) {
    const Activation& activation = recording.tree.activations[index];
    const store::StoredCode* code = find_code(recording, activation.code);
    const auto parent = parent_of(recording, index);
    read_values_of(recording, index, values);
    Json json = Json::object();
    json["id"] = id_text(activation.id());
    json["parent_id"] = parent ? Json(id_text(*parent)) : Json(nullptr);
    json["thread_id"] = activation.ring;
    json["qualname"] = code_title(recording, activation.code);
    json["path"] = code == nullptr ? Json(nullptr) : Json(code->path);
    json["line"] = code == nullptr ? Json(nullptr) : Json(code->first_line);
    json["start_ns"] = activation.has_start
                           ? Json(since_begin_ns(recording, activation.start_ticks))
                           : Json(nullptr);
    json["duration_ns"] = or_null(duration_ns(recording, activation));
    if (activation.has_steps) {
        json["suspended_ns"] = suspended_ns(recording, index);
    }
    json["outcome"] = outcome_name(outcome_of(recording, index));
    json["arguments"] = values.has_arguments ? json_of(values.arguments) : Json(nullptr);
    // null is None: a result that was not recorded has no key.
    if (values.result) {
        json["result"] = json_of(values.result);
    } else if (values.result_is_none) {
        json["result"] = nullptr;
    }
    json["locals"] = values.has_locals ? json_of(values.locals) : Json(nullptr);
    json["exception"] = values.exception ? json_of(values.exception) : Json(nullptr);
    return json;
}

void print_trace_json(const Recording& recording, Output& out) {
    out.print("{\"trace\": " + dump(whole_trace_json(recording)));
    out.print(",\n\"threads\": " + dump(threads_json(recording)));
    out.print(",\n\"activations\": [");
    ActivationValues values;
    std::string_view separator = "\n";
    for (DepthFirst walk(recording.tree); !walk.done() && !out.is_abandoned(); walk.advance()) {
        out.print(separator);
        out.print(dump(activation_json(recording, walk.current(), values)));
        separator = ",\n";
    }
    out.print("\n],\n\"spans\": [");
    separator = "\n";
    for (const store::StoredSpan& span : recording.stored.spans) {
        out.print(separator);
        out.print(dump(span_json(span)));
        separator = ",\n";
    }
    out.print(recording.stored.spans.empty() ? "]}\n" : "\n]}\n");
}

void print_activation_json(const Recording& recording, ActivationIndex index, Output& out) {
    const Activation& activation = recording.tree.activations[index];
    ActivationValues values;
    Json json = activation_json(recording, index, values);
    json["trace_id"] = recording.stored.trace.id;
    json["parent_qualname"] = nullptr;
    if (activation.parent != kNoActivation) {
        json["parent_qualname"] =
            code_title(recording, recording.tree.activations[activation.parent].code);
    }
    json["thread"] = thread_json(recording, activation.ring);
    json["children"] = count_children(recording.tree, index);
    json["steps"] = steps_json(recording, index);
    out.print(dump(json) + "\n");
}

}  // namespace kolo::reader

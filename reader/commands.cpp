#include "reader/commands.hpp"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <variant>

#include <CLI/CLI.hpp>

#include "reader/text.hpp"
#include "reader/trace_json.hpp"
#include "reader/trace_text.hpp"
#include "reader/units.hpp"
#include "store/location.hpp"
#include "store/reading.hpp"

namespace kolo::reader {

namespace {

constexpr std::size_t kUsualCount = 20;

struct Options {
    std::string database;
    std::string trace;
    std::string activation;
    std::optional<std::uint64_t> count;
    std::optional<std::size_t> columns;
    TreeBounds bounds;
    bool json = false;
};

struct Place {
    Look look;
    Output* out = nullptr;
    Output* errors = nullptr;
};

int complain(const Place& place, const std::string& message, int code) {
    place.errors->print("kolo-trace: " + message + "\n");
    return code;
}

int complain(const Place& place, const store::ReadFailure& failure) {
    const bool is_about_the_trace = failure.problem == store::ReadProblem::kNotFound ||
                                    failure.problem == store::ReadProblem::kAmbiguous;
    return complain(place, failure.message, is_about_the_trace ? kNotFound : kDatabaseProblem);
}

[[nodiscard]] store::ReadResult<SQLite::Database> open_database(const Options& options,
                                                                const Place& place) {
    if (!options.database.empty()) {
        return store::open_for_reading(options.database);
    }
    const auto found = store::default_database(store::default_folder());
    if (found.is_beside_kolo) {
        place.errors->print("kolo-trace: reading " + printable(found.path.string()) +
                            "; db.sqlite3 beside it is Kolo's\n");
    }
    return store::open_for_reading(found.path);
}

/// The trace, read whole; the database is closed again before anything is printed.
[[nodiscard]] store::ReadResult<store::StoredTrace> load(const Options& options,
                                                         const Place& place) {
    auto opened = open_database(options, place);
    if (auto* failure = std::get_if<store::ReadFailure>(&opened)) {
        return std::move(*failure);
    }
    auto& database = std::get<0>(opened);
    auto found = store::find_trace(database, options.trace);
    if (auto* failure = std::get_if<store::ReadFailure>(&found)) {
        return std::move(*failure);
    }
    return store::read_trace(database, std::get<0>(found).key);
}

int list(const Options& options, const Place& place) {
    auto opened = open_database(options, place);
    if (const auto* failure = std::get_if<store::ReadFailure>(&opened)) {
        return complain(place, *failure);
    }
    const std::uint64_t count = options.count.value_or(options.json ? 0 : kUsualCount);
    const auto listed = store::list_traces(std::get<0>(opened), count);
    if (const auto* failure = std::get_if<store::ReadFailure>(&listed)) {
        return complain(place, *failure);
    }
    const auto& traces = std::get<0>(listed);
    if (!options.json) {
        if (traces.empty()) {
            return complain(place, "no trace is stored yet", kDone);
        }
        print_list(traces, place.look, now_ns(), *place.out);
        return kDone;
    }
    for (const store::TraceSummary& trace : traces) {
        place.out->print(dump(trace_json(trace)) + "\n");
    }
    return kDone;
}

int show(const Options& options, const Place& place) {
    auto loaded = load(options, place);
    if (const auto* failure = std::get_if<store::ReadFailure>(&loaded)) {
        return complain(place, *failure);
    }
    const Recording recording(std::move(std::get<0>(loaded)));
    if (options.json) {
        print_trace_json(recording, *place.out);
    } else {
        print_tree(recording, options.bounds, place.look, now_ns(), *place.out);
    }
    return kDone;
}

/// "3.17" → ring 3, ordinal 17.
[[nodiscard]] std::optional<proto::ActivationId> parse_activation(std::string_view text) {
    std::uint32_t ring = 0;
    std::uint64_t ordinal = 0;
    const char* end = text.data() + text.size();
    const auto [dot, ring_error] = std::from_chars(text.data(), end, ring);
    if (ring_error != std::errc{} || dot == end || *dot != '.') {
        return std::nullopt;
    }
    const auto [last, ordinal_error] = std::from_chars(dot + 1, end, ordinal);
    if (ordinal_error != std::errc{} || last != end) {
        return std::nullopt;
    }
    return proto::ActivationId{proto::RingNumber{ring}, ordinal};
}

int node(const Options& options, const Place& place) {
    const auto id = parse_activation(options.activation);
    if (!id) {
        return complain(
            place,
            "\"" + printable(options.activation) +
                "\" is no activation; give its id as `kolo-trace show` prints it, like 1.17",
            kUsage);
    }
    auto loaded = load(options, place);
    if (const auto* failure = std::get_if<store::ReadFailure>(&loaded)) {
        return complain(place, *failure);
    }
    const Recording recording(std::move(std::get<0>(loaded)));
    const auto index = find_activation(recording.tree, *id);
    if (!index) {
        return complain(place,
                        "no activation " + options.activation + " in " + recording.stored.trace.id +
                            "; `kolo-trace show` lists what there is",
                        kNotFound);
    }
    if (options.json) {
        print_activation_json(recording, *index, *place.out);
    } else {
        print_activation(recording, *index, place.look, *place.out);
    }
    return kDone;
}

void add_common(CLI::App& command, Options& options) {
    command.add_option(
        "--db", options.database,
        "The database (default: .kolo/db.sqlite3 below KOLO_PATH or the current folder)");
    command.add_flag("--json", options.json, "Print JSON");
}

void add_columns(CLI::App& command, Options& options) {
    command.add_option(
        "--width", options.columns,
        "Cut lines to this many columns; 0: never (default: the terminal's, else 160)");
}

void add_commands(CLI::App& app, Options& options) {
    app.require_subcommand(1);
    app.set_version_flag("--version", "kolo-trace " KOLO_VERSION);
    app.footer(
        "Examples:\n"
        "  kolo-trace list\n"
        "  kolo-trace show latest\n"
        "  kolo-trace show trc_01JD --depth 4\n"
        "  kolo-trace node latest 1.17\n"
        "  kolo-trace list --json | jq -r 'select(.status == \"crashed\") | .id'\n"
        "\n"
        "TRACE is an id, the beginning of one, or \"latest\".\n"
        "Exit codes: 0 done, 1 no such trace or activation, 2 wrong usage, 4 the database cannot "
        "be read,\n"
        "5 the output cannot be written.");

    CLI::App* list_command = app.add_subcommand("list", "List traces, latest first");
    add_common(*list_command, options);
    list_command->add_option("-n,--count", options.count,
                             "How many; 0: all (default: 20, with --json all)");
    add_columns(*list_command, options);

    CLI::App* show_command = app.add_subcommand("show", "Show a trace as a tree of calls");
    show_command
        ->add_option("TRACE", options.trace, "The trace: id, beginning of an id, or \"latest\"")
        ->required();
    add_common(*show_command, options);
    show_command->add_option("--limit", options.bounds.activations,
                             "How many activations to print; 0: all (default: 2000; --json: all)");
    show_command->add_option("--depth", options.bounds.depth,
                             "How many levels to print; 0: all (default)");
    add_columns(*show_command, options);

    CLI::App* node_command =
        app.add_subcommand("node", "Show one activation with every value in full");
    node_command
        ->add_option("TRACE", options.trace, "The trace: id, beginning of an id, or \"latest\"")
        ->required();
    node_command
        ->add_option("N", options.activation, "The activation: its id as show prints it, like 1.17")
        ->required();
    add_common(*node_command, options);
    add_columns(*node_command, options);
}

int dispatch(const CLI::App& app, const Options& options, const Place& place) {
    if (app.got_subcommand("list")) {
        return list(options, place);
    }
    return app.got_subcommand("show") ? show(options, place) : node(options, place);
}

}  // namespace

int run(int argc, const char* const* argv, const Look& look, Output& out, Output& errors) {
    Options options;
    CLI::App app("Reads what kolo-probe recorded: lists traces, shows their calls and values.",
                 "kolo-trace");
    add_commands(app, options);
    Place place{look, &out, &errors};
    int code = kDone;
    try {
        app.parse(argc, argv);
        if (options.columns) {
            place.look.columns = *options.columns;
        }
        code = dispatch(app, options, place);
    } catch (const CLI::Success& asked) {
        std::ostringstream text;
        static_cast<void>(app.exit(asked, text, text));
        out.print(text.str());
    } catch (const CLI::ParseError& error) {
        std::ostringstream text;
        static_cast<void>(app.exit(error, text, text));
        code = complain(place, text.str(), kUsage);
    }
    if (!out.flush()) {
        const std::string reason = std::generic_category().message(errno);
        code = complain(place, "the output cannot be written: " + reason, kOutputProblem);
    }
    static_cast<void>(errors.flush());
    return code;
}

}  // namespace kolo::reader

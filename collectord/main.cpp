// kolo-collectord: the command line.
#include <fmt/format.h>

#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "collectord/daemon.hpp"
#include "collectord/status.hpp"
#include "store/location.hpp"

namespace {

constexpr const char* kDescription =
    "Collects what traced Python processes record and stores it in an SQLite database.\n"
    "One serves all processes of a project; kolo-trace reads the database, also while this runs.";

constexpr const char* kFooter =
    "Examples:\n"
    "  kolo-collectord                                 serve the .kolo folder of this project\n"
    "  kolo-collectord --db /var/lib/shop/db.sqlite3   another place; the socket lies beside it\n"
    "  kolo-collectord status                          who is connected, lag, losses, sizes, the "
    "last error\n"
    "  kolo-collectord status --json\n"
    "\n"
    "Without --db the database is .kolo/db.sqlite3 below KOLO_PATH (else below the current "
    "folder), or\n"
    ".kolo/probe.sqlite3 when Kolo itself has a database there. The socket is collector.sock "
    "beside it.\n"
    "SIGTERM and SIGINT serve what is connected to its end (at most 10 s); a second one ends at "
    "once.\n"
    "\n"
    "Exit codes: 0 ended in order; 2 wrong usage; 3 already running; 4 problem with the database;\n"
    "5 problem with the socket. status: 0 shown; 1 nobody listens; 2 wrong usage.";

struct Places {
    std::string database;
    std::string socket;
};

/// Fills in the defaults. `kolo_said`: tell that Kolo's database is left alone.
[[nodiscard]] kolo::collectord::Options options_for(const Places& places, bool kolo_said) {
    kolo::collectord::Options options;
    if (places.database.empty()) {
        const auto found = kolo::store::default_database(kolo::store::default_folder());
        options.database = found.path;
        if (found.is_beside_kolo && kolo_said) {
            fmt::print(
                stderr,
                "kolo-collectord: db.sqlite3 in {} is Kolo's and left alone; storing in {}\n",
                found.path.parent_path().string(), found.path.string());
        }
    } else {
        options.database = kolo::store::absolute_path(places.database);
    }
    options.socket = places.socket.empty() ? options.database.parent_path() / "collector.sock"
                                           : kolo::store::absolute_path(places.socket);
    return options;
}

void add_places(CLI::App& app, Places& places) {
    app.add_option("--db", places.database, "The database (default: .kolo/db.sqlite3)")
        ->type_name("PATH");
    app.add_option("--socket", places.socket,
                   "The socket (default: collector.sock beside the database)")
        ->type_name("PATH");
}

int run(int argc, char** argv) {
    CLI::App app(kDescription, "kolo-collectord");
    app.footer(kFooter);
    app.set_version_flag("--version", "kolo-collectord " KOLO_VERSION);
    Places places;
    std::vector<std::uint32_t> users;
    bool is_spawned = false;
    std::string log_level = "info";
    add_places(app, places);
    app.add_option("--allow-uid", users,
                   "Also serve processes of this user (repeatable; the socket is then open to all "
                   "users, and each\n"
                   "peer's uid is checked)")
        ->type_name("UID")
        ->allow_extra_args(false);
    app.add_flag("--spawned", is_spawned,
                 "Started by a probe: log to collectord.log beside the database, leave 3 s after "
                 "the last process");
    app.add_option("--log-level", log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->capture_default_str();
    CLI::App* status = app.add_subcommand(
        "status", "Show who is connected, lag, losses, sizes and the last error");
    bool as_json = false;
    add_places(*status, places);
    status->add_flag("--json", as_json, "One JSON object");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kolo::collectord::kExitUsage;
    }
    if (*status) {
        return kolo::collectord::show_status(options_for(places, false).socket, as_json);
    }
    kolo::collectord::Options options = options_for(places, true);
    options.allowed_users = {users.begin(), users.end()};
    options.is_spawned = is_spawned;
    options.log_level = log_level;
    return kolo::collectord::serve(options);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "kolo-collectord: {}\n", error.what());
        return kolo::collectord::kExitDatabase;
    }
}

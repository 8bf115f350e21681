#include "collectord/status.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>

#include <nlohmann/json.hpp>

#include "collectord/socket_place.hpp"
#include "store/files.hpp"

namespace kolo::collectord {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kNobodyListens = 1;

[[nodiscard]] Json process_json(const ProcessStatus& process) {
    const std::uint64_t lag = process.bytes_received > process.bytes_committed
                                  ? process.bytes_received - process.bytes_committed
                                  : 0;
    return Json{{"pid", process.pid},
                {"argv", Json::parse(process.argv, nullptr, false)},
                {"state", process.state},
                {"accounting", process.accounting_unknown ? "unknown" : "exact"},
                {"open_traces", process.open_traces},
                {"emitted", process.emitted},
                {"stored", process.stored},
                {"lost", process.lost},
                {"lag_bytes", lag},
                {"death_is_seen", process.death_is_seen}};
}

[[nodiscard]] std::string size_text(std::uint64_t bytes) {
    constexpr std::array<const char*, 4> kUnits = {"B", "KB", "MB", "GB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

/// The command line without what a terminal would obey, cut to a column.
[[nodiscard]] std::string command_of(const Json& argv) {
    constexpr std::size_t kMost = 40;
    std::string command;
    for (const Json& part : argv.is_array() ? argv : Json::array()) {
        command +=
            (command.empty() ? "" : " ") + (part.is_string() ? part.get<std::string>() : "?");
    }
    for (char& c : command) {
        const auto byte = static_cast<unsigned char>(c);
        c = byte < 0x20 || byte == 0x7F ? '?' : c;
    }
    return command.size() > kMost ? command.substr(0, kMost - 1) + "~" : command;
}

void print_table(const Json& status) {
    fmt::print("kolo-collectord {} (pid {}){}\n", status["version"].get<std::string>(),
               status["pid"].get<std::uint64_t>(),
               status["is_stopping"].get<bool>() ? ", stopping" : "");
    fmt::print("database   {}  {}, write-ahead log {}\n", status["database"].get<std::string>(),
               size_text(status["database_bytes"].get<std::uint64_t>()),
               size_text(status["wal_bytes"].get<std::uint64_t>()));
    fmt::print("socket     {}  {} connected\n", status["socket"].get<std::string>(),
               status["connections"].get<std::uint64_t>());
    fmt::print("queue      {} in {} parts, oldest uncommitted {:.3f} s\n",
               size_text(status["queue_bytes"].get<std::uint64_t>()),
               status["queue_items"].get<std::uint64_t>(),
               status["oldest_uncommitted_s"].get<double>());
    if (!status["trouble"].is_null()) {
        fmt::print("TROUBLE    {}; trying again\n", status["trouble"].get<std::string>());
    }
    if (!status["last_error"].is_null()) {
        fmt::print("last error {}  {}\n", status["last_error_at"].get<std::string>(),
                   status["last_error"].get<std::string>());
    }
    if (status["processes"].empty()) {
        fmt::print("no process is connected\n");
        return;
    }
    fmt::print("\n{:>8}  {:<12} {:>6} {:>12} {:>12} {:>8} {:>10}  {}\n", "PID", "STATE", "TRACES",
               "EMITTED", "STORED", "LOST", "LAG", "COMMAND");
    for (const Json& process : status["processes"]) {
        fmt::print(
            "{:>8}  {:<12} {:>6} {:>12} {:>12} {:>8} {:>10}  {}{}\n",
            process["pid"].get<std::uint64_t>(), process["state"].get<std::string>(),
            process["open_traces"].get<std::uint64_t>(), process["emitted"].get<std::uint64_t>(),
            process["stored"].get<std::uint64_t>(), process["lost"].get<std::uint64_t>(),
            size_text(process["lag_bytes"].get<std::uint64_t>()), command_of(process["argv"]),
            process["death_is_seen"].get<bool>() ? "" : "  (its death is decided by a time-out)");
    }
}

[[nodiscard]] bool write_all(int socket, const std::vector<std::uint8_t>& bytes) {
    return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
}

[[nodiscard]] std::optional<std::string> ask(int socket) {
    std::vector<std::uint8_t> request;
    proto::append_frame(request, kStatusRequest);
    if (!write_all(socket, request)) {
        return std::nullopt;
    }
    proto::FrameBuffer frames;
    while (!frames.broken()) {
        while (const auto frame = frames.next()) {
            if (frame->type == kStatus) {
                return std::string(frame->body.begin(), frame->body.end());
            }
            if (const auto refused = frame->type == proto::MessageType::kRefused
                                         ? proto::decode_refused(frame->body)
                                         : std::nullopt) {
                fmt::print(stderr, "kolo-collectord: {}\n", refused->message);
                return std::nullopt;
            }
        }
        const proto::MutableBytes room = frames.prepare(64U << 10U);
        const ssize_t count = ::recv(socket, room.data(), room.size(), 0);
        if (count <= 0) {
            return std::nullopt;
        }
        frames.commit(static_cast<std::size_t>(count));
    }
    return std::nullopt;
}

}  // namespace

std::string status_json(const Status& status) {
    const auto text_or_null = [](const std::string& text) {
        return text.empty() ? Json() : Json(text);
    };
    Json json{{"version", KOLO_VERSION},
              {"pid", status.pid},
              {"is_stopping", status.is_stopping},
              {"database", status.database},
              {"database_bytes", status.database_bytes},
              {"wal_bytes", status.wal_bytes},
              {"socket", status.socket},
              {"connections", status.connections},
              {"queue_items", status.queue_items},
              {"queue_bytes", status.queue_bytes},
              {"oldest_uncommitted_s", status.oldest_uncommitted_s},
              {"commits", status.commits},
              {"trouble", text_or_null(status.trouble)},
              {"last_error", text_or_null(status.last_error)},
              {"last_error_at", text_or_null(status.last_error_at)},
              {"processes", Json::array()}};
    for (const ProcessStatus& process : status.processes) {
        json["processes"].push_back(process_json(process));
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int show_status(const std::filesystem::path& socket, bool as_json) {
    constexpr timeval kPatience{5, 0};
    const store::Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto nobody = [&socket](const std::string& why) {
        fmt::print(stderr,
                   "kolo-collectord: nobody listens at {} ({}). Start one with kolo-collectord, or "
                   "name its place with "
                   "--db or --socket.\n",
                   socket.string(), why);
        return kNobodyListens;
    };
    try {
        const SocketAddress address(socket);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, address.text().data(), address.text().size());
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
        if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
            return nobody(store::error_text(errno));
        }
    } catch (const std::exception& error) {
        return nobody(error.what());
    }
    const auto answer = ask(client.get());
    const Json status = answer ? Json::parse(*answer, nullptr, false) : Json();
    if (!status.is_object()) {
        return nobody("it did not answer within 5 s");
    }
    if (as_json) {
        fmt::print("{}\n", status.dump());
    } else {
        print_table(status);
    }
    return 0;
}

}  // namespace kolo::collectord

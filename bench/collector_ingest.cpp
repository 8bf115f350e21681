// How fast the collector is from socket to committed row, what it costs in CPU, memory and disk.
//
// Starts a real kolo-collectord, sends it what a probe would, waits for the last acknowledgement.
// Prints one line an arm: events/s by the clock, events per second of the collector's CPU time, its
// largest resident size, bytes of file per event. `--json FILE` writes the same.
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/unit/collectord/daemon_process.hpp"
#include "tests/unit/collectord/fake_probe.hpp"

namespace {

using namespace kolo;  // NOLINT(google-build-using-namespace): a program of one file
using namespace kolo::collectord::test;  // NOLINT(google-build-using-namespace)

struct Load {
    std::vector<Frames> messages;
    std::uint64_t events = 0;
    std::uint64_t traces = 0;
};

/// Three small arguments that differ from call to call: an id, a short text, a flag.
[[nodiscard]] std::vector<std::uint8_t> three_values(std::uint32_t call) {
    const std::uint32_t mixed = call * 2654435761U;
    std::vector<std::uint8_t> values = {0x93, 0xCD, static_cast<std::uint8_t>(mixed >> 24U),
                                        static_cast<std::uint8_t>(mixed >> 16U), 0xA5};
    for (unsigned i = 0; i < 5; ++i) {
        values.push_back(static_cast<std::uint8_t>('a' + (mixed >> (i * 5U)) % 26U));
    }
    values.push_back(mixed % 3 == 0 ? 0xC2 : 0xC3);
    return values;
}

/// One trace of `calls` calls: nested ten deep, as real programs are.
void add_calls(FakeRing& ring, std::uint32_t calls, bool with_values) {
    std::vector<proto::ActivationId> open;
    for (std::uint32_t call = 0; call < calls; ++call) {
        open.push_back(ring.start(1 + call % 4,
                                  with_values ? three_values(call) : std::vector<std::uint8_t>()));
        if (open.size() == 10 || call + 1 == calls) {
            for (; !open.empty(); open.pop_back()) {
                ring.finish(open.back());
            }
        }
    }
}

[[nodiscard]] Load one_large_trace(std::uint32_t calls, bool with_values) {
    FakeProbe probe;
    probe.traces = {image_of(1, "large")};
    FakeRing ring(1, 1);
    add_calls(ring, calls, with_values);
    Load load;
    load.events = ring.emitted();
    load.traces = 1;
    probe.rings.push_back(std::move(ring));
    probe.closed = {1};
    load.messages = probe.messages({});
    return load;
}

[[nodiscard]] Load many_requests(std::uint32_t traces, std::uint32_t events_each,
                                 bool with_values) {
    FakeProbe probe;
    Load load;
    load.messages = probe.messages({});
    FakeRing ring(1, 0);
    std::size_t told_blocks = 0;
    std::uint32_t told_bytes = 0;
    for (std::uint64_t number = 1; number <= traces; ++number) {
        proto::append_frame(load.messages.emplace_back(), proto::MessageType::kTrace,
                            image_of(number, "GET /"));
        ring.context(number);
        add_calls(ring, events_each / 2, with_values);
        ring.context(0);
        for (; told_blocks < ring.blocks().size(); ++told_blocks, told_bytes = 0) {
            const FakeBlock& block = ring.blocks()[told_blocks];
            const auto end = static_cast<std::uint32_t>(block.records.size());
            proto::append_frame(
                load.messages.emplace_back(), proto::MessageType::kBlock,
                proto::BlockMessage{block.start, told_bytes, end - told_bytes, ring.emitted()},
                proto::Bytes(block.records).subspan(told_bytes));
            if (&block == &ring.blocks().back()) {
                told_bytes = end;
                break;
            }
        }
        proto::append_frame(load.messages.emplace_back(), proto::MessageType::kTrace,
                            image_of(number, "200 GET /", proto::SlotState::kEnded));
        proto::append_frame(load.messages.emplace_back(), proto::MessageType::kTraceClosed,
                            proto::TraceClosedMessage{number});
    }
    load.events = ring.emitted();
    load.traces = traces;
    return load;
}

/// VmHWM; getrusage would also count what this program had before it became the collector.
[[nodiscard]] std::uint64_t largest_resident_kb(pid_t pid) {
    const std::string status = text_of_file("/proc/" + std::to_string(pid) + "/status");
    const std::size_t at = status.find("VmHWM:");
    return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 6, nullptr, 10);
}

[[nodiscard]] nlohmann::json measure(std::string_view name, const Load& load) {
    const TemporaryFolder folder;
    Program daemon({KOLO_COLLECTORD, "--db", (folder.path() / "db.sqlite3").string()},
                   folder.path() / "output");
    Client client(folder.path() / "collector.sock");
    const FakeProbe probe;
    if (!client.say_hello(probe.hello())) {
        std::fprintf(stderr, "no welcome\n");
        return nullptr;
    }
    const auto begin = std::chrono::steady_clock::now();
    for (const Frames& message : load.messages) {
        client.send(message);
    }
    const bool stored = client.say_bye();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    client.close();
    const std::uint64_t resident = largest_resident_kb(daemon.pid());
    daemon.signal(SIGTERM);
    rusage before{};
    ::getrusage(RUSAGE_CHILDREN, &before);
    static_cast<void>(daemon.wait());
    rusage after{};
    ::getrusage(RUSAGE_CHILDREN, &after);
    const auto cpu = [](const rusage& usage) {
        return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    };
    const double used = cpu(after) - cpu(before);
    const auto events = static_cast<double>(load.events);
    const auto bytes =
        static_cast<double>(std::filesystem::file_size(folder.path() / "db.sqlite3"));
    std::printf(
        "%-28s %6.2f M events/s  %6.2f M events/CPU s  %7.0f traces/s  %4llu MB  %5.2f "
        "bytes/event%s\n",
        std::string(name).c_str(), events / seconds / 1e6, events / used / 1e6,
        static_cast<double>(load.traces) / seconds,
        static_cast<unsigned long long>(resident / 1024), bytes / events,
        stored ? "" : "  NOT STORED");
    return {{"events per second", events / seconds},
            {"events per CPU second", events / used},
            {"traces per second", static_cast<double>(load.traces) / seconds},
            {"resident MB", static_cast<double>(resident) / 1024},
            {"bytes per event", bytes / events}};
}

}  // namespace

int main(int argc, char** argv) {
    const Load large = one_large_trace(5'000'000, false);
    const Load valued = one_large_trace(1'500'000, true);
    const Load requests = many_requests(20'000, 300, false);
    const Load valued_requests = many_requests(10'000, 300, true);
    const std::vector<std::pair<std::string, const Load*>> arms = {
        {"one trace, no values", &large},
        {"one trace, 3 small values", &valued},
        {"traces of 300 events", &requests},
        {"the same, 3 small values", &valued_requests},
    };
    nlohmann::json results;
    for (int round = 0; round < 3; ++round) {
        for (const auto& [name, load] : arms) {
            results[name].push_back(measure(name, *load));
        }
    }
    if (argc == 3 && std::string_view(argv[1]) == "--json") {
        std::ofstream(argv[2]) << nlohmann::json{{"benchmark", "collector_ingest"},
                                                 {"results", std::move(results)}}
                                      .dump(1)
                               << '\n';
    }
    return 0;
}

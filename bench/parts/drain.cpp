// What carrying blocks away costs the drain thread: stock-taking, framing, the socket, and giving
// blocks back when they are acknowledged. A thread at the other end reads and looks at nothing but
// the positions that it acknowledges.
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "probe/descriptor.hpp"
#include "probe/outbox.hpp"
#include "proto/messages.hpp"
#include "tests/unit/probe/recording.hpp"

namespace kolo::probe {
namespace {

constexpr std::uint64_t kArenaBytes = 64UL << 20U;
constexpr std::size_t kPieceBytes = 512UL * 1024;
constexpr int kCalls = 100'000;

/// Reads whatever comes until the other end closes, and counts it.
class Sink {
  public:
    Sink() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            throw std::runtime_error("no socket pair");
        }
        in_ = Descriptor(ends[0]);
        out_ = Descriptor(ends[1]);
        thread_ = std::thread([this] { read_all(); });
    }
    ~Sink() {
        in_.close();
        thread_.join();
    }
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    void take(const std::vector<std::uint8_t>& bytes) {
        for (std::size_t sent = 0; sent < bytes.size();) {
            const ssize_t count = write(in_.get(), bytes.data() + sent, bytes.size() - sent);
            if (count < 0) {
                throw std::runtime_error("the sink is gone");
            }
            sent += static_cast<std::size_t>(count);
        }
        sent_ += bytes.size();
    }
    void wait_until_read() const {
        // acquire: the reader is done with what was sent
        while (read_.load(std::memory_order_acquire) < sent_) {
            std::this_thread::yield();
        }
    }
    [[nodiscard]] std::uint64_t bytes() const { return sent_; }

  private:
    void read_all() {
        std::vector<std::uint8_t> room(kPieceBytes);
        for (ssize_t count = 1; count > 0;) {
            count = read(out_.get(), room.data(), room.size());
            // release: see wait_until_read()
            read_.fetch_add(count > 0 ? static_cast<std::uint64_t>(count) : 0,
                            std::memory_order_release);
        }
    }

    Descriptor in_;
    Descriptor out_;
    std::uint64_t sent_ = 0;
    std::atomic<std::uint64_t> read_{0};
    std::thread thread_;
};

/// The last position in a round's block messages.
[[nodiscard]] proto::Ack ack_of(const std::vector<std::vector<std::uint8_t>>& pieces) {
    proto::FrameBuffer frames;
    proto::Ack ack;
    for (const auto& piece : pieces) {
        std::copy(piece.begin(), piece.end(), frames.prepare(piece.size()).begin());
        frames.commit(piece.size());
        while (const auto frame = frames.next()) {
            if (frame->type == proto::MessageType::kBlock) {
                const auto message = proto::load<proto::BlockMessage>(frame->body, 0);
                ack.rings = {{proto::RingNumber{message.start.ring},
                              {message.start.sequence, message.offset + message.bytes}}};
            }
        }
    }
    return ack;
}

/// Calls without values (`payload` 0) or with some: a burst is recorded, then carried away.
void carry_blocks_to_a_socket(benchmark::State& state) {
    const auto payload = static_cast<std::uint32_t>(state.range(0));
    Recording recording(kArenaBytes);
    Outbox outbox(recording.arena(), recording.rings());
    Thread thread = recording.make_thread();
    const proto::TraceNumber trace = recording.begin_trace();
    Sink sink;
    std::vector<std::vector<std::uint8_t>> pieces;
    for ([[maybe_unused]] auto _ : state) {
        state.PauseTiming();
        for (int call = 0; call < kCalls; ++call) {
            if (!thread.start(1, trace, payload)) {
                throw std::logic_error("the last burst was not taken away");
            }
            thread.end();
        }
        pieces.clear();
        state.ResumeTiming();
        const TimePoint now = DrainClock::now();
        outbox.look(now);
        for (bool whole = false; !whole;) {
            whole = outbox.append_round(pieces.emplace_back(), kPieceBytes, now, false);
            sink.take(pieces.back());
        }
        sink.wait_until_read();
        state.PauseTiming();
        const proto::Ack ack = ack_of(pieces);
        state.ResumeTiming();
        if (!outbox.acknowledge(ack, now)) {
            throw std::logic_error("the outbox refuses an honest acknowledgement");
        }
    }
    state.SetItemsProcessed(state.iterations() * kCalls * 2);
    state.SetBytesProcessed(static_cast<std::int64_t>(sink.bytes()));
}
BENCHMARK(carry_blocks_to_a_socket)->ArgName("payload")->Arg(0)->Arg(24)->UseRealTime();

}  // namespace
}  // namespace kolo::probe

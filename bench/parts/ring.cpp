// What a record costs between the recorder and the arena: room, clock, words, publication.
#include "probe/ring.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "probe/ticks.hpp"
#include "proto/records.hpp"
#include "tests/unit/probe/recording.hpp"

namespace kolo::probe {
namespace {

constexpr std::uint32_t kPayload = 24;  // three small values
// A clock step may stand before it.
constexpr std::uint32_t kValuedBytes = sizeof(proto::ValuedRecord) + kPayload + proto::kWordBytes;

/// A ring without a consumer, in blocks whose memory is warm, as it is in a process that has
/// recorded for a while.
class Writer {
  public:
    Writer() { start_over(); }

    [[nodiscard]] Ring& ring() { return *ring_; }

    void make_room(benchmark::State& state, std::uint32_t bytes) {
        if (!ring_->make_room(bytes, 1)) {
            state.PauseTiming();
            start_over();
            state.ResumeTiming();
            if (!ring_->make_room(bytes, 1)) {
                throw std::logic_error("an empty arena has no room");
            }
        }
    }

  private:
    void start_over() {
        Arena& arena = recording_.arena();
        for (std::uint32_t block = 0; block < arena.layout().block_count; ++block) {
            // relaxed: there is no other thread
            if (arena.block(block).live.state.load(std::memory_order_relaxed) ==
                static_cast<std::uint32_t>(proto::BlockState::kOwned)) {
                arena.give_block(block);
            }
        }
        shared_ = std::make_unique<RingShared>(proto::RingNumber{1}, 1000);
        ring_ = std::make_unique<Ring>(arena, *shared_);
    }

    Recording recording_;
    std::unique_ptr<RingShared> shared_;
    std::unique_ptr<Ring> ring_;
};

/// A start without values, as the recorder writes it: 8 bytes.
void publish_short_record(benchmark::State& state) {
    choose_tick_source();
    Writer writer;
    for ([[maybe_unused]] auto _ : state) {
        writer.make_room(state, 2 * proto::kWordBytes);
        Ring& ring = writer.ring();
        const std::uint32_t delta = ring.delta_to(read_ticks());
        proto::store(ring.tail(), proto::one_word(proto::RecordKind::kShortStart, 1, delta));
        ring.publish(proto::kWordBytes);
        ring.take_ordinal();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(publish_short_record);

/// A start with three small values, which are copied instead of encoded.
void publish_valued_record(benchmark::State& state) {
    choose_tick_source();
    Writer writer;
    const std::uint8_t values[kPayload] = {0x93};
    for ([[maybe_unused]] auto _ : state) {
        writer.make_room(state, kValuedBytes);
        Ring& ring = writer.ring();
        const std::uint32_t delta = ring.delta_to(read_ticks());
        std::memcpy(ring.tail() + sizeof(proto::ValuedRecord), values, kPayload);
        ring.publish(proto::write_record(ring.tail(), proto::ValuedRecord{{}, 1},
                                         proto::RecordKind::kStart, kPayload, delta));
        ring.take_ordinal();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(publish_valued_record);

/// Every call needs a new block: what the end of each 64 KB costs.
void make_room_over_block_ends(benchmark::State& state) {
    constexpr std::uint32_t kWhole = proto::kBlockCapacity - proto::kEndRoom;
    Writer writer;
    for ([[maybe_unused]] auto _ : state) {
        writer.make_room(state, kWhole);
        writer.ring().publish(kWhole);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_room_over_block_ends);

/// An event's count, which is stored for whoever reads the arena after a crash.
void count_emitted(benchmark::State& state) {
    Writer writer;
    writer.make_room(state, proto::kWordBytes);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(writer.ring().count_emitted(proto::TraceNumber{1}));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(count_emitted);

}  // namespace
}  // namespace kolo::probe

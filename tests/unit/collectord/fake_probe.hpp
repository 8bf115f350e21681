// A probe made of proto's functions: it writes records into blocks and tells them as the protocol
// says, but runs no Python. Tests use it to be on the other side of the ingest, the salvage and the
// socket.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/arena.hpp"
#include "proto/block.hpp"
#include "proto/codes.hpp"
#include "proto/messages.hpp"
#include "proto/records.hpp"
#include "proto/trace_slot.hpp"
#include "store/files.hpp"

namespace kolo::collectord::test {

using Frames = std::vector<std::uint8_t>;

struct FakeBlock {
    proto::BlockStart start{};
    std::vector<std::uint8_t> records;
    std::vector<std::uint32_t> boundaries;  // offset behind each record
    std::vector<std::uint64_t> emitted_at;  // events of the ring behind each record
};

/// One thread's ring. Ticks are nanoseconds and move on by 50 to 1 073 with each record.
class FakeRing {
  public:
    FakeRing(std::uint32_t number, std::uint64_t trace,
             std::uint32_t capacity = proto::kBlockCapacity)
        : number_(number), capacity_(capacity), trace_(trace) {
        open_block();
    }

    void thread(std::string_view name) {
        std::vector<std::uint8_t> payload = {0x91, static_cast<std::uint8_t>(0xA0 + name.size())};
        payload.insert(payload.end(), name.begin(), name.end());
        proto::ThreadRecord record{};
        record.native_id = 1000 + number_;
        record.ident = 2000 + number_;
        put(record, proto::RecordKind::kThread, payload, 0);
    }
    void context(std::uint64_t trace) {
        proto::ContextRecord record{};
        record.trace = trace;
        put(record, proto::RecordKind::kContext, {}, 0);
        trace_ = trace;
        current_ = {};
    }
    proto::ActivationId start(std::uint32_t code, const std::vector<std::uint8_t>& payload = {}) {
        make_room(proto::record_bytes(sizeof(proto::ValuedRecord),
                                      static_cast<std::uint32_t>(payload.size())));
        const proto::ActivationId id{proto::RingNumber{number_}, next_ordinal_++};
        running_[id.ordinal] = {current_, code, blocks_.back().start.sequence};
        current_ = id;
        if (payload.empty()) {
            put_word(proto::one_word(proto::RecordKind::kShortStart, code, step()), 1);
        } else {
            proto::ValuedRecord record{};
            record.ref = code;
            put(record, proto::RecordKind::kStart, payload, 1);
        }
        return id;
    }
    void finish(proto::ActivationId id, bool raised = false) {
        make_room(sizeof(proto::LongRecord));
        const Running running = running_.at(id.ordinal);
        running_.erase(id.ordinal);
        if (running.sequence == blocks_.back().start.sequence) {
            const auto distance = static_cast<std::uint32_t>(next_ordinal_ - id.ordinal);
            put_word(proto::one_word(
                         raised ? proto::RecordKind::kShortUnwind : proto::RecordKind::kShortReturn,
                         distance, step()),
                     1);
        } else {
            proto::LongRecord record{};
            record.ticks = ticks_ += 100;
            record.ordinal = id.ordinal;
            record.ring = number_;
            record.parent_ordinal = running.parent.ordinal;
            record.parent_ring = proto::to_integer(running.parent.ring);
            record.code = running.code;
            make_room(sizeof record);
            put_long(record,
                     raised ? proto::RecordKind::kLongUnwind : proto::RecordKind::kLongReturn);
        }
        current_ = running.parent;
    }
    /// A record of a span; returns its ticks.
    std::uint64_t span(proto::RecordKind kind, std::uint64_t number,
                       const std::vector<std::uint8_t>& payload) {
        proto::SpanRecord record{};
        record.span = number;
        make_room(proto::record_bytes(sizeof record, static_cast<std::uint32_t>(payload.size())));
        put(record, kind, payload, 0);
        return ticks_;
    }
    /// A record of a kind that nobody knows yet: one word.
    void unknown() { put_word(0xF0, 0); }
    /// Bytes that are no record.
    void garbage() { put_word(0x01, 0); }

    [[nodiscard]] const std::vector<FakeBlock>& blocks() const { return blocks_; }
    [[nodiscard]] std::uint64_t emitted() const { return emitted_; }
    [[nodiscard]] std::uint32_t number() const { return number_; }
    [[nodiscard]] std::uint64_t ticks() const { return ticks_; }
    /// Events that were emitted and not recorded.
    void drop(std::uint64_t events) { emitted_ += events; }

  private:
    struct Running {
        proto::ActivationId parent;
        std::uint32_t code = 0;
        std::uint64_t sequence = 0;
    };

    std::uint32_t step() {
        jitter_ = jitter_ * 1664525U + 1013904223U;
        const std::uint32_t delta = 50 + (jitter_ >> 22U);
        ticks_ += delta;
        return delta;
    }
    void open_block() {
        FakeBlock block;
        block.start.ring = number_;
        block.start.sequence = blocks_.size();
        block.start.thread = 1000 + number_;
        block.start.ticks = ticks_;
        block.start.trace = trace_;
        block.start.current_ordinal = current_.ordinal;
        block.start.current_ring = proto::to_integer(current_.ring);
        block.start.next_ordinal = next_ordinal_;
        blocks_.push_back(std::move(block));
    }
    void make_room(std::uint32_t bytes) {
        if (blocks_.back().records.size() + bytes > capacity_) {
            open_block();
        }
    }
    void done(std::uint64_t events) {
        emitted_ += events;
        blocks_.back().boundaries.push_back(
            static_cast<std::uint32_t>(blocks_.back().records.size()));
        blocks_.back().emitted_at.push_back(emitted_);
    }
    void put_word(std::uint64_t word, std::uint64_t events) {
        make_room(sizeof word);
        std::vector<std::uint8_t>& records = blocks_.back().records;
        records.resize(records.size() + sizeof word);
        proto::store(records.data() + records.size() - sizeof word, word);
        done(events);
    }
    template <typename Fixed>
    void put(Fixed record, proto::RecordKind kind, const std::vector<std::uint8_t>& payload,
             std::uint64_t events) {
        const auto size = static_cast<std::uint32_t>(payload.size());
        const std::uint32_t total = proto::record_bytes(sizeof(Fixed), size);
        make_room(total);
        std::vector<std::uint8_t>& records = blocks_.back().records;
        const std::size_t at = records.size();
        records.resize(at + total);
        std::copy(payload.begin(), payload.end(),
                  records.begin() + static_cast<std::ptrdiff_t>(at + sizeof(Fixed)));
        proto::write_record(records.data() + at, record, kind, size, step());
        done(events);
    }
    void put_long(proto::LongRecord record, proto::RecordKind kind) {
        std::vector<std::uint8_t>& records = blocks_.back().records;
        const std::size_t at = records.size();
        records.resize(at + sizeof record);
        proto::write_record(records.data() + at, record, kind, 0, 0);
        done(1);
    }

    std::uint32_t number_;
    std::uint32_t capacity_;
    std::uint64_t trace_;
    proto::ActivationId current_;
    std::uint32_t jitter_ = 1;
    std::uint64_t ticks_ = 1'000'000;
    std::uint64_t next_ordinal_ = 0;
    std::uint64_t emitted_ = 0;
    std::vector<FakeBlock> blocks_;
    std::map<std::uint64_t, Running> running_;
};

[[nodiscard]] inline proto::TraceImage image_of(std::uint64_t number, std::string_view name,
                                                proto::SlotState state = proto::SlotState::kLive) {
    proto::TraceImage image{};
    image.state = static_cast<std::uint32_t>(state);
    image.fields.number = number;
    std::string id = std::to_string(number);
    id = "trc_" + std::string(26 - id.size(), '0') + id;
    std::copy(id.begin(), id.end(), image.fields.id);
    image.fields.kind = static_cast<std::uint32_t>(proto::TraceKind::kRequest);
    image.fields.begin_ticks = 1'000'000;
    image.fields.end_ticks = state == proto::SlotState::kEnded ? 3'000'000 : 0;
    image.fields.begin_realtime_ns = 1'700'000'000'000'000'000;
    image.fields.name_bytes = static_cast<std::uint32_t>(name.size());
    std::copy(name.begin(), name.end(), image.fields.name);
    return image;
}

/// A process that records.
struct FakeProbe {
    proto::ProcessId id;
    std::vector<proto::CodeDefinition> codes;
    std::vector<proto::TraceImage> traces;
    std::vector<std::uint64_t> closed;
    std::vector<FakeRing> rings;
    proto::CountsMessage counts{};

    explicit FakeProbe(std::uint8_t number = 1) {
        id.bytes.fill(number);
        for (std::uint32_t code = 1; code <= 4; ++code) {
            codes.push_back({proto::CodeNumber{code},
                             "f" + std::to_string(code),
                             "shop.f" + std::to_string(code),
                             "/shop/views.py",
                             code * 10,
                             0,
                             1,
                             {"marker", "local"}});
        }
    }

    [[nodiscard]] proto::Hello hello() const {
        proto::Hello hello;
        hello.process = id;
        hello.pid = 4711;
        hello.start_time = 99;
        hello.boot_id = "boot";
        hello.host = "host";
        hello.python = "3.11.2";
        hello.implementation = "CPython";
        hello.version = "0.1.0";
        hello.git_sha = "0123456789abcdef0123456789abcdef01234567";
        hello.argv = {"shop.py", "--fast"};
        hello.cwd = "/shop";
        hello.clocks = {{0, 0, 1'700'000'000'000'000'000},
                        {1'000'000'000, 1'000'000'000, 1'700'000'001'000'000'000}};
        return hello;
    }

    [[nodiscard]] std::vector<std::uint8_t> code_bytes() const {
        std::vector<std::uint8_t> bytes;
        for (const auto& code : codes) {
            const auto entry = proto::encode_code(code);
            bytes.insert(bytes.end(), entry.begin(), entry.end());
        }
        return bytes;
    }

    /// Everything that this process has to say to a collector that knows what `welcome` says:
    /// messages one by one, each record in a block message of its own (`record_by_record`), or each
    /// block in one.
    [[nodiscard]] std::vector<Frames> messages(const proto::Welcome& welcome,
                                               bool record_by_record = false) const {
        std::vector<Frames> messages;
        const auto add = [&messages](proto::MessageType type, const auto& body,
                                     proto::Bytes tail = {}) {
            proto::append_frame(messages.emplace_back(), type, body, tail);
        };
        const auto all_codes = code_bytes();
        add(proto::MessageType::kCodes, proto::CodesMessage{welcome.codes_offset},
            proto::Bytes(all_codes).subspan(welcome.codes_offset));
        for (const auto& trace : traces) {
            add(proto::MessageType::kTrace, trace);
        }
        for (const FakeRing& ring : rings) {
            proto::Position committed;
            for (const auto& known : welcome.rings) {
                if (proto::to_integer(known.ring) == ring.number()) {
                    committed = known.position;
                }
            }
            for (std::size_t i = committed.sequence; i < ring.blocks().size(); ++i) {
                add_block(messages, ring.blocks()[i], record_by_record);
            }
            // What was dropped is told without records.
            const FakeBlock& last = ring.blocks().back();
            add(proto::MessageType::kBlock,
                proto::BlockMessage{last.start, static_cast<std::uint32_t>(last.records.size()), 0,
                                    ring.emitted()});
        }
        add(proto::MessageType::kCounts, counts);
        for (const std::uint64_t number : closed) {
            add(proto::MessageType::kTraceClosed, proto::TraceClosedMessage{number});
        }
        return messages;
    }

    static void add_block(std::vector<Frames>& messages, const FakeBlock& block,
                          bool record_by_record) {
        const auto add = [&](std::uint32_t begin, std::uint32_t end, std::uint64_t emitted) {
            proto::append_frame(messages.emplace_back(), proto::MessageType::kBlock,
                                proto::BlockMessage{block.start, begin, end - begin, emitted},
                                proto::Bytes(block.records).subspan(begin, end - begin));
        };
        if (!record_by_record) {
            add(0, static_cast<std::uint32_t>(block.records.size()),
                block.emitted_at.empty() ? 0 : block.emitted_at.back());
            return;
        }
        std::uint32_t begin = 0;
        for (std::size_t i = 0; i < block.boundaries.size(); ++i) {
            add(begin, block.boundaries[i], block.emitted_at[i]);
            begin = block.boundaries[i];
        }
    }

    /// A sealed memfd that holds all of it, as a process leaves it behind.
    [[nodiscard]] store::Descriptor arena(bool sealed = true) const {
        store::Descriptor file(::memfd_create("kolo-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        const proto::ArenaLayout layout = proto::plan_arena(proto::kMinArenaBytes);
        if (::ftruncate(file.get(), static_cast<off_t>(layout.arena_bytes)) != 0) {
            return {};
        }
        const auto put = [&file](std::uint64_t offset, const void* data, std::size_t bytes) {
            return ::pwrite(file.get(), data, bytes, static_cast<off_t>(offset)) ==
                   static_cast<ssize_t>(bytes);
        };
        const auto put_value = [&put](std::uint64_t offset, auto value) {
            return put(offset, &value, sizeof value);
        };
        using proto::ArenaHeader;
        const auto bytes = code_bytes();
        bool ok = put_value(offsetof(ArenaHeader, magic), proto::kArenaMagic) &&
                  put_value(offsetof(ArenaHeader, version), proto::kArenaVersion) &&
                  put_value(offsetof(ArenaHeader, block_bytes), proto::kBlockBytes) &&
                  put_value(offsetof(ArenaHeader, process), id) &&
                  put_value(offsetof(ArenaHeader, arena_bytes), layout.arena_bytes) &&
                  put_value(offsetof(ArenaHeader, codes_offset), layout.codes_offset) &&
                  put_value(offsetof(ArenaHeader, codes_bytes), layout.codes_bytes) &&
                  put_value(offsetof(ArenaHeader, slots_offset), layout.slots_offset) &&
                  put_value(offsetof(ArenaHeader, blocks_offset), layout.blocks_offset) &&
                  put_value(offsetof(ArenaHeader, slot_count), layout.slot_count) &&
                  put_value(offsetof(ArenaHeader, block_count), layout.block_count) &&
                  put_value(offsetof(ArenaHeader, codes_used),
                            static_cast<std::uint64_t>(bytes.size())) &&
                  put_value(offsetof(ArenaHeader, emitted_blockless), counts.emitted_blockless) &&
                  put(offsetof(ArenaHeader, lost), counts.lost, sizeof counts.lost) &&
                  put(layout.codes_offset, bytes.data(), bytes.size());
        for (std::size_t i = 0; i < traces.size(); ++i) {
            const std::uint64_t slot = layout.slot_offset(static_cast<std::uint32_t>(i));
            ok = ok && put_value(slot + offsetof(proto::TraceSlot, state), traces[i].state) &&
                 put_value(slot + offsetof(proto::TraceSlot, emitted), traces[i].emitted) &&
                 put(slot + offsetof(proto::TraceSlot, lost), traces[i].lost,
                     sizeof traces[i].lost) &&
                 put_value(slot + offsetof(proto::TraceSlot, fields), traces[i].fields);
        }
        std::uint32_t index = 0;
        for (const FakeRing& ring : rings) {
            for (const FakeBlock& block : ring.blocks()) {
                // Backwards, so that salvage must put them in order.
                const std::uint64_t at = layout.block_offset(layout.block_count - 1 - index++);
                const std::uint64_t live = at + offsetof(proto::BlockHeader, live);
                const bool is_last = &block == &ring.blocks().back();
                ok = ok && put_value(at, block.start) &&
                     put_value(live + offsetof(proto::BlockLive, state),
                               proto::BlockState::kOwned) &&
                     put_value(live + offsetof(proto::BlockLive, written),
                               static_cast<std::uint32_t>(block.records.size())) &&
                     put_value(live + offsetof(proto::BlockLive, emitted),
                               is_last ? ring.emitted() : block.emitted_at.back()) &&
                     put(at + proto::kBlockHeaderBytes, block.records.data(), block.records.size());
            }
        }
        if (sealed) {
            ok = ok &&
                 ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
        }
        return ok ? std::move(file) : store::Descriptor();
    }
};

}  // namespace kolo::collectord::test

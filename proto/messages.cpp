#include "proto/messages.hpp"

#include <algorithm>
#include <cstring>

#include <msgpack.hpp>

#include "proto/msgpack_reading.hpp"

namespace kolo::proto {

namespace {

using Packer = msgpack::packer<msgpack::sbuffer>;

struct AckHead {
    std::uint64_t codes_offset;
    std::uint32_t rings;
    std::uint32_t closed;
    std::uint32_t flags;
    std::uint32_t reserved;
};
static_assert(sizeof(AckHead) == 24);
constexpr std::uint32_t kAckBye = 1;

struct AckRing {
    std::uint32_t ring;
    std::uint32_t offset;
    std::uint64_t sequence;
};
static_assert(sizeof(AckRing) == 16);

void append_bytes(std::vector<std::uint8_t>& out, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    out.insert(out.end(), bytes, bytes + size);
}

void append_body(std::vector<std::uint8_t>& out, MessageType type, const msgpack::sbuffer& body) {
    const FrameHead head{static_cast<std::uint32_t>(body.size()), static_cast<std::uint16_t>(type),
                         0};
    append_bytes(out, &head, sizeof head);
    append_bytes(out, body.data(), body.size());
}

void pack_process(Packer& packer, const ProcessId& process) {
    packer.pack_bin(static_cast<std::uint32_t>(process.bytes.size()));
    packer.pack_bin_body(reinterpret_cast<const char*>(process.bytes.data()),
                         static_cast<std::uint32_t>(process.bytes.size()));
}

[[nodiscard]] bool read_process(const msgpack::object* from, ProcessId& to) noexcept {
    if (from == nullptr || from->type != msgpack::type::BIN ||
        from->via.bin.size != to.bytes.size()) {
        return false;
    }
    std::memcpy(to.bytes.data(), from->via.bin.ptr, to.bytes.size());
    return true;
}

[[nodiscard]] bool read_parent(const msgpack::object* from, std::optional<ProcessId>& to) noexcept {
    if (from == nullptr || from->type == msgpack::type::NIL) {
        to.reset();
        return true;
    }
    return read_process(from, to.emplace());
}

[[nodiscard]] bool read_texts(const msgpack::object* from, std::vector<std::string>& to) {
    if (!is_array(from)) {
        return false;
    }
    to.resize(from->via.array.size);
    for (std::uint32_t i = 0; i < from->via.array.size; ++i) {
        if (!read(&from->via.array.ptr[i], to[i])) {
            return false;
        }
    }
    return true;
}

/// Triples of integers, flat in one array: shared by clock pairs and ring positions.
template <typename T, typename ReadOne>
[[nodiscard]] bool read_triples(const msgpack::object* from, std::vector<T>& to, ReadOne read_one) {
    if (!is_array(from) || from->via.array.size % 3 != 0) {
        return false;
    }
    to.resize(from->via.array.size / 3);
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (!read_one(from->via.array.ptr + 3 * i, to[i])) {
            return false;
        }
    }
    return true;
}

[[nodiscard]] bool read_clock(const msgpack::object* triple, ClockPair& clock) noexcept {
    return read(&triple[0], clock.ticks) && read(&triple[1], clock.monotonic_ns) &&
           read(&triple[2], clock.realtime_ns);
}

[[nodiscard]] bool read_position(const msgpack::object* triple, RingPosition& ring) noexcept {
    std::uint32_t number = 0;
    const bool whole = read(&triple[0], number) && read(&triple[1], ring.position.sequence) &&
                       read(&triple[2], ring.position.offset);
    ring.ring = RingNumber{number};
    return whole;
}

}  // namespace

void append_frame(std::vector<std::uint8_t>& out, MessageType type) {
    append_body(out, type, msgpack::sbuffer{});
}

void append_hello(std::vector<std::uint8_t>& out, const Hello& hello) {
    msgpack::sbuffer body;
    Packer packer(body);
    packer.pack_map(16);
    packer.pack("protocol").pack(hello.protocol);
    packer.pack("features").pack(hello.features);
    packer.pack("process");
    pack_process(packer, hello.process);
    packer.pack("parent");
    if (hello.parent) {
        pack_process(packer, *hello.parent);
    } else {
        packer.pack_nil();
    }
    packer.pack("pid").pack(hello.pid);
    packer.pack("start_time").pack(hello.start_time);
    packer.pack("boot_id").pack(hello.boot_id);
    packer.pack("host").pack(hello.host);
    packer.pack("python").pack(hello.python);
    packer.pack("implementation").pack(hello.implementation);
    packer.pack("version").pack(hello.version);
    packer.pack("git_sha");
    if (hello.git_sha) {
        packer.pack(*hello.git_sha);
    } else {
        packer.pack_nil();
    }
    packer.pack("argv").pack(hello.argv);
    packer.pack("cwd").pack(hello.cwd);
    packer.pack("arena_bytes").pack(hello.arena_bytes);
    packer.pack("clocks").pack_array(static_cast<std::uint32_t>(3 * hello.clocks.size()));
    for (const ClockPair& clock : hello.clocks) {
        packer.pack(clock.ticks).pack(clock.monotonic_ns).pack(clock.realtime_ns);
    }
    append_body(out, MessageType::kHello, body);
}

std::optional<Hello> decode_hello(Bytes body) {
    const auto handle = unpack_bounded(body);
    Hello hello;
    if (!handle || !read(find(handle->get(), "protocol"), hello.protocol)) {
        return std::nullopt;
    }
    if (hello.protocol != kProtocolVersion) {
        return hello;
    }
    const msgpack::object& map = handle->get();
    if (!read(find(map, "features"), hello.features) ||
        !read_process(find(map, "process"), hello.process) ||
        !read_parent(find(map, "parent"), hello.parent) || !read(find(map, "pid"), hello.pid) ||
        !read(find(map, "start_time"), hello.start_time) ||
        !read(find(map, "boot_id"), hello.boot_id) || !read(find(map, "host"), hello.host) ||
        !read(find(map, "python"), hello.python) ||
        !read(find(map, "implementation"), hello.implementation) ||
        !read(find(map, "version"), hello.version) || !read(find(map, "git_sha"), hello.git_sha) ||
        !read_texts(find(map, "argv"), hello.argv) || !read(find(map, "cwd"), hello.cwd) ||
        !read(find(map, "arena_bytes"), hello.arena_bytes) ||
        !read_triples(find(map, "clocks"), hello.clocks, read_clock)) {
        return std::nullopt;
    }
    return hello;
}

void append_welcome(std::vector<std::uint8_t>& out, const Welcome& welcome) {
    msgpack::sbuffer body;
    Packer packer(body);
    packer.pack_map(6);
    packer.pack("protocol").pack(welcome.protocol);
    packer.pack("features").pack(welcome.features);
    packer.pack("version").pack(welcome.version);
    packer.pack("codes_offset").pack(welcome.codes_offset);
    packer.pack("rings").pack_array(static_cast<std::uint32_t>(3 * welcome.rings.size()));
    for (const RingPosition& ring : welcome.rings) {
        packer.pack(to_integer(ring.ring)).pack(ring.position.sequence).pack(ring.position.offset);
    }
    packer.pack("closed").pack_array(static_cast<std::uint32_t>(welcome.closed.size()));
    for (const TraceNumber trace : welcome.closed) {
        packer.pack(to_integer(trace));
    }
    append_body(out, MessageType::kWelcome, body);
}

std::optional<Welcome> decode_welcome(Bytes body) {
    const auto handle = unpack_bounded(body);
    if (!handle) {
        return std::nullopt;
    }
    const msgpack::object& map = handle->get();
    Welcome welcome;
    const msgpack::object* closed = find(map, "closed");
    if (!read(find(map, "protocol"), welcome.protocol) ||
        !read(find(map, "features"), welcome.features) ||
        !read(find(map, "version"), welcome.version) ||
        !read(find(map, "codes_offset"), welcome.codes_offset) ||
        !read_triples(find(map, "rings"), welcome.rings, read_position) || !is_array(closed)) {
        return std::nullopt;
    }
    welcome.closed.resize(closed->via.array.size);
    for (std::uint32_t i = 0; i < closed->via.array.size; ++i) {
        std::uint64_t number = 0;
        if (!read(&closed->via.array.ptr[i], number)) {
            return std::nullopt;
        }
        welcome.closed[i] = TraceNumber{number};
    }
    return welcome;
}

void append_refused(std::vector<std::uint8_t>& out, const Refused& refused) {
    msgpack::sbuffer body;
    Packer packer(body);
    packer.pack_map(2);
    packer.pack("reason").pack(static_cast<std::uint32_t>(refused.reason));
    packer.pack("message").pack(refused.message);
    append_body(out, MessageType::kRefused, body);
}

std::optional<Refused> decode_refused(Bytes body) {
    const auto handle = unpack_bounded(body);
    Refused refused;
    std::uint32_t reason = 0;
    if (!handle || !read(find(handle->get(), "reason"), reason) ||
        !read(find(handle->get(), "message"), refused.message)) {
        return std::nullopt;
    }
    refused.reason = static_cast<RefusalReason>(reason);
    return refused;
}

void append_ack(std::vector<std::uint8_t>& out, const Ack& ack) {
    const AckHead head{ack.codes_offset, static_cast<std::uint32_t>(ack.rings.size()),
                       static_cast<std::uint32_t>(ack.closed.size()), ack.bye ? kAckBye : 0, 0};
    std::vector<std::uint8_t> tail;
    tail.reserve(ack.rings.size() * sizeof(AckRing) + ack.closed.size() * sizeof(std::uint64_t));
    for (const RingPosition& ring : ack.rings) {
        const AckRing entry{to_integer(ring.ring), ring.position.offset, ring.position.sequence};
        append_bytes(tail, &entry, sizeof entry);
    }
    for (const TraceNumber trace : ack.closed) {
        const std::uint64_t number = to_integer(trace);
        append_bytes(tail, &number, sizeof number);
    }
    append_frame(out, MessageType::kAck, head, tail);
}

std::optional<Ack> decode_ack(Bytes body) {
    if (body.size() < sizeof(AckHead)) {
        return std::nullopt;
    }
    const auto head = load<AckHead>(body, 0);
    const std::uint64_t expected = sizeof(AckHead) +
                                   static_cast<std::uint64_t>(head.rings) * sizeof(AckRing) +
                                   static_cast<std::uint64_t>(head.closed) * sizeof(std::uint64_t);
    if (body.size() != expected) {
        return std::nullopt;
    }
    Ack ack;
    ack.codes_offset = head.codes_offset;
    ack.bye = (head.flags & kAckBye) != 0;
    std::size_t offset = sizeof(AckHead);
    ack.rings.reserve(head.rings);
    for (std::uint32_t i = 0; i < head.rings; ++i, offset += sizeof(AckRing)) {
        const auto entry = load<AckRing>(body, offset);
        ack.rings.push_back({RingNumber{entry.ring}, {entry.sequence, entry.offset}});
    }
    ack.closed.reserve(head.closed);
    for (std::uint32_t i = 0; i < head.closed; ++i, offset += sizeof(std::uint64_t)) {
        ack.closed.push_back(TraceNumber{load<std::uint64_t>(body, offset)});
    }
    return ack;
}

MutableBytes FrameBuffer::prepare(std::size_t bytes) {
    if (begin_ != 0) {
        std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    if (bytes_.size() < end_ + bytes) {
        bytes_.resize(end_ + bytes);
    }
    return MutableBytes(bytes_).subspan(end_);
}

std::optional<Frame> FrameBuffer::next() {
    const Bytes left = Bytes(bytes_).subspan(begin_, end_ - begin_);
    if (broken_ || left.size() < sizeof(FrameHead)) {
        return std::nullopt;
    }
    const auto head = load<FrameHead>(left, 0);
    if (head.bytes > kMaxFrameBytes) {
        broken_ = true;
        return std::nullopt;
    }
    if (left.size() - sizeof(FrameHead) < head.bytes) {
        return std::nullopt;
    }
    begin_ += sizeof(FrameHead) + head.bytes;
    return Frame{static_cast<MessageType>(head.type), left.subspan(sizeof(FrameHead), head.bytes)};
}

}  // namespace kolo::proto

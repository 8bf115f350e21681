// What passes over the socket: frames, and the messages in them.
//
//     frame = { u32 bytes of the body, u16 type, u16 zero, body }
//
// Probe to collector: Hello (with the arena's descriptor), Codes, Trace, Block, Clock, TraceClosed,
// Counts, Bye. Collector to probe: Welcome or Refused, then Acks. Unknown types are stepped over.
// Both sides check every length. Plain encoding and decoding; who sends when is said in
// PROTOCOL.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/block.hpp"
#include "proto/bytes.hpp"
#include "proto/clock.hpp"
#include "proto/ids.hpp"
#include "proto/loss.hpp"
#include "proto/trace_slot.hpp"

namespace kolo::proto {

/// A hello with another number is refused; what can be added without breaking either side is a
/// feature instead.
inline constexpr std::uint32_t kProtocolVersion = 2;
/// Bits of Hello::features and Welcome::features; both sides use what both have. None is defined
/// yet.
inline constexpr std::uint64_t kFeatures = 0;

enum class MessageType : std::uint16_t {
    kHello = 1,
    kCodes = 2,
    kTrace = 3,
    kBlock = 4,
    kClock = 5,
    kTraceClosed = 6,
    kCounts = 7,
    kBye = 8,

    kWelcome = 64,
    kRefused = 65,
    kAck = 66,
};

struct FrameHead {
    std::uint32_t bytes;
    std::uint16_t type;
    std::uint16_t reserved;
};
static_assert(sizeof(FrameHead) == 8 && offsetof(FrameHead, type) == 4);

/// A longer frame is an error: the other side is not one of ours.
inline constexpr std::uint32_t kMaxFrameBytes = 1U << 20U;

/// Body of kCodes: where in the codes area the entries behind it lie.
struct CodesMessage {
    std::uint64_t offset;
};
static_assert(sizeof(CodesMessage) == 8);

/// Body of kBlock: the block's start, then `bytes` of its records from `offset` on. `bytes` may be
/// 0, to tell a changed `emitted`.
struct BlockMessage {
    BlockStart start;
    std::uint32_t offset;
    std::uint32_t bytes;
    std::uint64_t
        emitted;  // events that the ring has emitted up to here or later, dropped ones too
};
static_assert(sizeof(BlockMessage) == 80 && offsetof(BlockMessage, offset) == 64 &&
              offsetof(BlockMessage, emitted) == 72);

/// Body of kTraceClosed: no record of this trace will follow, but for ends of what still runs.
struct TraceClosedMessage {
    std::uint64_t number;
};
static_assert(sizeof(TraceClosedMessage) == 8);

/// Body of kCounts: what the arena's header counts.
struct CountsMessage {
    std::uint64_t emitted_blockless;
    std::uint64_t traces_refused;
    std::uint64_t codes_lost;
    std::uint64_t lost[kLossCounters];  // by LossReason, of no one trace (any more)
};
static_assert(sizeof(CountsMessage) == 152 && offsetof(CountsMessage, lost) == 24);

/// Body of kHello, as a msgpack map with these names as keys (unknown keys are ignored).
struct Hello {
    std::uint32_t protocol = kProtocolVersion;
    std::uint64_t features = kFeatures;
    ProcessId process;
    std::optional<ProcessId> parent;  // the process it was forked from, when that one recorded
    std::uint64_t pid = 0;            // as the process itself sees it
    std::uint64_t start_time =
        0;  // field 22 of /proc/self/stat; with pid and boot id it names a process
    std::string boot_id;
    std::string host;
    std::string python;          // "3.11.7"
    std::string implementation;  // "CPython"
    std::string version;         // the probe's
    std::optional<std::string> git_sha;
    std::vector<std::string> argv;  // redacted
    std::string cwd;
    std::vector<ClockPair> clocks;
    std::uint64_t arena_bytes = 0;  // 0: no arena comes with this hello
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// How far a ring is committed: everything before `position`.
struct RingPosition {
    RingNumber ring = RingNumber::kNone;
    Position position;
    friend bool operator==(const RingPosition&, const RingPosition&) = default;
};

/// Body of kWelcome, a msgpack map: what this store has committed of this process. All empty for a
/// new one.
struct Welcome {
    std::uint32_t protocol = kProtocolVersion;
    std::uint64_t features = kFeatures;
    std::string version;
    std::uint64_t codes_offset = 0;
    std::vector<RingPosition> rings;
    std::vector<TraceNumber> closed;  // traces whose end is committed
    friend bool operator==(const Welcome&, const Welcome&) = default;
};

enum class RefusalReason : std::uint32_t {
    kProtocol = 1,
    kBusy = 2,
    kStopping = 3,
    kNotAllowed = 4,
    kArena = 5
};

/// Body of kRefused, a msgpack map. The probe tells the user `message` once, and does not retry for
/// kProtocol, kNotAllowed and kArena.
struct Refused {
    RefusalReason reason = RefusalReason::kBusy;
    std::string message;
    friend bool operator==(const Refused&, const Refused&) = default;
};

/// Body of kAck: { u64 codes_offset, u32 rings, u32 closed, u32 flags, u32 zero, rings × {u32 ring,
/// u32 offset, u64 sequence}, closed × u64 }.
struct Ack {
    std::uint64_t codes_offset = 0;
    std::vector<RingPosition> rings;  // only those that moved
    std::vector<TraceNumber> closed;
    bool bye = false;  // everything up to the Bye is committed
    friend bool operator==(const Ack&, const Ack&) = default;
};

/// A frame of any message whose body is a plain struct, optionally followed by `tail`.
template <typename Body>
requires std::is_trivially_copyable_v<Body>
void append_frame(std::vector<std::uint8_t>& out, MessageType type, const Body& body,
                  Bytes tail = {}) {
    const FrameHead head{static_cast<std::uint32_t>(sizeof(Body) + tail.size()),
                         static_cast<std::uint16_t>(type), 0};
    const auto* head_bytes = reinterpret_cast<const std::uint8_t*>(&head);
    const auto* body_bytes = reinterpret_cast<const std::uint8_t*>(&body);
    out.insert(out.end(), head_bytes, head_bytes + sizeof head);
    out.insert(out.end(), body_bytes, body_bytes + sizeof body);
    out.insert(out.end(), tail.begin(), tail.end());
}
/// A frame without a body.
void append_frame(std::vector<std::uint8_t>& out, MessageType type);

void append_hello(std::vector<std::uint8_t>& out, const Hello& hello);
void append_welcome(std::vector<std::uint8_t>& out, const Welcome& welcome);
void append_refused(std::vector<std::uint8_t>& out, const Refused& refused);
void append_ack(std::vector<std::uint8_t>& out, const Ack& ack);

/// Bodies. Nothing when the bytes are not such a body. A Hello of another protocol decodes as far
/// as `protocol`.
[[nodiscard]] std::optional<Hello> decode_hello(Bytes body);
[[nodiscard]] std::optional<Welcome> decode_welcome(Bytes body);
[[nodiscard]] std::optional<Refused> decode_refused(Bytes body);
[[nodiscard]] std::optional<Ack> decode_ack(Bytes body);

struct Frame {
    MessageType type = MessageType::kBye;
    Bytes body;
};

/// Collects a stream's bytes and takes whole frames off its front.
class FrameBuffer {
  public:
    /// Room for at least `bytes` more; write there, then `commit` what was written.
    [[nodiscard]] MutableBytes prepare(std::size_t bytes);
    void commit(std::size_t bytes) noexcept { end_ += bytes; }

    /// The next whole frame; its body is valid until the next call of prepare(). Nothing when there
    /// is none yet, or when the stream is broken.
    [[nodiscard]] std::optional<Frame> next();
    /// A frame longer than kMaxFrameBytes was announced: nothing more can be read.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool broken_ = false;
};

}  // namespace kolo::proto

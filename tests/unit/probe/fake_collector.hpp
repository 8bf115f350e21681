// A collector for tests: a store that checks what the protocol promises, and a socket that a test
// serves step by step.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "probe/descriptor.hpp"
#include "proto/decoder.hpp"
#include "proto/messages.hpp"

namespace kolo::probe {

/// What a collector would have in its database, kept as bytes.
class FakeStore {
  public:
    struct Block {
        proto::BlockStart start{};
        std::vector<std::uint8_t> records;
    };
    struct Ring {
        std::map<proto::BlockSequence, Block> blocks;
        proto::Position position;
        std::uint64_t emitted = 0;
        bool expects_whole_block = true;
    };

    /// Takes one message. What breaks the protocol's promises is kept in `complaint`.
    void take(const proto::Frame& frame);
    [[nodiscard]] proto::Welcome welcome() const;
    [[nodiscard]] proto::Ack ack() const;
    /// A new connection begins: every ring begins with a whole block again.
    void expect_resume();

    /// All events of a ring, decoded block by block.
    [[nodiscard]] std::vector<proto::Event> events(std::uint32_t ring) const;
    [[nodiscard]] std::uint64_t starts() const;

    /// How many more records (and messages without records) will be committed; the rest is received
    /// and forgotten, as by a collector that is killed then.
    std::uint64_t commits_left = UINT64_MAX;
    std::string complaint;
    std::map<std::uint32_t, Ring> rings;
    std::map<std::uint64_t, proto::TraceImage> traces;
    std::set<std::uint64_t> closed;
    std::map<std::uint64_t, int> times_closed;
    std::vector<std::uint8_t> codes;
    std::vector<proto::ClockPair> clocks;
    proto::CountsMessage counts{};
    bool bye = false;
    std::size_t messages = 0;

  private:
    void take_block(proto::Bytes body);
    void complain(const std::string& what);
};

/// One connection, as the collector sees it. Blocking calls give up after ten seconds.
class FakeSession {
  public:
    explicit FakeSession(Descriptor socket) : socket_(std::move(socket)) {}

    /// The next frame; nothing when the other side has closed.
    [[nodiscard]] std::optional<proto::Frame> next();
    /// A frame, if one comes within `limit`.
    [[nodiscard]] std::optional<proto::Frame> next_within(std::chrono::milliseconds limit);
    /// The hello, with which the arena's descriptor must come.
    [[nodiscard]] proto::Hello greet();
    void send(const std::vector<std::uint8_t>& bytes);
    void welcome(const FakeStore& store);
    void acknowledge(const FakeStore& store);
    /// Takes messages into `store`, acknowledging each, until `done` says so or the other side
    /// closes (then: false).
    bool serve(FakeStore& store, const std::function<bool()>& done);

    [[nodiscard]] bool has_ended() const { return ended_; }
    [[nodiscard]] int arena() const { return arena_.get(); }
    void close() { socket_.close(); }

  private:
    bool receive(int timeout_ms);

    Descriptor socket_;
    Descriptor arena_;
    proto::FrameBuffer frames_;
    bool ended_ = false;
};

class FakeCollector {
  public:
    /// Listens at `path`, however long it is; what was there is unlinked.
    explicit FakeCollector(const std::string& path);
    ~FakeCollector();
    FakeCollector(const FakeCollector&) = delete;
    FakeCollector& operator=(const FakeCollector&) = delete;
    FakeCollector(FakeCollector&&) = delete;
    FakeCollector& operator=(FakeCollector&&) = delete;

    [[nodiscard]] FakeSession accept();
    /// Whether somebody connects within `limit`.
    [[nodiscard]] bool is_called_within(std::chrono::milliseconds limit) const;

  private:
    std::string path_;
    Descriptor socket_;
};

/// A folder of its own, removed with everything in it.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace kolo::probe

// The one queue between the I/O thread and the writer thread: bounded, in order.
//
// Whatever was read is taken; put() says when no more should be read, and the I/O thread then
// leaves sockets alone until `room` is called. So a slow store slows sockets down, rings fill, and
// the probe drops and counts: one place of loss. Thread-safe. Items about connections (hello, gone,
// death) are few and small; only bytes count.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "collectord/model.hpp"
#include "proto/ids.hpp"
#include "proto/messages.hpp"
#include "store/files.hpp"

namespace kolo::collectord {

struct HelloItem {
    SessionId session = SessionId::kNone;
    proto::Hello hello;
    std::uint64_t pid = 0;
};
struct BytesItem {
    SessionId session = SessionId::kNone;
    proto::ProcessId process;
    std::vector<std::uint8_t> bytes;
};
struct GoneItem {
    SessionId session = SessionId::kNone;
    proto::ProcessId process;
};
struct DeathItem {
    proto::ProcessId process;
    store::Descriptor arena;  // empty: there is none
};
using Item = std::variant<HelloItem, BytesItem, GoneItem, DeathItem>;

enum class StopLevel : std::uint8_t {
    kNo,
    kFinish,  // store what is here, then end
    kNow,     // end after the current commit
};

class Mailbox {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::size_t kMaxBytes = 32U << 20U;
    static constexpr std::size_t kMaxItems = 16'384;

    /// `room` is called on the writer's thread when reading may go on after put() has said no.
    explicit Mailbox(std::function<void()> room) : room_(std::move(room)) {}

    /// Returns false when no more should be read until `room`.
    bool put(Item item);
    void want_status();
    void stop(StopLevel level);

    struct Wake {
        bool status_wanted = false;
        StopLevel stop = StopLevel::kNo;
    };
    /// Waits for an item (when `with_items`), a wish or the deadline.
    [[nodiscard]] Wake wait(Clock::time_point deadline, bool with_items);
    [[nodiscard]] std::optional<Item> take();

    struct Load {
        std::size_t items = 0;
        std::size_t bytes = 0;
    };
    [[nodiscard]] Load load() const;

  private:
    [[nodiscard]] bool is_full() const noexcept {
        return bytes_ >= kMaxBytes || items_.size() >= kMaxItems;
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> items_;
    std::size_t bytes_ = 0;
    bool status_wanted_ = false;
    bool somebody_waits_ = false;
    StopLevel stop_ = StopLevel::kNo;
    StopLevel stop_told_ = StopLevel::kNo;
    std::function<void()> room_;
};

}  // namespace kolo::collectord

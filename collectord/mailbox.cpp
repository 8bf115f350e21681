#include "collectord/mailbox.hpp"

#include <algorithm>

namespace kolo::collectord {

namespace {

[[nodiscard]] std::size_t bytes_of(const Item& item) noexcept {
    const auto* bytes = std::get_if<BytesItem>(&item);
    return bytes != nullptr ? bytes->bytes.size() : 0;
}

}  // namespace

bool Mailbox::put(Item item) {
    bool has_room = true;
    {
        const std::lock_guard lock(mutex_);
        bytes_ += bytes_of(item);
        items_.push_back(std::move(item));
        has_room = !is_full();
        somebody_waits_ = somebody_waits_ || !has_room;
    }
    changed_.notify_one();
    return has_room;
}

void Mailbox::want_status() {
    {
        const std::lock_guard lock(mutex_);
        status_wanted_ = true;
    }
    changed_.notify_one();
}

void Mailbox::stop(StopLevel level) {
    {
        const std::lock_guard lock(mutex_);
        stop_ = std::max(stop_, level);
    }
    changed_.notify_one();
}

Mailbox::Wake Mailbox::wait(Clock::time_point deadline, bool with_items) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] {
        return status_wanted_ || stop_ != stop_told_ || (with_items && !items_.empty());
    });
    stop_told_ = stop_;
    return {std::exchange(status_wanted_, false), stop_};
}

std::optional<Item> Mailbox::take() {
    std::optional<Item> item;
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        if (items_.empty()) {
            return std::nullopt;
        }
        item = std::move(items_.front());
        items_.pop_front();
        bytes_ -= bytes_of(*item);
        tell = somebody_waits_ && bytes_ <= kMaxBytes / 2 && items_.size() <= kMaxItems / 2;
        somebody_waits_ = somebody_waits_ && !tell;
    }
    if (tell) {
        room_();
    }
    return item;
}

Mailbox::Load Mailbox::load() const {
    const std::lock_guard lock(mutex_);
    return {items_.size(), bytes_};
}

}  // namespace kolo::collectord

// Which processors a code object's events go to: kept with what else is known of the code
// (codes.hpp), made by processors.hpp. Under the GIL, as all references to Python objects; kept
// over a fork.
#pragma once

#include <cstdint>

#include "probe/owned.hpp"

namespace kolo::probe {

/// What happened to an activation, in Kolo's words (python/kolo_probe/_processors.py has them).
enum class ProcessedEvent : std::uint8_t { kCall, kReturn, kUnwind, kResume, kYield, kThrow };

/// A set of them, a bit each.
class ProcessedEvents {
  public:
    void add(ProcessedEvent event) noexcept { bits_ |= bit(event); }
    void add(ProcessedEvents others) noexcept { bits_ |= others.bits_; }
    [[nodiscard]] bool has(ProcessedEvent event) const noexcept {
        return (bits_ & bit(event)) != 0;
    }

  private:
    [[nodiscard]] static unsigned bit(ProcessedEvent event) noexcept {
        return 1U << static_cast<unsigned>(event);
    }
    unsigned bits_ = 0;
};

struct MatchingProcessors {
    Owned indices;           // a tuple of the places in the list of patterns; null: none matches
    ProcessedEvents events;  // those that at least one of them asks for
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(indices); }
};

}  // namespace kolo::probe

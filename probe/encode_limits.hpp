// How much of a value is recorded: the budgets that the configuration sets. Apart from encoder.hpp,
// so that what needs no interpreter can know the settings.
#pragma once

#include <cstdint>

namespace kolo::probe {

struct EncodeLimits {
    std::uint32_t depth = 3;        // containers and objects within each other; at most 32
    std::uint32_t items = 32;       // of one list, tuple, set or dict; at most 65 000
    std::uint32_t attributes = 24;  // of one object; at most 65 000
    std::uint32_t text = 512;       // characters of a str, bytes of a bytes
    std::uint32_t value_bytes = 4096;
    std::uint32_t event_bytes = 16384;
    std::uint32_t event_us = 100;
};

}  // namespace kolo::probe

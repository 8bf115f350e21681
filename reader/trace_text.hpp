// What list, show and node print for people. Plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reader/output.hpp"
#include "reader/recording.hpp"

namespace kolo::reader {

void print_list(const std::vector<store::TraceSummary>& traces, const Look& look, std::int64_t now,
                Output& out);

struct TreeBounds {
    std::size_t activations = 2000;  // 0: all
    std::uint32_t depth = 0;         // callers above the deepest one shown; 0: any
};
void print_tree(const Recording& recording, const TreeBounds& bounds, const Look& look,
                std::int64_t now, Output& out);

void print_activation(const Recording& recording, ActivationIndex activation, const Look& look,
                      Output& out);

}  // namespace kolo::reader

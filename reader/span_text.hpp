// The spans of a trace as lines between those of its activations. Plain, one thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reader/output.hpp"
#include "reader/recording.hpp"

namespace kolo::reader {

class SpanLines {
  public:
    SpanLines(const Recording& recording, const Look& look);

    /// The spans that began in an activation; in a default-constructed one: outside of all that are
    /// in the store. `indent` stands before each line.
    void print(const proto::ActivationId& activation, std::string_view indent, Output& out) const;

  private:
    const Recording* recording_;
    Look look_;
    std::map<proto::ActivationId, std::vector<std::size_t>> by_activation_;
};

}  // namespace kolo::reader

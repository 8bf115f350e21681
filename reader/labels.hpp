// How traces, activations, threads and codes are called in what the reader prints. Plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "reader/recording.hpp"

namespace kolo::reader {

/// "ring.ordinal"
[[nodiscard]] std::string id_text(proto::ActivationId id);

/// The words of a command line, which the store holds as JSON.
[[nodiscard]] std::string argv_text(const std::string& argv);

/// `thread 1 "MainThread" (native id 4711)`
[[nodiscard]] std::string thread_title(const Recording& recording, std::uint32_t ring);

/// "catalog/views.py:12", relative to the process's folder where it lies below it; empty for an
/// unknown code.
[[nodiscard]] std::string location_of(const Recording& recording, std::uint32_t code);

/// A path without its beginning, in up to `columns`: its end says more.
[[nodiscard]] std::string cut_front(std::string path, std::size_t columns);

}  // namespace kolo::reader

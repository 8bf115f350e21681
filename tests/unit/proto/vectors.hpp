// Reading the test vectors: bytes as hex, and their meaning as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "proto/bytes.hpp"
#include "proto/decoder.hpp"

namespace kolo::proto {

using Json = nlohmann::json;

/// What stands under `key` in a file of proto/vectors; never nothing. By value: a loop over a part
/// of a temporary would walk what is gone.
[[nodiscard]] Json load_vectors(const std::string& file, const std::string& key);

[[nodiscard]] std::vector<std::uint8_t> from_hex(const std::string& hex);
[[nodiscard]] std::string to_hex(Bytes bytes);

/// Walks `records` to their end (or to where they break) and tells the steps as the vectors do.
[[nodiscard]] Json tell_steps(Bytes records, DecoderState state);

}  // namespace kolo::proto

// Reading and writing fixed-width little-endian integers in byte buffers, without alignment or
// aliasing traps.
//
// Both ends of the socket run on one machine, and every supported one (x86-64, arm64) is
// little-endian; the assertion below refuses any other.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace kolo::proto {

static_assert(std::endian::native == std::endian::little, "the layouts are little-endian");

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// Reads a T at `offset`. The caller has checked that it lies within.
template <typename T>
requires std::is_trivially_copyable_v<T>
[[nodiscard]] inline T load(Bytes bytes, std::size_t offset) noexcept {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// Writes a T at `to`. The caller has made room.
template <typename T>
requires std::is_trivially_copyable_v<T>
inline void store(std::uint8_t* to, const T& value) noexcept {
    std::memcpy(to, &value, sizeof value);
}

[[nodiscard]] constexpr std::uint32_t align8(std::uint32_t size) noexcept {
    return (size + 7U) & ~7U;
}

}  // namespace kolo::proto

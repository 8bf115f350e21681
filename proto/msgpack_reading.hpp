// Reading small msgpack bodies from the other side of the socket: bounded, and errors as values.
//
// msgpack-cxx reports bad bytes by exceptions; they end here. Private to proto's .cpp files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <msgpack.hpp>

#include "proto/bytes.hpp"

namespace kolo::proto {

/// Bodies are flat: a map or an array with arrays in it. Each limit is far above what we send.
[[nodiscard]] inline std::optional<msgpack::object_handle> unpack_bounded(Bytes bytes) noexcept {
    constexpr std::size_t kMost = 1U << 20U;
    constexpr std::size_t kDepth = 8;
    try {
        const msgpack::unpack_limit limit(kMost, kMost, kMost, kMost, kMost, kDepth);
        std::size_t offset = 0;
        return msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset,
                               nullptr, nullptr, limit);
    } catch (...) {
        return std::nullopt;
    }
}

/// The value of `key` in a map; nothing when there is none.
[[nodiscard]] inline const msgpack::object* find(const msgpack::object& map,
                                                 std::string_view key) noexcept {
    if (map.type != msgpack::type::MAP) {
        return nullptr;
    }
    for (std::uint32_t i = 0; i < map.via.map.size; ++i) {
        const msgpack::object_kv& entry = map.via.map.ptr[i];
        if (entry.key.type == msgpack::type::STR &&
            std::string_view(entry.key.via.str.ptr, entry.key.via.str.size) == key) {
            return &entry.val;
        }
    }
    return nullptr;
}

[[nodiscard]] inline bool read(const msgpack::object* from, std::uint64_t& to) noexcept {
    if (from == nullptr || from->type != msgpack::type::POSITIVE_INTEGER) {
        return false;
    }
    to = from->via.u64;
    return true;
}

[[nodiscard]] inline bool read(const msgpack::object* from, std::uint32_t& to) noexcept {
    std::uint64_t wide = 0;
    if (!read(from, wide) || wide > 0xFFFFFFFFULL) {
        return false;
    }
    to = static_cast<std::uint32_t>(wide);
    return true;
}

[[nodiscard]] inline bool read(const msgpack::object* from, std::int64_t& to) noexcept {
    if (from == nullptr) {
        return false;
    }
    if (from->type == msgpack::type::NEGATIVE_INTEGER) {
        to = from->via.i64;
        return true;
    }
    std::uint64_t wide = 0;
    if (!read(from, wide) || wide > static_cast<std::uint64_t>(INT64_MAX)) {
        return false;
    }
    to = static_cast<std::int64_t>(wide);
    return true;
}

[[nodiscard]] inline bool read(const msgpack::object* from, std::string& to) {
    if (from == nullptr || from->type != msgpack::type::STR) {
        return false;
    }
    to.assign(from->via.str.ptr, from->via.str.size);
    return true;
}

[[nodiscard]] inline bool read(const msgpack::object* from, std::optional<std::string>& to) {
    if (from == nullptr || from->type == msgpack::type::NIL) {
        to.reset();
        return true;
    }
    return read(from, to.emplace());
}

[[nodiscard]] inline bool is_array(const msgpack::object* from) noexcept {
    return from != nullptr && from->type == msgpack::type::ARRAY;
}

}  // namespace kolo::proto

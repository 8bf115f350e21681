// Msgpack's encodings, byte by byte. Plain functions that write at a pointer and return what comes
// behind; the caller has made room (the k…Bytes say how much). Any thread; nothing allocates.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "proto/values.hpp"

namespace kolo::probe::msgpack {

inline constexpr std::uint32_t kMaxIntBytes = 9;
inline constexpr std::uint32_t kTagBytes = 3;
inline constexpr std::uint32_t kOmissionBytes = 3;
inline constexpr std::uint32_t kCountedOmissionBytes = 10;
inline constexpr std::uint32_t kMaxLengthBytes = 5;  // header of a str or bin
inline constexpr std::uint32_t kNone = 0xC0;

inline std::uint8_t* put_byte(std::uint8_t* to, std::uint32_t byte) noexcept {
    *to = static_cast<std::uint8_t>(byte);
    return to + 1;
}

/// Most significant byte first.
template <typename T>
inline std::uint8_t* put_big_endian(std::uint8_t* to, T value) noexcept {
    static_assert(std::endian::native == std::endian::little);
    if constexpr (sizeof(T) == 2) {
        value = static_cast<T>(__builtin_bswap16(value));
    } else if constexpr (sizeof(T) == 4) {
        value = static_cast<T>(__builtin_bswap32(value));
    } else if constexpr (sizeof(T) == 8) {
        value = static_cast<T>(__builtin_bswap64(value));
    }
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

inline std::uint8_t* put_uint(std::uint8_t* to, std::uint64_t value) noexcept {
    if (value < 0x80) {
        return put_byte(to, static_cast<std::uint32_t>(value));
    }
    if (value <= 0xFF) {
        return put_byte(put_byte(to, 0xCC), static_cast<std::uint32_t>(value));
    }
    if (value <= 0xFFFF) {
        return put_big_endian(put_byte(to, 0xCD), static_cast<std::uint16_t>(value));
    }
    if (value <= 0xFFFFFFFF) {
        return put_big_endian(put_byte(to, 0xCE), static_cast<std::uint32_t>(value));
    }
    return put_big_endian(put_byte(to, 0xCF), value);
}

inline std::uint8_t* put_int(std::uint8_t* to, std::int64_t value) noexcept {
    if (value >= 0) {
        return put_uint(to, static_cast<std::uint64_t>(value));
    }
    const auto bits = static_cast<std::uint64_t>(value);
    if (value >= -32) {
        return put_byte(to, static_cast<std::uint32_t>(bits & 0xFF));
    }
    if (value >= INT8_MIN) {
        return put_byte(put_byte(to, 0xD0), static_cast<std::uint32_t>(bits & 0xFF));
    }
    if (value >= INT16_MIN) {
        return put_big_endian(put_byte(to, 0xD1), static_cast<std::uint16_t>(bits));
    }
    if (value >= INT32_MIN) {
        return put_big_endian(put_byte(to, 0xD2), static_cast<std::uint32_t>(bits));
    }
    return put_big_endian(put_byte(to, 0xD3), bits);
}

inline std::uint8_t* put_double(std::uint8_t* to, double value) noexcept {
    return put_big_endian(put_byte(to, 0xCB), std::bit_cast<std::uint64_t>(value));
}

/// str and bin: the same lengths, other first bytes; bin has no short form.
enum class Body : std::uint8_t { kText, kBytes };

constexpr std::uint32_t length_bytes(Body body, std::size_t length) noexcept {
    if (body == Body::kText && length < 32) {
        return 1;
    }
    return length <= 0xFF ? 2 : (length <= 0xFFFF ? 3 : 5);
}

/// A header of `width` bytes, which may be more than length_bytes() (not the shortest form, but
/// msgpack all the same), though for text not 1 where the length does not fit.
inline std::uint8_t* put_length(std::uint8_t* to, Body body, std::size_t length,
                                std::uint32_t width) noexcept {
    const std::uint32_t first = body == Body::kText ? 0xD9 : 0xC4;
    switch (width) {
        case 1:
            return put_byte(to, 0xA0 | static_cast<std::uint32_t>(length));
        case 2:
            return put_byte(put_byte(to, first), static_cast<std::uint32_t>(length));
        case 3:
            return put_big_endian(put_byte(to, first + 1), static_cast<std::uint16_t>(length));
        default:
            return put_big_endian(put_byte(to, first + 2), static_cast<std::uint32_t>(length));
    }
}

/// Arrays and maps of at most 65 535 elements: 1 byte below 16, else 3.
enum class Shape : std::uint8_t { kArray, kMap };

constexpr std::uint32_t count_bytes(std::uint32_t count) noexcept { return count < 16 ? 1 : 3; }

/// With the width that count_bytes() gave for this or a larger count.
inline std::uint8_t* put_count(std::uint8_t* to, Shape shape, std::uint32_t count,
                               std::uint32_t width) noexcept {
    if (width == 1) {
        return put_byte(to, (shape == Shape::kArray ? 0x90U : 0x80U) | count);
    }
    return put_big_endian(put_byte(to, shape == Shape::kArray ? 0xDC : 0xDE),
                          static_cast<std::uint16_t>(count));
}

inline std::uint8_t* put_tag(std::uint8_t* to, proto::Tag tag) noexcept {
    to = put_byte(put_byte(to, 0xD4), static_cast<std::uint8_t>(proto::kTagType));
    return put_byte(to, static_cast<std::uint8_t>(tag));
}

inline std::uint8_t* put_omission(std::uint8_t* to, proto::Omitted reason) noexcept {
    to = put_byte(put_byte(to, 0xD4), static_cast<std::uint8_t>(proto::kOmittedType));
    return put_byte(to, static_cast<std::uint8_t>(reason));
}

inline std::uint8_t* put_counted_omission(std::uint8_t* to, proto::Omitted reason,
                                          std::uint64_t count) noexcept {
    to = put_byte(put_byte(to, 0xD7), static_cast<std::uint8_t>(proto::kOmittedType));
    const std::uint64_t word = static_cast<std::uint64_t>(reason) | count << 8U;
    std::memcpy(to, &word, sizeof word);  // little-endian, as proto/values.hpp says
    return to + sizeof word;
}

}  // namespace kolo::probe::msgpack

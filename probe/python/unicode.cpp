#include "probe/python/unicode.hpp"

#include <algorithm>
#include <cstring>

namespace kolo::probe {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

constexpr bool is_surrogate(std::uint32_t character) noexcept {
    return character >= 0xD800 && character <= 0xDFFF;
}

constexpr std::size_t utf8_bytes(std::uint32_t character) noexcept {
    return 1U + (character >= 0x80 ? 1U : 0U) + (character >= 0x800 ? 1U : 0U) +
           (character >= 0x10000 ? 1U : 0U);
}

std::uint8_t* put(std::uint8_t* to, std::uint32_t character, std::size_t bytes) noexcept {
    const auto continuation = [character](unsigned shift) noexcept {
        return static_cast<std::uint8_t>(0x80U | ((character >> shift) & 0x3FU));
    };
    switch (bytes) {
        case 1:
            *to++ = static_cast<std::uint8_t>(character);
            break;
        case 2:
            *to++ = static_cast<std::uint8_t>(0xC0U | (character >> 6U));
            *to++ = continuation(0);
            break;
        case 3:
            *to++ = static_cast<std::uint8_t>(0xE0U | (character >> 12U));
            *to++ = continuation(6);
            *to++ = continuation(0);
            break;
        default:
            *to++ = static_cast<std::uint8_t>(0xF0U | (character >> 18U));
            *to++ = continuation(12);
            *to++ = continuation(6);
            *to++ = continuation(0);
            break;
    }
    return to;
}

template <typename Unit>
Utf8Size size_of(const Unit* units, std::size_t count) noexcept {
    Utf8Size size;
    for (std::size_t i = 0; i < count; ++i) {
        size.bytes += utf8_bytes(units[i]);
        size.has_surrogates |= is_surrogate(units[i]);
    }
    return size;
}

template <typename Unit>
Utf8Written write(const Unit* units, std::size_t count, Surrogates surrogates, std::uint8_t* to,
                  std::size_t room) noexcept {
    std::uint8_t* at = to;
    std::size_t i = 0;
    for (; i < count; ++i) {
        std::uint32_t character = units[i];
        if (surrogates == Surrogates::kReplace && is_surrogate(character)) {
            character = kReplacement;
        }
        const std::size_t bytes = utf8_bytes(character);
        if (static_cast<std::size_t>(at - to) + bytes > room) {
            break;
        }
        at = put(at, character, bytes);
    }
    return {i, static_cast<std::size_t>(at - to)};
}

}  // namespace

Utf8Size utf8_size(const Characters& characters, std::size_t count) noexcept {
    if (characters.is_ascii) {
        return {count, false};
    }
    switch (characters.width) {
        case 1:
            return size_of(static_cast<const std::uint8_t*>(characters.data), count);
        case 2:
            return size_of(static_cast<const std::uint16_t*>(characters.data), count);
        default:
            return size_of(static_cast<const std::uint32_t*>(characters.data), count);
    }
}

Utf8Written write_utf8(const Characters& characters, std::size_t count, Surrogates surrogates,
                       std::uint8_t* to, std::size_t room) noexcept {
    if (characters.is_ascii) {
        const std::size_t bytes = std::min(count, room);
        if (bytes > 0) {
            std::memcpy(to, characters.data, bytes);
        }
        return {bytes, bytes};
    }
    switch (characters.width) {
        case 1:
            return write(static_cast<const std::uint8_t*>(characters.data), count, surrogates, to,
                         room);
        case 2:
            return write(static_cast<const std::uint16_t*>(characters.data), count, surrogates, to,
                         room);
        default:
            return write(static_cast<const std::uint32_t*>(characters.data), count, surrogates, to,
                         room);
    }
}

}  // namespace kolo::probe

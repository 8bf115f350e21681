// How Python values stand in msgpack: plain msgpack for what msgpack has, two extension types for
// the rest.
//
// Written by the probe's encoder (on the recording thread), read by the reader. PROTOCOL.md,
// "Values", is the specification.
//
//   * None, bool, int (64 bits), float, str, bytes, list, dict: as msgpack has them (dict keys of
//   any kind).
//   * A tagged array is an array whose first element is a Tag (fixext 1, type kTagType): tuple,
//   set, object …
//   * An omission (fixext 1 or fixext 8, type kOmittedType) stands where something was left out:
//   the reason, and,
//     in fixext 8, in the other seven bytes how many (little-endian). As a list's last element, or
//     as a map's last key (with nil for its value), it stands for the items that are missing there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kolo::proto {

inline constexpr std::int8_t kTagType = 1;
inline constexpr std::int8_t kOmittedType = 2;

/// First element of a tagged array, and what follows it.
enum class Tag : std::uint8_t {
    kTuple = 1,      // items…
    kSet = 2,        // items…
    kFrozenSet = 3,  // items…
    kObject = 4,     // type name, map of attributes (absent where none can be read)
    kBigInt = 5,     // bytes, big-endian two's complement
    kComplex = 6,    // real, imaginary
    kByteArray = 7,  // bytes
    kText = 8,       // a cut str: the text's beginning, number of characters in all
    kBytes = 9,      // a cut bytes or bytearray: its beginning, number of bytes in all
    kSurrogates =
        10,  // a str with lone surrogates: bytes, UTF-8 with surrogates encoded as three bytes each
    kType = 11,       // a class: "module.Name"
    kFunction = 12,   // a function, method or builtin: "module.qualname"
    kModule = 13,     // a module: its name
    kDateTime = 14,   // year, month, day, hour, minute, second, microsecond, fold, time zone's type
                      // name or nil
    kDate = 15,       // year, month, day
    kTime = 16,       // hour, minute, second, microsecond, fold, time zone's type name or nil
    kTimeDelta = 17,  // days, seconds, microseconds
    kDecimal = 18,    // text
    kUuid = 19,       // 16 bytes, big-endian
    kSubclass = 20,  // an instance of a builtin's subclass, a deque, a mappingproxy: type name, the
                     // builtin's (deque: a list's) content
    kException = 21,  // type name, args (array), line or nil, attributes (map) or nil, cause or
                      // nil, context or nil; the last ones absent where they would be nil
    kEnum = 22,       // type name, member's name or nil, its value
    kPath = 23,       // type name, text
    kRepr = 24,       // type name, what the object's own __repr__ gave (the user asked for it)
};
inline constexpr std::array<std::string_view, 25> kTagNames = {
    "",          "tuple", "set",   "frozenset", "object",  "int",      "complex",
    "bytearray", "str",   "bytes", "str",       "type",    "function", "module",
    "datetime",  "date",  "time",  "timedelta", "Decimal", "UUID",     "subclass",
    "exception", "enum",  "path",  "repr",
};

/// Why something was left out.
enum class Omitted : std::uint8_t {
    kItems = 1,        // over max_items; counted
    kAttributes = 2,   // over max_attributes; counted
    kDepth = 3,        // nested deeper than max_depth
    kBytes = 4,        // over max_value_bytes or max_event_bytes
    kTime = 5,         // over max_event_us
    kRedacted = 6,     // its name is on the redaction list
    kCycle = 7,        // contains itself
    kUnbound = 8,      // a variable without a value
    kChanged = 9,      // the container changed while it was read
    kUnreadable = 10,  // could not be encoded
    kRingFull = 11,    // no room in the ring for the value; its event was kept
    kUnchanged = 12,   // a variable that still holds the argument it was called with, which cannot
                       // have changed
    kReprFailed = 13,  // its __repr__ raised
    kReprSlow = 14,    // its __repr__ took longer than repr.max_us: no longer called for its type
};
inline constexpr std::array<std::string_view, 15> kOmittedNames = {
    "",           "items",     "attributes", "depth",       "bytes",
    "time",       "redacted",  "cycle",      "unbound",     "changed",
    "unreadable", "ring_full", "unchanged",  "repr_failed", "repr_slow",
};

}  // namespace kolo::proto

// Which builtin or standard class an object is of or derives from, and the content of datetime,
// Decimal and UUID read from memory.
//
// For the encoder, on recording threads, with the GIL held. Runs no code, imports nothing (what no
// one has imported cannot have instances), allocates nothing.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace kolo::probe {

enum class StdlibKind : std::uint8_t {
    kNone,
    kDateTime,
    kDate,
    kTime,
    kTimeDelta,
    kDecimal,
    kUuid,
};

/// Which of them `type` is itself (not a subclass).
[[nodiscard]] StdlibKind stdlib_kind(PyTypeObject* type) noexcept;

/// The builtin class, or the one of the above, that `type` derives from and whose structure its
/// instances begin with: int, float, complex, str, bytes, bytearray, tuple, list, dict, set,
/// frozenset, module, datetime, Decimal …; null when there is none.
[[nodiscard]] PyTypeObject* builtin_base(PyTypeObject* type) noexcept;

/// The fields that proto::Tag lists for kDateTime, kDate, kTime and kTimeDelta.
struct TimeFields {
    std::int32_t values[8];
    std::uint8_t count;
    bool has_zone;   // whether the kind has one at all
    PyObject* zone;  // borrowed; null when naive
};
[[nodiscard]] TimeFields time_fields(PyObject* object, StdlibKind kind) noexcept;

/// A Decimal as str() writes it. Returns its bytes; 0 when it does not fit.
[[nodiscard]] std::size_t write_decimal(PyObject* object, std::span<char> to) noexcept;

/// A UUID's 16 bytes, big-endian. False when its `int` cannot be read.
[[nodiscard]] bool read_uuid(PyObject* object, std::span<std::uint8_t, 16> to) noexcept;

}  // namespace kolo::probe

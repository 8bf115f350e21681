// Which builtin or standard class an object is of or derives from, and the content of datetime,
// Decimal, UUID, Enum members, deque and mappingproxy read from memory.
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
    kEnum,          // any class of members
    kPath,          // any class that derives from pathlib.PurePath
    kDeque,         // or a subclass
    kMappingProxy,  // of a dict
};

/// Which of them `type` is itself (not a subclass, where nothing else is said).
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

/// A member of an Enum: what Enum.name and Enum.value give. `name` is null for a combination of
/// flags that has none; `value` is null while the member is still being made. Borrowed.
struct EnumMember {
    PyObject* name = nullptr;
    PyObject* value = nullptr;
};
[[nodiscard]] EnumMember enum_member(PyObject* object) noexcept;

/// The items of a deque, from the left.
class DequeItems {
  public:
    explicit DequeItems(PyObject* deque) noexcept;
    /// Borrowed; null behind the last one.
    PyObject* next() noexcept;
    [[nodiscard]] std::size_t count() const noexcept { return left_; }

  private:
    const void* block_;
    std::size_t index_;
    std::size_t left_;
};

/// The dict that a mappingproxy shows; borrowed, null where it shows something else.
[[nodiscard]] PyObject* proxied_dict(PyObject* proxy) noexcept;

/// What stands in the slot `name` that the class `type` made in Python declares; borrowed, null
/// where there is no such slot or nothing in it.
[[nodiscard]] PyObject* slot_value(PyObject* object, PyTypeObject* type, const char* name) noexcept;

}  // namespace kolo::probe

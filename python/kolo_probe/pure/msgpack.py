"""As much of msgpack as the protocol needs: writing of plain data, and reading of what a collector sends.

The package depends on no msgpack library: a traced program may have one of its own, of any version.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 16

_DOUBLE = struct.Struct(">Bd").pack
_U16 = struct.Struct(">BH").pack
_U32 = struct.Struct(">BI").pack
_U64 = struct.Struct(">BQ").pack
_I16 = struct.Struct(">Bh").pack
_I32 = struct.Struct(">Bi").pack
_I64 = struct.Struct(">Bq").pack

NIL = b"\xc0"
TRUE = b"\xc3"
FALSE = b"\xc2"


class BrokenError(ValueError):
    """The bytes are not what they should be."""


def integer(value: int) -> bytes:
    """An int from -2**63 to 2**64 - 1."""
    if value >= 0:
        if value < 0x80:
            return bytes((value,))
        if value < 0x100:
            return bytes((0xCC, value))
        if value < 0x10000:
            return _U16(0xCD, value)
        return _U32(0xCE, value) if value < 0x100000000 else _U64(0xCF, value)
    if value >= -0x20:
        return bytes((value & 0xFF,))
    if value >= -0x80:
        return bytes((0xD0, value & 0xFF))
    if value >= -0x8000:
        return _I16(0xD1, value)
    return _I32(0xD2, value) if value >= -0x80000000 else _I64(0xD3, value)


def double(value: float) -> bytes:
    return _DOUBLE(0xCB, value)


def text(utf_8: bytes) -> bytes:
    """A str, of its UTF-8."""
    length = len(utf_8)
    if length < 32:
        return bytes((0xA0 | length,)) + utf_8
    if length < 0x100:
        return bytes((0xD9, length)) + utf_8
    return (_U16(0xDA, length) if length < 0x10000 else _U32(0xDB, length)) + utf_8


def binary(data: bytes) -> bytes:
    length = len(data)
    if length < 0x100:
        return bytes((0xC4, length)) + data
    return (_U16(0xC5, length) if length < 0x10000 else _U32(0xC6, length)) + data


def array(count: int) -> bytes:
    """The header of an array; its elements follow."""
    if count < 16:
        return bytes((0x90 | count,))
    return _U16(0xDC, count) if count < 0x10000 else _U32(0xDD, count)


def mapping(count: int) -> bytes:
    """The header of a map of `count` pairs; they follow."""
    if count < 16:
        return bytes((0x80 | count,))
    return _U16(0xDE, count) if count < 0x10000 else _U32(0xDF, count)


def packed(value: Any) -> bytes:
    """Plain data: None, bool, int, float, str, bytes, list, tuple, dict."""
    if value is None:
        return NIL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return double(value)
    if isinstance(value, str):
        return text(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return binary(value)
    if isinstance(value, (list, tuple)):
        return array(len(value)) + b"".join(map(packed, value))
    items = (packed(key) + packed(item) for key, item in value.items())
    return mapping(len(value)) + b"".join(items)


def unpacked(data: bytes) -> Any:
    """One whole value; BrokenError where it is none. Extension types are read as None."""
    try:
        value, end = _read(data, 0, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise BrokenError(str(error)) from None
    if end != len(data):
        raise BrokenError("bytes are left over")
    return value


# First byte: format of the number or length that follows it.
_NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
            0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}  # fmt: skip
_LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xC7: ">B", 0xC8: ">H", 0xC9: ">I",
            0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise BrokenError("nested too deeply")
    first = data[at]
    at += 1
    if first < 0x80 or first >= 0xE0:
        return (first if first < 0x80 else first - 0x100), at
    if first < 0x90:
        return _read_map(data, at, first & 15, depth)
    if first < 0xA0:
        return _read_array(data, at, first & 15, depth)
    if first < 0xC0:
        return _read_body(data, at, first & 31).decode("utf-8"), at + (first & 31)
    if first in _CONSTANTS:
        return _CONSTANTS[first], at
    if first in _NUMBERS:
        form = _NUMBERS[first]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    if 0xD4 <= first <= 0xD8:
        length = 1 + (1 << (first - 0xD4))
        _read_body(data, at, length)
        return None, at + length
    if first not in _LENGTHS:
        raise BrokenError("no msgpack")
    (length,) = struct.unpack_from(_LENGTHS[first], data, at)
    at += struct.calcsize(_LENGTHS[first])
    if first >= 0xDE:
        return _read_map(data, at, length, depth)
    if first >= 0xDC:
        return _read_array(data, at, length, depth)
    if 0xC7 <= first <= 0xC9:
        _read_body(data, at, length + 1)
        return None, at + length + 1
    body = _read_body(data, at, length)
    return (body.decode("utf-8") if first >= 0xD9 else body), at + length


def _read_body(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise BrokenError("cut off")
    return data[at : at + length]


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
    found = {}
    for _ in range(count):
        key, at = _read(data, at, depth + 1)
        found[key], at = _read(data, at, depth + 1)
    return found, at

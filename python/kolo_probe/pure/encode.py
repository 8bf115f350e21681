"""How each kind of value becomes bytes: the encoder's dispatch, numbers, text and names."""

from __future__ import annotations

import types

from kolo_probe.pure import msgpack
from kolo_probe.pure.containers import dict_, items, object_, subclass, write_tag
from kolo_probe.pure.encoder import Encoder
from kolo_probe.pure.exceptions import exception_alone, exception_chain
from kolo_probe.pure.layout import (
    BIG_INT,
    COMPLEX,
    FROZENSET,
    FUNCTION,
    MODULE,
    REPR,
    SET,
    TUPLE,
    TYPE,
    tag,
)
from kolo_probe.pure.objects import derives, function_name, module_name, mro_of, type_name
from kolo_probe.pure.standard import standard, standard_base, standard_kind
from kolo_probe.pure.text import any_text, data, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BASES = (int, str, dict, list, tuple, bytes)
_OTHER_BASES = (float, complex, set, frozenset, bytearray, types.ModuleType)


class ValueEncoder(Encoder):
    __slots__ = ()

    def encode(self, value: Any) -> bool:
        if not self.has_time():
            return False
        encode = _EXACT.get(id(type(value)))
        return encode(self, value) if encode is not None else _other(self, value)

    def encode_raised(self, exception: BaseException, line: int) -> bool:
        return exception_chain(self, exception, line)


def _nothing(to: Encoder, _: None) -> bool:
    return to.write(msgpack.NIL)


def _boolean(to: Encoder, value: bool) -> bool:
    return to.write(msgpack.TRUE if value else msgpack.FALSE)


def integer(to: Encoder, value: int) -> bool:
    size = int.bit_length(value)
    if size < 64 or (size == 64 and int.__gt__(value, 0)):
        return to.write(msgpack.integer(int.__index__(value)))
    if value == -(1 << 63):
        return to.write(msgpack.integer(-(1 << 63)))
    length = size // 8 + 1
    if not to.fits(1 + 3 + 5 + length):
        return False
    digits = int.to_bytes(value, length, "big", signed=True)
    to.out += msgpack.array(2) + tag(BIG_INT) + msgpack.binary(digits)
    return True


def _number(to: Encoder, value: float) -> bool:
    return to.write(msgpack.double(float.__float__(value)))


def _complex(to: Encoder, value: complex) -> bool:
    real, imaginary = complex.real.__get__(value), complex.imag.__get__(value)
    return to.write(msgpack.array(3) + tag(COMPLEX) + msgpack.double(real) + msgpack.double(imaginary))


def _bytes(to: Encoder, value: bytes) -> bool:
    return data(to, value, is_array=False)


def _bytearray(to: Encoder, value: bytearray) -> bool:
    return data(to, value, is_array=True)


def _list(to: Encoder, value: list[Any]) -> bool:
    return items(to, value, list.__len__(value), list.__iter__(value), is_sequence=True)


def _tuple(to: Encoder, value: tuple[Any, ...]) -> bool:
    return items(to, value, tuple.__len__(value), tuple.__iter__(value), kind=TUPLE, is_sequence=True)


def _set(to: Encoder, value: set[Any]) -> bool:
    return items(to, value, set.__len__(value), set.__iter__(value), kind=SET)


def _frozenset(to: Encoder, value: frozenset[Any]) -> bool:
    return items(to, value, frozenset.__len__(value), frozenset.__iter__(value), kind=FROZENSET)


def _class(to: Encoder, value: type) -> bool:
    return write_tag(to, 2, TYPE) and name(to, type_name(value))


def _module(to: Encoder, value: types.ModuleType) -> bool:
    return write_tag(to, 2, MODULE) and name(to, module_name(value))


_BUILTINS: dict[type, Callable[[Any, Any], bool]] = {
    str: any_text, int: integer, type(None): _nothing, bool: _boolean, float: _number, dict: dict_,
    list: _list, tuple: _tuple, bytes: _bytes, set: _set, frozenset: _frozenset, bytearray: _bytearray,
    complex: _complex, type: _class, types.ModuleType: _module,
}  # fmt: skip
# By address: a metaclass may have a __hash__ and an __eq__ of its own.
_EXACT = {id(kind): encode for kind, encode in _BUILTINS.items()}


def _other(to: Encoder, value: Any) -> bool:
    cls = type(value)
    if derives(cls, type):
        return _class(to, value)
    if to.reprs is not None:
        told = to.reprs.of_named(value)
        if told is not None:
            return _repr(to, cls, told)
    if derives(cls, BaseException):
        return exception_alone(to, value, 0, 0)
    named = function_name(value)
    if named is not None:
        return write_tag(to, 2, FUNCTION) and name(to, named)
    kind = standard_kind(cls)
    if kind is not None:
        answer = standard(to, value, kind)
        if answer is not None:
            return answer
    base = _base_of(cls)
    if base is types.ModuleType:
        return _module(to, value)
    if base is not None:
        return subclass(to, value, lambda: _content(to, value, base))
    if to.reprs is not None:
        told = to.reprs.of_any(value)
        if told is not None:
            return _repr(to, cls, told)
    return object_(to, value)


def _base_of(cls: type) -> Any:
    """The builtin class, or one of the standard library's, whose structure its instances begin with."""
    bases = mro_of(cls)
    for base in _BASES:
        if any(one is base for one in bases):
            return base
    for one in bases:
        if any(one is base for base in _OTHER_BASES) or standard_base(one):
            return one
    return None


def _content(to: Encoder, value: Any, base: Any) -> bool:
    if base is tuple:
        from kolo_probe.pure.containers import field_names

        names = field_names(type(value), tuple.__len__(value))
        return items(
            to, value, tuple.__len__(value), tuple.__iter__(value), kind=TUPLE, is_sequence=True, names=names
        )
    encode = _EXACT.get(id(base))
    if encode is not None:
        return encode(to, value)
    kind = standard_kind(base)
    assert kind is not None
    return bool(standard(to, value, kind))


def _repr(to: Encoder, cls: type, told: Any) -> bool:
    if not (write_tag(to, 3, REPR) and name(to, type_name(cls))):
        return False
    return any_text(to, told) if type(told) is str else to.marker(told)

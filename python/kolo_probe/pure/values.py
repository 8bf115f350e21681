"""The payloads of records: arguments, results, exceptions and locals, encoded."""

from __future__ import annotations

import opcode

from kolo_probe.pure.encode import ValueEncoder
from kolo_probe.pure.exits import UNWIND, YIELD
from kolo_probe.pure.layout import UNBOUND, UNCHANGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.process import Configuration

_MISSING = object()
# Types whose exact instances hold no other object, and never change.
_IMMUTABLE = frozenset(id(one) for one in (int, str, bool, float, bytes, type(None), complex))
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_STORES = {
    opcode.opmap[name]
    for name in ("STORE_FAST", "DELETE_FAST", "LOAD_FAST_AND_CLEAR")
    if name in opcode.opmap
}
_STORE_STORE = opcode.opmap.get("STORE_FAST_STORE_FAST", -1)
_STORE_LOAD = opcode.opmap.get("STORE_FAST_LOAD_FAST", -1)


def arguments(frame: FrameType, info: CodeInfo, configuration: Configuration) -> bytes:
    to = _encoder(configuration)
    variables: Any = frame.f_locals
    to.begin_array(info.argument_count)
    for name, is_secret in zip(info.names[: info.argument_count], info.secrets):
        _variable(to, variables, name, is_secret)
    return bytes(to.out)


def thrown(exception: BaseException, configuration: Configuration) -> bytes:
    to = _encoder(configuration)
    to.exception(exception, 0)
    return bytes(to.out)


def outcome(frame: FrameType, info: CodeInfo, how: str, value: Any, configuration: Configuration) -> bytes:
    """Which exception leaves a frame a profile function is not told."""
    to = _encoder(configuration)
    has_locals = configuration.has_locals and how != YIELD and info.names
    if how == UNWIND:
        if not has_locals:
            return b""
        to.none()
    elif info.result_is_secret:
        to.redacted()
    else:
        to.value(value)
    if has_locals:
        _locals(to, frame, info)
    return bytes(to.out)


def told(parts: tuple[Any, ...], configuration: Configuration) -> bytes:
    """What a processor tells: texts, and a map."""
    to = ValueEncoder(configuration.span_limits, configuration.redaction)
    to.begin_array(len(parts))
    for part in parts:
        to.value(part)
    return bytes(to.out)


def _encoder(configuration: Configuration) -> ValueEncoder:
    return ValueEncoder(configuration.limits, configuration.redaction)


def _locals(to: ValueEncoder, frame: FrameType, info: CodeInfo) -> None:
    """Arguments that still are what they were are not encoded again."""
    variables: Any = frame.f_locals
    if info.is_all_fixed and all(_is_unchanged(variables, info, index) for index in range(len(info.names))):
        to.omitted(UNCHANGED)
        return
    to.begin_array(len(info.names))
    for index, (name, is_secret) in enumerate(zip(info.names, info.secrets)):
        if not is_secret and _is_unchanged(variables, info, index):
            to.omitted(UNCHANGED)
        else:
            _variable(to, variables, name, is_secret)


def _is_unchanged(variables: Any, info: CodeInfo, index: int) -> bool:
    return index in info.fixed and id(type(variables.get(info.names[index], _MISSING))) in _IMMUTABLE


def _variable(to: ValueEncoder, variables: Any, name: str, is_secret: bool) -> None:
    value = variables.get(name, _MISSING)
    if value is _MISSING:
        to.omitted(UNBOUND)
    elif is_secret:
        to.redacted()
    else:
        to.value(value)


def fixed_arguments(code: CodeType, count: int) -> frozenset[int]:
    """Those that are never assigned. One in a cell may be, by a function that closes over it."""
    fixed = {index for index in range(count) if code.co_varnames[index] not in code.co_cellvars}
    units, extension = code.co_code, 0
    for at in range(0, len(units) - 1, 2):
        kind, argument = units[at], extension | units[at + 1]
        extension = argument << 8 if kind == _EXTENDED_ARG else 0
        if kind in _STORES:
            fixed.discard(argument)
        elif kind == _STORE_STORE:
            fixed -= {argument & 15, argument >> 4}
        elif kind == _STORE_LOAD:
            fixed.discard(argument >> 4)
    return frozenset(fixed)

"""The standard library's values: times, Decimal, UUID, members of an Enum, paths, deque, mappingproxy.

Imports none of their modules: what nobody has imported cannot have instances.
"""

from __future__ import annotations

import sys
import types

from kolo_probe.pure import msgpack
from kolo_probe.pure.containers import dict_, items, write_tag
from kolo_probe.pure.encoder import MOST_DEPTH
from kolo_probe.pure.layout import (
    BYTES,
    CYCLE,
    DATE,
    DATETIME,
    DECIMAL,
    DEPTH,
    ENUM,
    PATH,
    REDACTED,
    SUBCLASS,
    TIME,
    TIMEDELTA,
    UNREADABLE,
    UUID,
)
from kolo_probe.pure.objects import attributes_of, derives, slots_of, type_name
from kolo_probe.pure.text import any_text, is_secret_name, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.encoder import Encoder

_DAY = ("year", "month", "day")
_CLOCK = ("hour", "minute", "second", "microsecond", "fold")
_TIMES = {
    "datetime": (DATETIME, _DAY + _CLOCK, True),
    "date": (DATE, _DAY, False),
    "time": (TIME, _CLOCK, True),
    "timedelta": (TIMEDELTA, ("days", "seconds", "microseconds"), False),
}
_MOST_DECIMAL_BYTES = 600
_MOST_DIGITS = 512


def _class(module: str, name: str) -> Any:
    """A class of a module that is imported already, or None."""
    found = sys.modules.get(module)
    return found.__dict__.get(name) if type(found) is types.ModuleType else None


def standard_base(cls: type) -> bool:
    """Whether instances of its subclasses have its content; a UUID's is a slot, which they show."""
    return standard_kind(cls) in ("datetime", "date", "time", "timedelta", "Decimal")


def standard_kind(cls: type) -> str | None:
    """Which of them `cls` is itself; an Enum, a path or a deque also when it only derives from one."""
    for kind in _TIMES:
        if cls is _class("datetime", kind):
            return kind
    if cls is _class("decimal", "Decimal"):
        return "Decimal"
    if cls is _class("uuid", "UUID"):
        return "UUID"
    if cls is types.MappingProxyType:
        return "mappingproxy"
    maker = _class("enum", "EnumMeta")
    if maker is not None and derives(type(cls), maker):
        return "enum"
    path = _class("pathlib", "PurePath")
    if path is not None and derives(cls, path):
        return "path"
    deque = _class("collections", "deque")
    return "deque" if deque is not None and derives(cls, deque) else None


def standard(to: Encoder, value: Any, kind: str) -> bool | None:
    """None: it is not what its class promised, and to be shown as any other object."""
    if kind in _TIMES:
        return _time(to, value, kind)
    answer: bool | None = _WRITERS[kind](to, value)
    return answer


def _time(to: Encoder, value: Any, kind: str) -> bool:
    number, fields, has_zone = _TIMES[kind]
    base = _class("datetime", kind)
    if not to.fits(4 + 5 * len(fields) + 1):
        return False
    to.out += msgpack.array(1 + len(fields) + has_zone) + msgpack_tag(number)
    for field in fields:
        to.out += msgpack.integer(getattr(base, field).__get__(value))
    if not has_zone:
        return True
    zone = base.tzinfo.__get__(value)
    if zone is None:
        to.out += msgpack.NIL
        return True
    return name(to, type_name(type(zone)))


def msgpack_tag(number: int) -> bytes:
    return bytes((0xD4, 1, number))


def _decimal(to: Encoder, value: Any) -> bool:
    base = _class("decimal", "Decimal")
    if base.__sizeof__(value) > 104 + _MOST_DECIMAL_BYTES:
        return to.marker(BYTES)
    text = base.__str__(value)
    digits = text.partition("E")[0].lstrip("-").replace(".", "").lstrip("0")
    if len(text) > _MOST_DECIMAL_BYTES or len(digits) > _MOST_DIGITS:
        return to.marker(BYTES)
    return write_tag(to, 2, DECIMAL) and to.write(msgpack.text(text.encode()))


def _uuid(to: Encoder, value: Any) -> bool:
    number = dict(slots_of(value)[0]).get("int")
    if type(number) is not int or not 0 <= number < 1 << 128:
        return to.marker(UNREADABLE)
    return to.write(msgpack.array(2) + msgpack_tag(UUID) + msgpack.binary(number.to_bytes(16, "big")))


def _enum(to: Encoder, value: Any) -> bool | None:
    """A member's value is nearly always an int or a str, which take no depth."""
    _, pairs = attributes_of(value) or (0, iter(()))
    found = {key: item for key, item in pairs if type(key) is str and key in ("_value_", "_name_")}
    if "_value_" not in found:
        return None
    if id(value) in to.path:
        return to.marker(CYCLE)
    if not (write_tag(to, 4, ENUM) and name(to, type_name(type(value)))):
        return False
    member: Any = found.get("_name_")
    is_named = member is not None and issubclass(type(member), str)
    if not (any_text(to, member) if is_named else to.write(msgpack.NIL)):
        return False
    if is_named and is_secret_name(to, member):
        return to.marker(REDACTED)
    content = found["_value_"]
    if type(content) is int or type(content) is str:
        return to.encode(content)
    if len(to.path) >= MOST_DEPTH:
        return to.marker(DEPTH)
    to.path.append(id(value))
    is_whole = to.encode(content)
    to.path.pop()
    return is_whole


def _path(to: Encoder, value: Any) -> bool:
    if not (write_tag(to, 3, PATH) and name(to, type_name(type(value)))):
        return False
    text = path_text(value)
    return to.marker(UNREADABLE) if text is None else any_text(to, text)


def path_text(value: Any) -> str | None:
    """What str() gives of a path, from its slots: str() itself would keep the text in it."""
    found = dict(slots_of(value)[0])
    known = found.get("_str")
    if type(known) is str:
        return known
    separator = "\\" if _derives_from_windows(type(value)) else "/"
    parts = found.get("_parts")
    if type(parts) is list:  # before 3.12
        drive, root = found.get("_drv", ""), found.get("_root", "")
        rest = separator.join(parts[1:] if drive or root else parts)
        return f"{drive}{root}{rest}" or "."
    raw = found.get("_raw_paths")
    if type(raw) is not list or not all(type(part) is str for part in raw):
        return None
    import ntpath
    import posixpath

    module: Any = ntpath if separator == "\\" else posixpath
    joined = module.join(*raw) if raw else ""
    if separator == "\\":
        joined = joined.replace("/", separator)
    drive, root, rest = module.splitroot(joined)
    kept = [part for part in rest.split(separator) if part and part != "."]
    return f"{drive}{root}{separator.join(kept)}" or "."


def _derives_from_windows(cls: type) -> bool:
    windows = _class("pathlib", "PureWindowsPath")
    return windows is not None and derives(cls, windows)


def _deque(to: Encoder, value: Any) -> bool:
    deque = _class("collections", "deque")
    if not (write_tag(to, 3, SUBCLASS) and name(to, type_name(type(value)))):
        return False
    return items(to, value, deque.__len__(value), deque.__iter__(value), is_sequence=True)


def _mapping_proxy(to: Encoder, value: Any) -> bool | None:
    """Its mapping has no name: a copy is made of what it shows, which calls nothing where that is a dict."""
    import gc

    shown = gc.get_referents(value) if sys.implementation.name != "pypy" else []
    if len(shown) != 1 or not derives(type(shown[0]), dict):
        return None
    return write_tag(to, 3, SUBCLASS) and name(to, type_name(type(value))) and dict_(to, shown[0])


_WRITERS: dict[str, Any] = {
    "Decimal": _decimal, "UUID": _uuid, "enum": _enum, "path": _path, "deque": _deque,
    "mappingproxy": _mapping_proxy,
}  # fmt: skip

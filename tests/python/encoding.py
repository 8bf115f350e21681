"""What the encoder makes of a value, in Python: for the tests of values and of redaction.

`encoded` gives what a reader would see: plain values as themselves, a tagged array as a tuple that begins
with a Tag, an omission as an Omitted.
"""

from __future__ import annotations

import dataclasses

import msgpack

from kolo_probe import _probe
from kolo_probe.pure import probe

LIMITS = {
    "max_depth": 3,
    "max_items": 32,
    "max_attributes": 24,
    "max_text": 512,
    "max_value_bytes": 4096,
    "max_event_bytes": 16384,
    "max_event_us": 1_000_000,
}
TAGS = (
    *(
        "",
        "tuple",
        "set",
        "frozenset",
        "object",
        "int",
        "complex",
        "bytearray",
        "text",
        "bytes",
        "surrogates",
    ),
    *("type", "function", "module", "datetime", "date", "time", "timedelta", "Decimal", "UUID", "subclass"),
    *("exception", "enum", "path", "repr"),
)
REASONS = (
    *("", "items", "attributes", "depth", "bytes", "time", "redacted", "cycle", "unbound", "changed"),
    *("unreadable", "ring_full", "unchanged", "repr_failed", "repr_slow"),
)


ENCODERS = {"native": _probe.encode_value, "pure": probe.encode_value}
encoder = "native"  # see the fixture each_encoder


def encode_value(value, name="", limits=LIMITS):
    """By the native module and by the probe in Python: what is tested with it holds for both."""
    return ENCODERS[encoder](value, name, limits)


class Tag(str):
    __slots__ = ()


@dataclasses.dataclass(frozen=True)
class Omitted:
    reason: str
    count: int | None = None


class Pairs(list):
    """A map as it was written: keys need not be hashable."""


def extension(code, data):
    if code == 1:
        assert len(data) == 1
        return Tag(TAGS[data[0]])
    assert code == 2
    assert len(data) in (1, 8)
    return Omitted(REASONS[data[0]], int.from_bytes(data[1:], "little") if len(data) == 8 else None)


def _plain(value):
    if isinstance(value, Pairs):
        return {_plain(key): _plain(item) for key, item in value}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return tuple(items) if items and isinstance(items[0], Tag) else items
    return value


def decode(data):
    """One whole value; fails where bytes are missing or left over."""
    return _plain(msgpack.unpackb(data, ext_hook=extension, strict_map_key=False, object_pairs_hook=Pairs))


def encoded(value, **limits):
    return decode(encode_value(value, "", {**LIMITS, **limits}))


def same(got, wanted):
    """Equal and of the same types: 1, 1.0 and True are three values."""
    return repr(got) == repr(wanted)


def subclass_of(base, *args):
    return type("Sub", (base,), {"__module__": "m"})(*args)


class Plain:
    pass


class Slotted:
    __slots__ = ("first", "second", "unset")


class Mixed(Slotted):
    __slots__ = ("__dict__", "third")


def filled(thing, **attributes):
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def decode_pairs(value):
    return msgpack.unpackb(
        encode_value(value, "", LIMITS), ext_hook=extension, strict_map_key=False, object_pairs_hook=Pairs
    )

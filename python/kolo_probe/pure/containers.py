"""What holds other values: containers, objects with their attributes, instances of subclasses."""

from __future__ import annotations

from kolo_probe.pure import msgpack
from kolo_probe.pure.encoder import COUNTED_OMISSION_BYTES
from kolo_probe.pure.layout import (
    ATTRIBUTES,
    CHANGED,
    CYCLE,
    DEPTH,
    ITEMS,
    OBJECT,
    REDACTED,
    SUBCLASS,
    counted_omission,
    tag,
)
from kolo_probe.pure.objects import attributes_of, dict_of, mro_of, type_name
from kolo_probe.pure.text import is_secret_name, is_secret_option, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from kolo_probe.pure.encoder import Encoder

_ARRAY_CLOSING = COUNTED_OMISSION_BYTES
_MAP_CLOSING = COUNTED_OMISSION_BYTES + 1
_MISSING = object()


def write_tag(to: Encoder, elements: int, number: int) -> bool:
    """The beginning of a tagged array of so many elements, its tag included."""
    return to.write(msgpack.array(elements) + tag(number))


def _next(iterator: Iterator[Any]) -> Any:
    try:
        return next(iterator, _MISSING)
    except RuntimeError:  # it changed size: another thread's doing
        return _MISSING


class _Open:
    """A container that is being written: its place in the path, and the room for what may have to end it."""

    __slots__ = ("begin", "closing", "header", "make", "to")

    def __init__(
        self, to: Encoder, owner: Any, make: Callable[[int], bytes], count: int, closing: int
    ) -> None:
        self.to = to
        self.make = make
        self.closing = closing
        self.begin = len(to.out)
        self.header = make(count)
        to.out += self.header
        to.reserved += closing
        to.path.append(id(owner))

    def close(self, count: int, reason: int, left: int) -> bool:
        """`count`: elements that were written (in a map, pairs); `left`: what is missing, if anything."""
        to = self.to
        to.path.pop()
        to.reserved -= self.closing
        if left > 0:
            to.out += counted_omission(reason, left)
            if self.closing == _MAP_CLOSING:
                to.out += msgpack.NIL
            count += 1
        to.out[self.begin : self.begin + len(self.header)] = self.make(count)
        return True


def items(
    to: Encoder,
    owner: Any,
    count: int,
    iterator: Iterator[Any],
    *,
    kind: int = 0,
    is_sequence: bool = False,
    names: tuple[Any, ...] | None = None,
) -> bool:
    """An array. `kind`: the tag before its items; `names`: those of a namedtuple's items."""
    extra = 1 if kind else 0
    if count == 0:
        return to.write(msgpack.array(extra) + (tag(kind) if kind else b""))
    if id(owner) in to.path:
        return to.marker(CYCLE)
    if len(to.path) >= to.limits.depth:
        return to.marker(DEPTH)
    shown = min(count, to.limits.items)
    elements = extra + shown + (count > shown)
    if not to.fits(len(msgpack.array(elements)) + 3 * extra + _ARRAY_CLOSING):
        return False
    opened = _Open(to, owner, msgpack.array, elements, _ARRAY_CLOSING)
    if kind:
        to.out += tag(kind)
    reason = ITEMS
    is_announced = False  # as a secret, by the item before
    written = 0
    while written < shown:
        item = _next(iterator)
        if item is _MISSING:
            reason = CHANGED
            break
        begin = len(to.out)
        is_secret = is_announced or (names is not None and is_secret_name(to, names[written]))
        if not (to.marker(REDACTED) if is_secret else to.encode(item)):
            del to.out[begin:]
            reason = to.reason
            break
        if is_sequence:
            # ("Authorization", …): headers and the like, as lists of pairs. "--token", …: argv.
            is_pair_name = count == 2 and written == 0
            is_announced = is_secret_name(to, item) if is_pair_name else is_secret_option(to, item)
        written += 1
    return opened.close(extra + written, reason, count - written)


def field_names(cls: type, count: int) -> tuple[Any, ...] | None:
    """The names of a namedtuple's items; None for any other class."""
    for one in mro_of(cls):
        if one is tuple:
            return None
        names = dict_of(one).get("_fields")
        if type(names) is tuple:
            return names if len(names) == count else None
    return None


def dict_(to: Encoder, value: dict[Any, Any]) -> bool:
    count = dict.__len__(value)
    if count == 0:
        return to.write(msgpack.mapping(0))
    if id(value) in to.path:
        return to.marker(CYCLE)
    if len(to.path) >= to.limits.depth:
        return to.marker(DEPTH)
    shown = min(count, to.limits.items)
    return _map(to, value, count, shown, iter(dict.items(value)), ITEMS)


def _map(
    to: Encoder, owner: Any, count: int, shown: int, pairs: Iterator[tuple[Any, Any]], over: int
) -> bool:
    elements = shown + (count > shown)
    if not to.fits(len(msgpack.mapping(elements)) + _MAP_CLOSING):
        return False
    opened = _Open(to, owner, msgpack.mapping, elements, _MAP_CLOSING)
    reason = over
    written = 0
    while written < shown:
        pair = _next(pairs)
        if pair is _MISSING:
            reason = CHANGED
            break
        begin = len(to.out)
        if not _entry(to, *pair):
            del to.out[begin:]
            reason = to.reason
            break
        written += 1
    return opened.close(written, reason, count - written)


def _entry(to: Encoder, key: Any, value: Any) -> bool:
    if not to.encode(key):
        return False
    return to.marker(REDACTED) if is_secret_name(to, key) else to.encode(value)


def object_(to: Encoder, value: Any) -> bool:
    """Its type, and its attributes where they can be read."""
    if id(value) in to.path:
        return to.marker(CYCLE)
    found = attributes_of(value)
    if not (write_tag(to, 2 if found is None else 3, OBJECT) and name(to, type_name(type(value)))):
        return False
    return found is None or attribute_map(to, value, *found)


def attribute_map(to: Encoder, owner: Any, count: int, pairs: Iterator[tuple[Any, Any]]) -> bool:
    is_too_deep = len(to.path) >= to.limits.depth
    shown = 0 if is_too_deep else min(count, to.limits.attributes)
    if count == 0:
        return to.write(msgpack.mapping(0)) if to.fits(1 + _MAP_CLOSING) else False
    if shown == 0:
        if not to.fits(1 + _MAP_CLOSING):
            return False
        reason = DEPTH if is_too_deep else ATTRIBUTES
        to.out += msgpack.mapping(1) + counted_omission(reason, count) + msgpack.NIL
        return True
    return _map(to, owner, count, shown, pairs, ATTRIBUTES)


def subclass(to: Encoder, value: Any, content: Callable[[], bool]) -> bool:
    """An instance of a builtin's subclass: its type, and the builtin's content."""
    return write_tag(to, 3, SUBCLASS) and name(to, type_name(type(value))) and content()

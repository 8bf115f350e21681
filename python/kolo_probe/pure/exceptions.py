"""Exceptions: their arguments, attributes, and the chain that Python would show with them."""

from __future__ import annotations

from kolo_probe.pure import msgpack
from kolo_probe.pure.containers import attribute_map, items, write_tag
from kolo_probe.pure.layout import CYCLE, DEPTH, EXCEPTION, UNREADABLE
from kolo_probe.pure.objects import attributes_of, derives, type_name
from kolo_probe.pure.text import name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kolo_probe.pure.encoder import Encoder

_MOST_IN_CHAIN = 9  # the first one included
_MOST_INT_BYTES = 9

_of_exception: Any = BaseException.__dict__
_args_of = _of_exception["args"].__get__
_cause_of = _of_exception["__cause__"].__get__
_context_of = _of_exception["__context__"].__get__
_suppresses_context = _of_exception["__suppress_context__"].__get__
_filename_of: Any = OSError.__dict__["filename"].__get__


def _before(value: BaseException) -> tuple[BaseException | None, bool]:
    """What Python shows above an exception's own traceback; and whether that is its cause."""
    cause = _cause_of(value)
    if cause is not None:
        return cause, True
    return (None if _suppresses_context(value) else _context_of(value)), False


def exception_chain(to: Encoder, value: BaseException, line: int) -> bool:
    """Each is the last part of the one before it, so that this is a loop."""
    seen: list[int] = []
    while True:
        seen.append(id(value))
        following, is_cause = _before(value)
        # The marker that may have to stand for the next one.
        after = 3 if following is not None else 0
        begin = len(to.out)
        to.reserved += after
        is_whole = exception_alone(to, value, line, 0 if following is None else 5 if is_cause else 6)
        to.reserved -= after
        if not is_whole:
            del to.out[begin:]
            return len(seen) > 1 and to.marker(to.reason)
        if following is None:
            return True
        if id(following) in seen:
            return to.marker(CYCLE)
        if len(seen) == _MOST_IN_CHAIN:
            return to.marker(DEPTH)
        if not to.has_time():
            return to.marker(to.reason)
        value, line = following, 0


def exception_alone(to: Encoder, value: BaseException, line: int, elements: int) -> bool:
    """Without what came before it, for which it leaves the place: of `elements` behind the tag (0: as many as
    it needs) the last is the caller's to write."""
    count, pairs = attributes_of(value) or (0, iter(()))
    file = _filename_of(value) if derives(type(value), OSError) else None
    has_attributes = count > 0 or file is not None
    if elements == 0:
        elements = 4 if has_attributes else 3 if line > 0 else 2
    if not to.fits(1 + 3 + _MOST_INT_BYTES + 2) or not write_tag(to, 1 + elements, EXCEPTION):
        return False
    to.reserved += _MOST_INT_BYTES + 2  # the line, and nil for attributes and cause
    is_told = name(to, type_name(type(value))) and _arguments(to, value)
    to.reserved -= _MOST_INT_BYTES + 2
    if not is_told:
        return False
    if elements > 2:
        to.out += msgpack.integer(line) if line > 0 else msgpack.NIL
    if elements > 3 and not _attributes(to, value, count, pairs, file):
        return False
    if elements > 5:
        to.out += msgpack.NIL  # it has a context, and no cause
    return True


def _arguments(to: Encoder, value: BaseException) -> bool:
    args = _args_of(value)
    if type(args) is not tuple:
        return to.marker(UNREADABLE)
    return items(to, args, len(args), iter(args), is_sequence=True)


def _attributes(
    to: Encoder, value: BaseException, count: int, pairs: Iterator[tuple[Any, Any]], file: Any
) -> bool:
    if count == 0 and file is None:
        return to.write(msgpack.NIL)
    if id(value) in to.path:
        return to.marker(CYCLE)
    begin = len(to.out)
    to.reserved += 1
    # What OSError keeps beside its args, though it is what one wants to know.
    all_pairs = pairs if file is None else _with_file(file, pairs)
    is_whole = attribute_map(to, value, count + (file is not None), all_pairs)
    to.reserved -= 1
    if not is_whole:
        del to.out[begin:]
        return to.marker(to.reason)
    return True


def _with_file(file: Any, pairs: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    yield "filename", file
    yield from pairs

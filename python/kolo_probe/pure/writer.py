"""Writes the records of one thread: which form an event takes, context and thread, waiting for room."""

from __future__ import annotations

import sys
import time
from _thread import get_ident
from time import monotonic_ns as read_ticks

from kolo_probe.pure import msgpack, values
from kolo_probe.pure.exits import RETURN, UNWIND, YIELD
from kolo_probe.pure.layout import (
    CONTEXT,
    CONTEXT_RECORD,
    DEPTH,
    END_ROOM,
    LONG,
    LONG_RESUME,
    LONG_RETURN,
    LONG_THROW,
    LONG_UNWIND,
    LONG_YIELD,
    MOST_24,
    NO_ROOM,
    SHORT_RETURN,
    SHORT_RETURN_NONE,
    SHORT_START,
    SHORT_UNWIND,
    SPAN_END,
    SPAN_RECORD,
    START,
    THREAD,
    THREAD_RECORD,
    VALUED,
    WORD,
    omission,
)
from kolo_probe.pure.layout import RETURN as RETURN_RECORD
from kolo_probe.pure.layout import UNWIND as UNWIND_RECORD
from kolo_probe.pure.ring import Ring
from kolo_probe.pure.slots import cut
from kolo_probe.pure.unpatched import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.process import Process
    from kolo_probe.pure.recorder import Place
    from kolo_probe.pure.stack import Entry

_WAIT_STEP_S = 0.0002
_MOST_NAME = 100
_AROUND = 8 + 32  # a clock step and a context may stand before any record
_NO_ROOM = omission(NO_ROOM)
_TOO_DEEP = omission(DEPTH)
_ENDS = {
    RETURN: (SHORT_RETURN, RETURN_RECORD, LONG_RETURN),
    UNWIND: (SHORT_UNWIND, UNWIND_RECORD, LONG_UNWIND),
}


class Writer:
    def __init__(self, process: Process, ring: Ring) -> None:
        self.ring = ring
        self._process = process
        self._configuration = process.configuration
        self._is_introduced = False
        self._is_out_of_patience = False

    # --- Room ---

    def _acquire(self, size: int) -> bool:
        """For a start or a resumption, which may be dropped, or wait."""
        ring = self.ring
        block = ring.block
        if block is not None and len(block.records) + size + END_ROOM <= 65408:
            return True
        if self._is_out_of_patience:
            quarter = self._process.most_blocks // 4
            self._is_out_of_patience = len(self._process.pool) < quarter or len(ring.blocks) > quarter
        if ring.has_room(size):
            return True
        return self._configuration.waits and not self._is_out_of_patience and self._wait(size)

    def _wait(self, size: int) -> bool:
        until = time.monotonic() + self._configuration.wait_s
        has_room = False
        while not has_room and not self._process.is_stopped and time.monotonic() < until:
            sleep(_WAIT_STEP_S)
            has_room = self.ring.has_room(size)
        self._is_out_of_patience = not has_room
        return has_room

    # --- Events ---

    def start(self, entry: Entry, info: CodeInfo, frame: FrameType) -> bool:
        """False: there is no room, and nothing was written."""
        ring = self.ring
        payload = b""
        if self._configuration.has_values and info.argument_count:
            payload = _encoded(values.arguments, frame, info, self._configuration)
        if not self._acquire(VALUED.size + len(payload) + _AROUND + 8):
            if not payload or not self._acquire(VALUED.size + _AROUND + 16):
                return False
            payload = _NO_ROOM_ARRAY
        if not self._is_introduced:
            self._write_thread()
            if not ring.has_room(VALUED.size + len(payload) + _AROUND + 8):
                return False
        now = read_ticks()
        if (
            ring.wire_ordinal != entry.parent_ordinal
            or ring.wire_ring != entry.parent_ring
            or ring.wire_trace != entry.slot.number
        ):
            self._write_context_of(entry, now)
        delta = ring.delta_to(now)
        if not payload and entry.code <= MOST_24:
            ring.write(WORD.pack(SHORT_START | entry.code << 8 | delta << 32))
        else:
            ring.write(_valued(START, entry.code, delta, payload))
        ring.wire_ring = entry.ring = ring.number
        ring.wire_ordinal = entry.ordinal = ring.next_ordinal
        ring.next_ordinal += 1
        return True

    def resume(self, entry: Entry, thrown: Any) -> bool:
        ring = self.ring
        payload = b""
        if thrown is not None and self._configuration.has_values:
            payload = _encoded(values.thrown, thrown, self._configuration)
        if not self._acquire(LONG.size + len(payload) + _AROUND + 8):
            if not payload or not self._acquire(LONG.size + _AROUND + 16):
                return False
            payload = _NO_ROOM
        now = read_ticks()
        if ring.wire_trace != entry.slot.number:
            self._write_context_of(entry, now)
        self._write_long(LONG_THROW if thrown is not None else LONG_RESUME, entry, payload, now)
        ring.wire_ring, ring.wire_ordinal = entry.ring, entry.ordinal
        return True

    def leave(self, entry: Entry, info: CodeInfo, frame: FrameType, how: str, value: Any) -> None:
        """An end, or a yield: there is always room for it, if not for its values."""
        ring = self.ring
        payload = b""
        is_none = how == RETURN and value is None and not info.result_is_secret
        if self._configuration.has_values:
            payload = _encoded(values.outcome, frame, info, how, value, self._configuration)
            if is_none and payload == msgpack.NIL and self._is_short(entry, how):
                payload = b""
        else:
            is_none = False
        if payload and not ring.has_room(LONG.size + len(payload) + _AROUND + 8):
            payload = _NO_ROOM
        ring.force_room(END_ROOM)
        now = read_ticks()
        if ring.wire_trace != entry.slot.number:
            self._write_context_of(entry, now)
        if self._is_short(entry, how):
            # A block taken for the clock step would make the end a long one; END_ROOM holds both.
            short, valued, _ = _ENDS[how]
            delta = ring.delta_to(now)
            distance = ring.next_ordinal - entry.ordinal
            if payload:
                ring.write(_valued(valued, distance, delta, payload))
            else:
                ring.write(WORD.pack((SHORT_RETURN_NONE if is_none else short) | distance << 8 | delta << 32))
        else:
            self._write_long(LONG_YIELD if how == YIELD else _ENDS[how][2], entry, payload, now)
        ring.wire_ring, ring.wire_ordinal = entry.parent_ring, entry.parent_ordinal

    def span(self, kind: int, span: int, trace: int, place: Place, told: tuple[Any, ...]) -> bool:
        """False: there is no room, and nothing was written."""
        ring = self.ring
        payload = _encoded(values.told, told, self._configuration)
        if not self._acquire(SPAN_RECORD.size + len(payload) + _AROUND + 8):
            if not self._acquire(SPAN_RECORD.size + _AROUND + 16):
                return False
            payload = _NO_ROOM
        now = read_ticks()
        is_elsewhere = (ring.wire_ring, ring.wire_ordinal) != (place.ring, place.ordinal)
        if ring.wire_trace != trace or (kind != SPAN_END and is_elsewhere):
            self._write_context(trace, place.ring, place.ordinal, now)
        delta = ring.delta_to(now)
        padding = -len(payload) % 8
        words = (SPAN_RECORD.size + len(payload) + padding) // 8
        ring.write(SPAN_RECORD.pack(kind, padding, words, delta, span) + payload + bytes(padding))
        return True

    def _is_short(self, entry: Entry, how: str) -> bool:
        ring = self.ring
        return (
            how != YIELD
            and not entry.was_suspended
            and entry.ring == ring.number
            and ring.block is not None
            and entry.ordinal >= ring.first_ordinal
        )

    def _write_long(self, kind: int, entry: Entry, payload: bytes, now: int) -> None:
        ring = self.ring
        ring.last_ticks = max(ring.last_ticks, now)
        padding = -len(payload) % 8
        words = (LONG.size + len(payload) + padding) // 8
        ring.write(
            LONG.pack(
                kind, padding, words, 0, ring.last_ticks, entry.ordinal, entry.parent_ordinal, entry.ring,
                entry.parent_ring, entry.code, 0,
            ) + payload + bytes(padding)
        )  # fmt: skip

    def _write_context_of(self, entry: Entry, now: int) -> None:
        self._write_context(entry.slot.number, entry.parent_ring, entry.parent_ordinal, now)

    def _write_context(self, trace: int, parent_ring: int, parent_ordinal: int, now: int) -> None:
        ring = self.ring
        delta = ring.delta_to(now)
        ring.write(CONTEXT_RECORD.pack(CONTEXT, 0, 4, delta, trace, parent_ordinal, parent_ring, 0))
        ring.wire_trace = trace
        ring.wire_ring, ring.wire_ordinal = parent_ring, parent_ordinal

    def _write_thread(self) -> None:
        ring = self.ring
        name = _thread_name()
        payload = msgpack.array(1) + (msgpack.text(cut(name, _MOST_NAME)) if name else msgpack.NIL)
        padding = -len(payload) % 8
        size = THREAD_RECORD.size + len(payload) + padding
        if not ring.has_room(size + 8):
            return  # tried again at the next start
        self._is_introduced = True
        delta = ring.delta_to(read_ticks())
        head = THREAD_RECORD.pack(THREAD, padding, size // 8, delta, ring.thread, get_ident())
        ring.write(head + payload + bytes(padding))


_NO_ROOM_ARRAY = msgpack.array(1) + _NO_ROOM


def _encoded(encode: Callable[..., bytes], *what: Any) -> bytes:
    """A payload; a marker where the program stands so deep in calls that it cannot be made."""
    try:
        return encode(*what)
    except RecursionError:
        return _TOO_DEEP


def _valued(kind: int, ref: int, delta: int, payload: bytes) -> bytes:
    size = VALUED.size + len(payload)
    padding = -size % 8
    return VALUED.pack(kind, padding, (size + padding) // 8, delta, ref) + payload + bytes(padding)


def _thread_name() -> str:
    """From threading's own table: threading.current_thread() would make an object for a thread that Python
    did not start."""
    module = sys.modules.get("threading")
    thread = getattr(module, "_active", {}).get(get_ident())
    name = getattr(thread, "_name", None)
    return name if type(name) is str else ""

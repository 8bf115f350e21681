"""Encodes values within the budgets of an event, as proto/values.hpp says: probe/encoder.cpp in Python.

Made for one event. What writes a value returns False where its bytes do not fit, or the time is over, with
`reason` saying which; whoever called it goes back to where that began and writes a marker. Runs no code of
the program, and keeps no reference.
"""

from __future__ import annotations

import time

from kolo_probe.pure import msgpack
from kolo_probe.pure.layout import BYTES, REDACTED, TOO_SLOW, counted_omission, omission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.redaction import Redaction

OMISSION_BYTES = 3
COUNTED_OMISSION_BYTES = 10
_CLOSING_BYTES = (
    64  # what an event may need beyond max_event_bytes, so that closing markers never cut content
)
_ARRAY_END = 3 + COUNTED_OMISSION_BYTES
_MOST_ELEMENTS = 0xFFFF
# Reading the clock costs as much as several values. The first look starts it, so that small events never pay.
_WORK_PER_LOOK = 64
_BYTES_PER_WORK = 256  # a copy or a scan of so many bytes counts as much work as a small value
MOST_DEPTH = 32


class Limits:
    """How much of a value is recorded: the options of that name."""

    __slots__ = ("attributes", "depth", "event_bytes", "event_us", "items", "text", "value_bytes")

    def __init__(self, settings: dict[str, Any]) -> None:
        self.depth: int = min(settings["max_depth"], MOST_DEPTH)
        self.items: int = min(settings["max_items"], 65_000)
        self.attributes: int = min(settings["max_attributes"], 65_000)
        self.text: int = settings["max_text"]
        self.value_bytes: int = settings["max_value_bytes"]
        self.event_bytes: int = settings["max_event_bytes"]
        self.event_us: int = settings["max_event_us"]


class Encoder:
    """`out` is what was written; see ValueEncoder for how values become bytes."""

    __slots__ = (
        "_cap", "_deadline_ns", "_elements_cut", "_elements_left", "_in_array", "_until_clock", "limit",
        "limits", "out", "path", "reason", "redaction", "reprs", "reserved",
    )  # fmt: skip

    def __init__(self, limits: Limits, redaction: Redaction) -> None:
        self.limits = limits
        self.redaction = redaction
        self.reprs: Any = None  # ReprTexts, where the user asked for reprs
        self.out = bytearray()
        self._cap = limits.event_bytes + _CLOSING_BYTES
        self.limit = self._cap  # of the value being written
        self.reserved = _ARRAY_END  # for the markers that everything begun may still need
        self.reason = BYTES
        self.path: list[int] = []  # addresses of what is being written
        self._in_array = False
        self._elements_left = 0
        self._elements_cut = 0  # that get no marker of their own
        self._until_clock = _WORK_PER_LOOK
        self._deadline_ns = 0  # 0: the clock has not been looked at

    def encode(self, value: Any) -> bool:
        raise NotImplementedError

    def encode_raised(self, exception: BaseException, line: int) -> bool:
        raise NotImplementedError

    # --- Budgets ---

    def fits(self, size: int) -> bool:
        if len(self.out) + size + self.reserved <= self.limit:
            return True
        self.reason = BYTES
        return False

    def bytes_left(self) -> int:
        return max(self.limit - len(self.out) - self.reserved, 0)

    def has_time(self) -> bool:
        self._until_clock -= 1
        return self._until_clock > 0 or self._look_at_clock()

    def worked_on(self, size: int) -> None:
        self._until_clock -= size // _BYTES_PER_WORK

    def _look_at_clock(self) -> bool:
        if self.reason == TOO_SLOW:
            return False  # for the rest of the event
        now = time.monotonic_ns()
        if self._deadline_ns == 0:
            self._deadline_ns = now + self.limits.event_us * 1000
        if now >= self._deadline_ns:
            self.reason = TOO_SLOW
            self._until_clock = 0
            return False
        self._until_clock = _WORK_PER_LOOK
        return True

    def write(self, data: bytes) -> bool:
        """Where it fits."""
        if not self.fits(len(data)):
            return False
        self.out += data
        return True

    def marker(self, reason: int) -> bool:
        return self.write(omission(reason))

    # --- Elements of the event ---

    def begin_array(self, count: int) -> None:
        """The array of an event's variables, which `count` calls of the following functions fill. At most
        once; a value of its own may precede it. Where not even a marker for each would fit, the array is
        shorter and ends in one omission for the rest."""
        count = min(count, _MOST_ELEMENTS)
        header = msgpack.array(count)
        left = max(self._cap - len(self.out), 0)
        if len(header) + count * OMISSION_BYTES > left:
            end = len(header) + COUNTED_OMISSION_BYTES
            self._elements_left = (left - end) // OMISSION_BYTES if left > end else 0
            self._elements_cut = count - self._elements_left
            self.reserved = self._elements_left * OMISSION_BYTES + COUNTED_OMISSION_BYTES
            self.out += msgpack.array(self._elements_left + 1)
        else:
            self._elements_left = count
            self.reserved = count * OMISSION_BYTES
            self.out += header
        self._in_array = True
        if self._elements_left == 0:
            self._end_element()

    def value(self, value: Any) -> None:
        """One whole value, within max_value_bytes and what is left of the event's budgets."""
        if self._begin_element():
            begin = self._limit_element()
            if not self.encode(value):
                del self.out[begin:]
                self.out += omission(self.reason)
            self._end_limited()

    def exception(self, exception: BaseException, line: int) -> None:
        """`line`: where it left the frame, 0 where that is not known."""
        if self._begin_element():
            begin = self._limit_element()
            if not self.encode_raised(exception, line):
                del self.out[begin:]
                self.out += omission(self.reason)
            self._end_limited()

    def none(self) -> None:
        if self._begin_element():
            self.out += msgpack.NIL
            self._end_element()

    def omitted(self, reason: int) -> None:
        if self._begin_element():
            self.out += omission(reason)
            self._end_element()

    def redacted(self) -> None:
        self.omitted(REDACTED)

    def _limit_element(self) -> int:
        # Outside the array nothing was set aside for the marker that may have to replace the value.
        by_room = self._cap if self._in_array else self._cap - OMISSION_BYTES
        self.limit = min(by_room, len(self.out) + self.reserved + self.limits.value_bytes)
        return len(self.out)

    def _end_limited(self) -> None:
        self.limit = self._cap
        self.path.clear()
        self._end_element()

    def _begin_element(self) -> bool:
        if not self._in_array:
            return len(self.out) + OMISSION_BYTES + self.reserved <= self._cap
        if self._elements_left == 0:
            return False
        self._elements_left -= 1
        self.reserved -= OMISSION_BYTES
        return True

    def _end_element(self) -> None:
        if self._in_array and self._elements_left == 0 and self._elements_cut > 0:
            self.reserved -= COUNTED_OMISSION_BYTES
            self.out += counted_omission(BYTES, self._elements_cut)
            self._elements_cut = 0

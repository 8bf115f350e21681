"""Live traces: what is known of each until its end is stored, and its image as the collector is told it.

Counters are kept by ring, so that each is written by one thread only; whoever reads adds them up.
"""

from __future__ import annotations

import os
import struct
import time

from kolo_probe.pure.layout import LIVE, LOSS_COUNTERS, TRACE_KINDS, TRACE_NAME_BYTES

_COUNTERS = struct.Struct(f"<IIQ{LOSS_COUNTERS}Q")  # state, open roots, emitted, losses
_FIELDS = struct.Struct("<Q32s32sQIIQQqII16s184s")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Slot:
    """A trace. `parent` is (trace id, ring, ordinal) of where it began; `enclosing` the number of the trace
    that was current there; `group` what all traces share that one user action led to, or empty for a
    new one."""

    __slots__ = (
        "begin_realtime_ns", "begin_ticks", "emitted", "enclosing", "end_ticks", "group", "id", "kind",
        "lost", "name", "number", "parent", "roots", "state",
    )  # fmt: skip

    def __init__(
        self, number: int, kind: str, name: str, parent: tuple[str, int, int], enclosing: int, group: bytes
    ) -> None:
        self.number = number
        self.kind = TRACE_KINDS.index(kind)
        self.name = name
        self.parent = parent
        self.enclosing = enclosing
        self.state = LIVE
        self.begin_ticks = time.monotonic_ns()
        self.begin_realtime_ns = time.time_ns()
        self.end_ticks = 0
        self.id = new_trace_id(self.begin_realtime_ns)
        self.group = group or _group_of(self.id)
        self.emitted: dict[int, int] = {}  # by ring
        self.lost: dict[tuple[int, int], int] = {}  # by ring and reason
        self.roots: dict[int, int] = {}  # by ring: activations without a parent that run or are suspended

    def count_root(self, ring: int, change: int) -> None:
        self.roots[ring] = self.roots.get(ring, 0) + change

    def open_roots(self) -> int:
        return sum(list(self.roots.values()))

    def image(self) -> bytes:
        """The body of a TRACE message."""
        lost = [0] * LOSS_COUNTERS
        for (_, reason), count in list(self.lost.items()):
            lost[reason] += count
        roots, emitted = self.open_roots(), sum(list(self.emitted.values()))
        name = cut(self.name, TRACE_NAME_BYTES)
        parent_id, ring, ordinal = self.parent
        return _COUNTERS.pack(self.state, max(roots, 0), emitted, *lost) + _FIELDS.pack(
            self.number, self.id.encode(), parent_id.encode(), ordinal, ring, self.kind, self.begin_ticks,
            self.end_ticks, self.begin_realtime_ns, len(name), 0, self.group, name,
        )  # fmt: skip


def new_trace_id(realtime_ns: int) -> str:
    """ "trc_" and a ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32."""
    milliseconds = realtime_ns // 1_000_000
    digits = [_DIGITS[milliseconds >> 5 * place & 31] for place in range(9, -1, -1)]
    return "trc_" + "".join(digits) + "".join(_DIGITS[byte & 31] for byte in os.urandom(16))


def _group_of(trace_id: str) -> bytes:
    """A group of its own: the 128 bits of its id, which are never all zero."""
    number = 0
    for digit in trace_id[4:]:
        number = number << 5 | _DIGITS.index(digit)
    return (number & ((1 << 128) - 1)).to_bytes(16, "big")


def cut(text: str, most: int) -> bytes:
    """`text` in UTF-8, at most so many bytes of it, and no part of a character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return data
    return data[:most].decode("utf-8", "ignore").encode("utf-8")

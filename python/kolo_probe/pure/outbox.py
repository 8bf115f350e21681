"""What of what was recorded is sent, and what of that is acknowledged: the drain's cursors.

On the drain thread. One look() takes stock, in the order that makes what is sent complete; round() gives what
was found, as frames; acknowledgements free blocks and traces. Everything that comes from the collector is
checked against what was sent: what cannot be true is refused, and frees nothing.
"""

from __future__ import annotations

import time

from kolo_probe.pure import messages
from kolo_probe.pure.layout import (
    CODE_HEAD,
    CODES,
    COUNTS,
    COUNTS_MESSAGE,
    ENDED,
    LOSS_COUNTERS,
    TRACE,
    TRACE_CLOSED,
    WORD,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kolo_probe.pure.messages import Ack, Position, Welcome
    from kolo_probe.pure.process import Process
    from kolo_probe.pure.ring import Block, Ring
    from kolo_probe.pure.slots import Slot

_CODES_PIECE = 256 * 1024
_CLOSE_AFTER_S = 30.0
_COUNTERS_EVERY_S = 0.1
_RECLAIM_AFTER_S = 1.0


class _RingOut:
    """The drain's side of a ring."""

    __slots__ = (
        "acknowledged", "emitted", "emitted_told", "furthest", "last_start", "last_written", "quiet_since",
        "ring",
    )  # fmt: skip

    def __init__(self, ring: Ring, now: float) -> None:
        self.ring = ring
        self.furthest: Position = (0, 0)  # no honest position lies beyond
        self.acknowledged: Position = (0, 0)  # over this connection
        # Of the ring's latest block, also when that was given back: to tell `emitted` again.
        self.last_start = b""
        self.last_written = 0
        self.emitted = 0
        self.emitted_told: int | None = None
        self.quiet_since = now

    def sent_end(self) -> Position:
        """Behind the last byte sent over this connection."""
        blocks = list(self.ring.blocks)
        for block in blocks:
            if not (block.is_final and block.sent == len(block.records)):
                return block.sequence, block.sent
        return (blocks[-1].sequence + 1, 0) if blocks else self.acknowledged

    def may_be_committed(self, claim: Position) -> bool:
        if claim > self.furthest or claim[1] % 8:
            return False
        return all(
            block.sequence != claim[0] or claim[1] <= block.written for block in list(self.ring.blocks)
        )

    def is_told(self) -> bool:
        return (self.emitted_told or 0) >= self.emitted and all(
            block.sent == block.written for block in list(self.ring.blocks)
        )

    def is_acknowledged(self) -> bool:
        return all(block.acknowledged == block.written for block in list(self.ring.blocks))


class _Watched:
    """The drain's side of a trace."""

    __slots__ = (
        "announced",
        "close",
        "close_ever_told",
        "ended_at",
        "image",
        "is_closable",
        "slot",
        "told",
        "told_at",
    )

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.image = slot.image()
        self.told: bytes | None = None
        self.told_at = 0.0
        self.announced = False
        self.ended_at: float | None = None
        self.is_closable = False
        self.close = _UNTOLD
        self.close_ever_told = False

    def is_over(self) -> bool:
        return self.slot.state == ENDED and self.slot.open_roots() <= 0

    def differs(self) -> bool:
        return not self.announced or self.image != self.told

    def is_due(self, now: float) -> bool:
        """Counters alone are told every 100 ms only."""
        if not self.announced or self.told is None:
            return True
        if self.image == self.told:
            return False
        only_counted = self.image[:4] == self.told[:4] and self.image[144:] == self.told[144:]
        return not only_counted or self.slot.state == ENDED or now - self.told_at >= _COUNTERS_EVERY_S


_UNTOLD, _TOLD, _ACKNOWLEDGED = range(3)


class Outbox:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._rings: dict[int, _RingOut] = {}
        self._highest_ring = 0
        self._traces: dict[int, _Watched] = {}
        self._highest_trace = 0
        self._codes_used = 0
        self._codes_sent = 0
        self._codes_furthest = 0
        self._codes_acknowledged = 0
        self._counts = _NO_COUNTS
        self._counts_told: bytes | None = None
        self._blockless_of_gone = 0  # counted by rings that are forgotten

    # --- Taking stock ---

    def look(self) -> bool:
        """True: there is something to tell that was not there before."""
        now = time.monotonic()
        for trace in self._traces.values():
            if trace.slot.state == ENDED:
                trace.ended_at = trace.ended_at if trace.ended_at is not None else now
                trace.is_closable = trace.slot.open_roots() <= 0 or now - trace.ended_at >= _CLOSE_AFTER_S
        news = False
        for ring in list(self._process.rings):
            out = self._rings.get(ring.number)
            if out is None:
                out = self._rings[ring.number] = _RingOut(ring, now)
                self._highest_ring = max(self._highest_ring, ring.number)
            news = self._look_at(out, now) or news
        # After the heads: traces and codes that are mentioned before them are there by now.
        for slot in list(self._process.slots.values()):
            self._look_at_trace(slot)
        self._codes_used = len(self._process.codes)
        self._look_at_counts()
        self._free_finished()
        return news or self._codes_used != self._codes_sent or self._has_untold_trace()

    def _look_at(self, out: _RingOut, now: float) -> bool:
        ring = out.ring
        is_finished = ring.is_finished  # before the heads: what the thread wrote before it ended is in them
        news = False
        for block in list(ring.blocks):
            written = len(block.records)
            news = news or written != block.written or ring.emitted != out.emitted
            block.written = written
            out.emitted = ring.emitted
            out.last_start, out.last_written = block.start, written
        if is_finished and ring.blocks:
            ring.blocks[-1].is_final = True
        if news:
            out.quiet_since = now
        self._free_done(out)
        return news

    def _look_at_trace(self, slot: Slot) -> None:
        trace = self._traces.get(slot.number)
        if trace is None:
            trace = self._traces[slot.number] = _Watched(slot)
        self._highest_trace = max(self._highest_trace, slot.number)
        trace.image = slot.image()
        if trace.close == _ACKNOWLEDGED and trace.is_over() and trace.announced and trace.image != trace.told:
            # Something was counted after the close: told again, as an image alone is never acknowledged.
            trace.close = _UNTOLD

    def _look_at_counts(self) -> None:
        process = self._process
        lost = [0] * LOSS_COUNTERS
        for (_, reason), count in list(process.lost.items()):
            lost[reason] += count
        blockless = self._blockless_of_gone + sum(ring.emitted_blockless for ring in list(process.rings))
        refused = sum(list(process.traces_refused.values()))
        self._counts = COUNTS_MESSAGE.pack(blockless, refused, process.codes_lost[0], *lost)

    # --- Telling ---

    def round(self, *, is_last: bool) -> Iterator[bytes]:
        """What the last look found, frame by frame; with what else is told only now and then, if it may be
        the last time."""
        yield from self._codes()
        now = time.monotonic()
        for trace in list(self._traces.values()):
            if trace.differs() if is_last else trace.is_due(now):
                trace.told, trace.told_at, trace.announced = trace.image, now, True
                yield messages.frame(TRACE, trace.image)
        for out in list(self._rings.values()):
            yield from self._ring(out)
        for trace in list(self._traces.values()):
            if trace.is_closable and trace.close == _UNTOLD and trace.announced:
                trace.close, trace.close_ever_told = _TOLD, True
                yield messages.frame(TRACE_CLOSED, WORD.pack(trace.slot.number))
        if self._counts != (self._counts_told or _NO_COUNTS):
            self._counts_told = self._counts
            yield messages.frame(COUNTS, self._counts)

    def _codes(self) -> Iterator[bytes]:
        codes = self._process.codes
        while self._codes_sent < self._codes_used:
            begin = end = self._codes_sent
            while end < self._codes_used:
                size, _ = CODE_HEAD.unpack_from(codes, end)
                if end != begin and end + size - begin > _CODES_PIECE:
                    break
                end += size
            self._codes_sent = end
            self._codes_furthest = max(self._codes_furthest, end)
            yield messages.frame(CODES, WORD.pack(begin) + bytes(codes[begin:end]))

    def _ring(self, out: _RingOut) -> Iterator[bytes]:
        ring = out.ring
        for block in list(ring.blocks):
            if block.sent == block.written:
                continue
            begin, block.sent = block.sent, block.written
            out.furthest = max(out.furthest, out.sent_end())
            out.emitted_told = ring.emitted
            yield messages.block(
                block.start, begin, bytes(block.records[begin : block.written]), ring.emitted
            )
        if (out.emitted_told or 0) < out.emitted:
            out.furthest = max(out.furthest, out.sent_end())
            out.emitted_told = out.emitted
            yield messages.block(out.last_start, out.last_written, b"", out.emitted)

    # --- What the collector says ---

    def welcome(self, welcome: Welcome) -> bool:
        """Sets the cursors to what the collector has. False: nonsense; nothing was freed for it."""
        for number, position in welcome.rings.items():
            out = self._rings.get(number)
            if out is None and number > self._highest_ring:
                return False
            if out is not None and not out.may_be_committed(position):
                return False
        if welcome.codes_offset > self._codes_furthest or not self._is_code_boundary(welcome.codes_offset):
            return False
        closed = set(welcome.closed)
        for number, trace in self._traces.items():
            if number in closed and not trace.close_ever_told:
                return False
        if any(number > self._highest_trace for number in closed):
            return False
        for number, trace in self._traces.items():
            trace.announced = False
            trace.close = _ACKNOWLEDGED if number in closed else _UNTOLD
        self._codes_sent = self._codes_acknowledged = welcome.codes_offset
        self._counts_told = None
        for number, out in self._rings.items():
            self._resume(out, welcome.rings.get(number))
        return True

    def _resume(self, out: _RingOut, claim: Position | None) -> None:
        committed = claim if claim is not None else (0, 0)
        out.acknowledged = committed
        out.quiet_since = time.monotonic()
        for block in list(out.ring.blocks):
            block.sent = 0
            block.acknowledged = 0
            _acknowledge(block, committed)
        self._free_done(out)
        out.emitted_told = None
        # With no block left, the count can only be told at the position that this store knows.
        is_known = out.last_start and claim is not None
        last = (int.from_bytes(out.last_start[8:16], "little"), out.last_written)
        if not out.ring.blocks and not (is_known and committed >= last):
            out.emitted_told = out.emitted

    def acknowledge(self, ack: Ack) -> bool:
        """False: nonsense."""
        if ack.codes_offset > self._codes_sent:
            return False
        self._codes_acknowledged = max(self._codes_acknowledged, ack.codes_offset)
        for number, position in ack.rings.items():
            out = self._rings.get(number)
            if out is None:
                if number > self._highest_ring:
                    return False
            elif not self._acknowledge_ring(out, position):
                return False
        for number in ack.closed:
            trace = self._traces.get(number)
            if trace is None:
                if number > self._highest_trace:
                    return False
                continue
            if not trace.close_ever_told:
                return False
            # One that is not told (again) yet is acknowledged for an earlier telling.
            if trace.close == _TOLD:
                trace.close = _ACKNOWLEDGED
        self._free_finished()
        return True

    def _acknowledge_ring(self, out: _RingOut, position: Position) -> bool:
        if position == out.acknowledged:
            return True
        # Not beyond what was sent over this connection, and never back.
        if position < out.acknowledged or position > out.sent_end() or not out.may_be_committed(position):
            return False
        out.acknowledged = position
        out.quiet_since = time.monotonic()
        for block in list(out.ring.blocks):
            _acknowledge(block, position)
        self._free_done(out)
        return True

    def _free_done(self, out: _RingOut) -> None:
        blocks = out.ring.blocks
        while blocks and blocks[0].is_final and blocks[0].acknowledged == len(blocks[0].records):
            if blocks[0].is_charged:
                self._process.pool.append(None)
            del blocks[0]

    def _free_finished(self) -> None:
        for number, trace in list(self._traces.items()):
            is_done = trace.close == _ACKNOWLEDGED and trace.announced and trace.is_over()
            if is_done and trace.slot.image() == trace.told:
                del self._traces[number]
                self._process.slots.pop(number, None)

    # --- What rests ---

    def reclaim(self) -> bool:
        """Gives back what rests. True: there is more to give back later."""
        now = time.monotonic()
        waits = False
        for number, out in list(self._rings.items()):
            ring = out.ring
            if not out.is_told() or not out.is_acknowledged():
                continue
            if not ring.blocks and not ring.is_finished:
                continue
            if now - out.quiet_since < _RECLAIM_AFTER_S:
                waits = True
            elif ring.blocks:
                self._reclaim_parked(out)
            else:
                del self._rings[number]
                self._process.rings.remove(ring)
                self._blockless_of_gone += ring.emitted_blockless
        return waits

    def _reclaim_parked(self, out: _RingOut) -> None:
        try:
            block = out.ring.parked.pop()
        except IndexError:
            return
        # From here on its thread takes another block.
        block.written = out.last_written = len(block.records)
        out.emitted = out.ring.emitted
        block.is_final = True
        self._free_done(out)

    # --- How it stands ---

    def is_at_rest(self) -> bool:
        """Nothing is untold or unacknowledged, and of traces only what is closed may still run."""
        return (
            all(
                trace.close == _ACKNOWLEDGED and trace.announced and trace.image == trace.told
                for trace in self._traces.values()
            )
            and self._counts == (self._counts_told or _NO_COUNTS)
            and self._codes_acknowledged >= self._codes_used
            and all(out.is_told() and out.is_acknowledged() for out in self._rings.values())
        )

    def is_stored(self) -> bool:
        """All that was recorded up to the last look is acknowledged; traces may go on."""
        return (
            self._codes_acknowledged >= self._codes_used
            and all(out.is_told() and out.is_acknowledged() for out in self._rings.values())
            and not any(trace.is_over() and trace.close != _ACKNOWLEDGED for trace in self._traces.values())
        )

    def is_settled(self) -> bool:
        return not self._traces and self.is_at_rest()

    def has_told_all(self) -> bool:
        return (
            self._codes_sent == self._codes_used
            and not self._has_untold_trace()
            and all(out.is_told() for out in self._rings.values())
        )

    def _has_untold_trace(self) -> bool:
        return any(
            trace.differs() or (trace.is_over() and trace.close == _UNTOLD) for trace in self._traces.values()
        )

    def _is_code_boundary(self, offset: int) -> bool:
        at = 0
        while at < offset and at < self._codes_used:
            at += CODE_HEAD.unpack_from(self._process.codes, at)[0]
        return at == offset


_NO_COUNTS = bytes(COUNTS_MESSAGE.size)


def _acknowledge(block: Block, position: Position) -> None:
    if block.sequence < position[0]:
        block.acknowledged = block.written
    elif block.sequence == position[0]:
        block.acknowledged = position[1]

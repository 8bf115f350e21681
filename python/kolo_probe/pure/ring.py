"""A thread's stream of records: a chain of blocks, taken from the process's pool and given back when stored.

Written by the thread it belongs to, read by the drain thread (outbox.py). There is no lock between them: what
they share changes by single operations that the interpreter does not divide (append to a bytearray, append to
and pop from a list), so that a signal handler in the middle of anything finds nothing held.
"""

from __future__ import annotations

from time import monotonic_ns as read_ticks

from kolo_probe.pure.layout import (
    BLOCK_CAPACITY,
    BLOCK_START,
    ELAPSED,
    MOST_DELTA,
    MOST_ELAPSED,
    WORD,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Block:
    """`records` grows while the block is its ring's last; `is_final`: no more."""

    __slots__ = ("acknowledged", "is_charged", "is_final", "records", "sent", "sequence", "start", "written")

    def __init__(self, sequence: int, start: bytes, is_charged: bool) -> None:
        self.sequence = sequence
        self.start = start
        self.is_charged = is_charged  # to the pool; what only ends needed is not
        self.records = bytearray()
        self.is_final = False
        # The drain's: how far it has looked, told over this connection, and heard of as stored.
        self.written = 0
        self.sent = 0
        self.acknowledged = 0


class Ring:
    """`pool` holds one entry for each block that may still be taken; `wake` is called when it runs out."""

    __slots__ = (
        "block", "blocks", "emitted", "emitted_blockless", "first_ordinal", "is_finished", "last_ticks",
        "most", "next_ordinal", "next_sequence", "number", "parked", "pool", "thread", "wake", "wire_ordinal",
        "wire_ring", "wire_trace",
    )  # fmt: skip

    def __init__(
        self, number: int, thread: int, pool: list[None], most: int, wake: Callable[[], None]
    ) -> None:
        self.number = number
        self.thread = thread
        self.pool = pool
        self.most = most
        self.wake = wake
        self.blocks: list[Block] = []
        self.block: Block | None = None
        self.parked: list[Block] = []  # the last block, while nothing runs: whoever pops it may have it
        self.is_finished = False
        self.next_sequence = 0
        self.next_ordinal = 0
        self.first_ordinal = 0  # of the block
        self.emitted = 0
        self.emitted_blockless = 0
        self.last_ticks = 0
        # What a decoder believes at this place.
        self.wire_trace = 0
        self.wire_ring = 0
        self.wire_ordinal = 0

    def count_emitted(self) -> None:
        if self.block is None:
            self.emitted_blockless += 1
        else:
            self.emitted += 1

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes fit, taking another block if need be."""
        block = self.block
        if block is not None and len(block.records) + size <= BLOCK_CAPACITY:
            return True
        if len(self.blocks) >= self.most:
            self.wake()
            return False
        try:
            self.pool.pop()
        except IndexError:
            self.wake()
            return False
        self._enter(is_charged=True)
        return True

    def force_room(self, size: int) -> None:
        """The same for an end, which nothing may keep from being recorded. What that takes beyond the pool is
        bounded by what runs."""
        if not self.has_room(size):
            self._enter(is_charged=False)

    def _enter(self, *, is_charged: bool) -> None:
        now = read_ticks()
        start = BLOCK_START.pack(
            self.number, 0, self.next_sequence, self.thread, now, self.wire_trace, self.wire_ordinal,
            self.wire_ring, 0, self.next_ordinal,
        )  # fmt: skip
        before, block = self.block, Block(self.next_sequence, start, is_charged)
        self.next_sequence += 1
        self.first_ordinal = self.next_ordinal
        self.last_ticks = now
        self.block = block
        self.blocks.append(block)
        if before is not None:
            before.is_final = True

    def delta_to(self, now: int) -> int:
        """Ticks since the last record, for the next one; there must be room for one more word."""
        delta = now - self.last_ticks
        if delta < 0:
            return 0
        self.last_ticks = now
        if delta <= MOST_DELTA:
            return delta
        self.write(WORD.pack(ELAPSED | min(delta, MOST_ELAPSED) << 8))
        return 0

    def write(self, record: bytes) -> None:
        """There is room for it: see has_room()."""
        assert self.block is not None
        self.block.records += record

    def park(self) -> None:
        """Nothing runs: the drain may take the last block."""
        if self.block is not None:
            self.parked.append(self.block)

    def unpark(self) -> None:
        if self.block is not None:
            try:
                self.parked.pop()
            except IndexError:
                self.block = None

"""Turns what the hook saw on one thread into events of a trace: finds the trace, keeps the stack, counts.

One per thread. Only the hook calls start(), resume() and leave(), so that nothing interrupts them on their
own thread but signal handlers, whose calls the interpreter does not show while the hook runs.
"""

from __future__ import annotations

import sys
import time

from kolo_probe.pure.codes import define
from kolo_probe.pure.contexts import ContextWatch, trace_in_context
from kolo_probe.pure.exits import YIELD
from kolo_probe.pure.layout import (
    HOOK_REPLACED,
    LIVE,
    RING_FULL,
    STACK_FULL,
    START_DROPPED,
    SUSPENDED_FULL,
    TRACE_ENDED,
)
from kolo_probe.pure.ring import Ring
from kolo_probe.pure.stack import (
    BOUNDARY,
    MOST_ENTRIES,
    MOST_SUSPENDED,
    RECORDED,
    SEGMENT_DROPPED,
    Entry,
    index_of,
    nearest,
    remove_boundary,
)
from kolo_probe.pure.stack import START_DROPPED as DROPPED
from kolo_probe.pure.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.process import Process
    from kolo_probe.pure.slots import Slot

_JOINABLE_NS = 30_000_000_000


class Place:
    """The trace that a start would belong to here and now, and its parent; `is_over`: it ended long ago."""

    __slots__ = ("is_over", "ordinal", "ring", "slot")

    def __init__(self, slot: Slot | None, parent: Entry | None = None, *, is_over: bool = False) -> None:
        self.slot = slot
        self.ring = parent.ring if parent is not None else 0
        self.ordinal = parent.ordinal if parent is not None else 0
        self.is_over = is_over


_NOWHERE = Place(None)


class Recorder:
    def __init__(self, process: Process, ring: Ring) -> None:
        self.process = process
        self.writer = Writer(process, ring)
        self.ring = ring
        self.stack: list[Entry] = []
        self.contexts = ContextWatch()
        self.running = 0  # recorded segments on all of this thread's stacks
        self.is_parked = False
        self.has_hook = False
        self.adopted = 0
        self.greenlet: Any = None
        self.other_greenlets: dict[int, tuple[list[Entry], ContextWatch]] = {}

    def __del__(self) -> None:
        """Its thread has ended."""
        self.ring.is_finished = True

    # --- Events ---

    def start(self, frame: FrameType, info: CodeInfo) -> None:
        self.enter()
        address = id(frame)
        self._close_stale(address, info)
        place = self.place()
        slot = place.slot
        if slot is not None:
            if len(self.stack) < MOST_ENTRIES:
                entry = Entry(DROPPED, address, self.contexts.current(), slot)
                entry.parent_ring, entry.parent_ordinal = place.ring, place.ordinal
                self.stack.append(entry)
                self._record_start(entry, place, frame, info)
            else:
                self.count(slot)
                self.lose(slot, STACK_FULL)
        self.leave_idle()

    def _record_start(self, entry: Entry, place: Place, frame: FrameType, info: CodeInfo) -> None:
        slot = entry.slot
        self.count(slot)
        if place.is_over:
            self.lose(slot, TRACE_ENDED)
            return
        if info.process != self.process.serial:
            define(info, frame.f_code, frame.f_globals, self.process)
        entry.code = info.number
        if not self.writer.start(entry, info, frame):
            self.lose(slot, RING_FULL)
            return
        entry.kind = RECORDED
        self.running += 1
        if not place.ring:
            entry.is_root = True
            slot.count_root(self.ring.number, 1)

    def resume(self, frame: FrameType, info: CodeInfo, thrown: Any, *, was_thrown: bool) -> bool:
        """A suspended frame goes on; `thrown` is the exception where it is known. False: it is not known as
        suspended, for it started before tracing or outside of every trace."""
        entry = self._suspended(frame, info)
        if entry is None:
            return False
        self.enter()
        self.process.suspended.pop(entry.frame, None)
        boundary, entry.boundary = entry.boundary, None
        entry.context = self.contexts.current()
        entry.resumed_at = frame.f_lasti
        entry.was_thrown = was_thrown
        if len(self.stack) >= MOST_ENTRIES:
            self.count(entry.slot)
            self.lose(entry.slot, STACK_FULL)
            self._close(entry)
        else:
            self.stack.append(entry)
            self._record_resume(entry, thrown)
        if boundary is not None:
            self.push_boundary(boundary)
        self.leave_idle()
        return True

    def _record_resume(self, entry: Entry, thrown: Any) -> None:
        self.count(entry.slot)
        if entry.kind == DROPPED:
            self.lose(entry.slot, START_DROPPED)
        elif self.writer.resume(entry, thrown):
            self.running += 1
        else:
            self.lose(entry.slot, RING_FULL)
            entry.kind = SEGMENT_DROPPED

    def leave(self, frame: FrameType, info: CodeInfo, arg: Any, *, inner_yielded: bool) -> str:
        """A frame is left; gives how."""
        self._follow_greenlet()
        index = index_of(self.stack, id(frame))
        found = self.stack[index] if index >= 0 else self._suspended(frame, info)
        resumed_at = found.resumed_at if found is not None else None
        was_thrown = found.was_thrown if found is not None else False
        how = info.exits.of(
            frame.f_lasti, arg, resumed_at, was_thrown=was_thrown, inner_yielded=inner_yielded
        )
        if found is None:
            return how
        self._unpark()
        boundary = None
        if index >= 0:
            boundary = self._drop_above(index)
            if found.kind == RECORDED:
                self.running -= 1
        else:
            # After throw() through `yield from` the outer frame goes on without an event (3.11).
            self.process.suspended.pop(found.frame, None)
            boundary = found.boundary
        self.count(found.slot)
        if found.kind == RECORDED:
            self.writer.leave(found, info, frame, how, arg)
        else:
            self.lose(found.slot, START_DROPPED)
        if index >= 0:
            del self.stack[index:]
        if how == YIELD:
            self._suspend(found, boundary)
        else:
            self._close(found)
        self.leave_idle()
        return how

    # --- Suspended activations ---

    def _suspended(self, frame: FrameType, info: CodeInfo) -> Entry | None:
        """What is suspended at the frame's address, when it is of the frame's code: where no event tells the
        end of a generator, another one may lie there by now."""
        found = self.process.suspended.get(id(frame))
        is_other = found is not None and found.kind == RECORDED and found.code != info.number
        return None if is_other else found

    def _suspend(self, entry: Entry, boundary: Slot | None) -> None:
        if len(self.process.suspended) >= MOST_SUSPENDED:
            self.lose(entry.slot, SUSPENDED_FULL)
            self._close(entry)
            return
        if entry.kind == SEGMENT_DROPPED:
            entry.kind = RECORDED
        entry.was_suspended = True
        entry.boundary = boundary
        gone = self.process.suspended.get(entry.frame)
        if gone is not None:
            self._close(gone)  # no event told its end
        self.process.suspended[entry.frame] = entry

    def _close_stale(self, address: int, info: CodeInfo) -> None:
        """A frame at a known address: what was there is gone, and no event told its end."""
        if info.exits.can_suspend:
            gone = self.process.suspended.pop(address, None)
            if gone is not None:
                self._close(gone)
        if self.stack and self.stack[-1].frame == address:
            gone = self.stack.pop()
            self.running -= gone.kind == RECORDED
            self._close(gone)

    def _drop_above(self, index: int) -> Slot | None:
        boundary = None
        while len(self.stack) > index + 1:
            entry = self.stack.pop()
            if entry.kind == BOUNDARY:
                boundary = entry.slot
            else:
                self.running -= entry.kind == RECORDED
                self._close(entry)
        return boundary

    def _close(self, entry: Entry) -> None:
        """A root that is over no longer keeps its trace open."""
        if entry.is_root:
            entry.is_root = False
            entry.slot.count_root(self.ring.number, -1)

    def lose_running(self) -> None:
        """Another tool took the hook's place on this thread: what runs here will end unseen."""
        kept = []
        for entry in self.stack:
            if entry.kind == BOUNDARY:
                kept.append(entry)
            elif entry.kind == RECORDED:
                self.running -= 1
                self.count(entry.slot)
                self.lose(entry.slot, HOOK_REPLACED)
                self._close(entry)
        self.stack = kept

    # --- Boundaries and greenlets ---

    def push_boundary(self, slot: Slot) -> None:
        self._follow_greenlet()
        self.stack.append(Entry(BOUNDARY, 0, self.contexts.current(), slot))

    def remove_boundary(self, number: int) -> None:
        self._follow_greenlet()
        remove_boundary(self.stack, number)

    def _follow_greenlet(self) -> None:
        greenlet = sys.modules.get("greenlet")
        current = getattr(greenlet, "getcurrent", None)
        if current is None:
            return
        now = current()
        if self.greenlet is None:
            # Until now greenlet was not loaded: what is on the stack runs in the thread's first one.
            self.greenlet = id(now)
            while now.parent is not None:
                now = now.parent
            first = id(now)
            if first == self.greenlet:
                return
            self.greenlet, now = first, current()
        if id(now) != self.greenlet:
            if self.stack or self.contexts.is_inside():
                self.other_greenlets[self.greenlet] = (self.stack, self.contexts)
            self.stack, self.contexts = self.other_greenlets.pop(id(now), ([], ContextWatch()))
            self.greenlet = id(now)

    def is_of_greenlets(self) -> bool:
        self._follow_greenlet()
        return self.greenlet is not None

    def _trace_of_parent_greenlet(self) -> Slot | None:
        if self.greenlet is None or self.stack:
            return None
        parent = sys.modules["greenlet"].getcurrent().parent
        below = nearest(self.other_greenlets.get(id(parent), ([], None))[0])
        return below.slot if below is not None else None

    def enter(self) -> None:
        self._follow_greenlet()
        self._unpark()

    def _unpark(self) -> None:
        if self.is_parked:
            self.ring.unpark()
            self.is_parked = False

    def leave_idle(self) -> None:
        if self.running == 0 and not self.is_parked:
            self.ring.park()
            self.is_parked = True

    # --- Which trace ---

    def place(self) -> Place:
        below = nearest(self.stack)
        is_in_same_context = below is not None and below.context == self.contexts.current()
        if below is not None and is_in_same_context:
            slot = below.slot
            if below.kind == RECORDED:
                return Place(slot, below, is_over=self._is_over(slot))
            return Place(slot if slot.state == LIVE else None)
        found = self.process.live(trace_in_context()) or self.process.live(self.adopted)
        if found is None:
            found = self._trace_of_parent_greenlet()
            if found is None or found.state != LIVE:
                return _NOWHERE
        if below is not None and below.kind == RECORDED and below.slot is found:
            return Place(found, below)
        return Place(found)

    def _is_over(self, slot: Slot) -> bool:
        return slot.state != LIVE and time.monotonic_ns() - slot.end_ticks > _JOINABLE_NS

    # --- Accounting ---

    def count(self, slot: Slot) -> None:
        """Before anything is written: what is torn off was emitted."""
        ring = self.ring
        ring.count_emitted()
        slot.emitted[ring.number] = slot.emitted.get(ring.number, 0) + 1

    def lose(self, slot: Slot, reason: int) -> None:
        key = (self.ring.number, reason)
        in_slot = slot.lost if slot.number in self.process.slots else self.process.lost
        for lost in (in_slot, self.process.lost_in_all):
            lost[key] = lost.get(key, 0) + 1

"""What a thread is running, as far as it is recorded: entries, and how the nearest is found."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kolo_probe.pure.slots import Slot

RECORDED = 0
START_DROPPED = 1  # its start was lost, so all that follows will be
SEGMENT_DROPPED = 2  # going on was lost, so the end of this segment will be
BOUNDARY = 3  # a trace began here: nothing below is inherited

MOST_ENTRIES = 1 << 20
MOST_SUSPENDED = 1 << 17


class Entry:
    """An activation that runs or is suspended, or a boundary. `context` tells one contextvars.Context from
    another while it is on the stack; `boundary` is the trace that began above it and had not ended when it
    was suspended."""

    __slots__ = (
        "boundary", "code", "context", "frame", "is_root", "kind", "ordinal", "parent_ordinal", "parent_ring",
        "resumed_at", "ring", "slot", "was_suspended", "was_thrown",
    )  # fmt: skip

    def __init__(self, kind: int, frame: int, context: int, slot: Slot) -> None:
        self.kind = kind
        self.frame = frame  # its address; 0 of a boundary
        self.context = context
        self.slot = slot
        self.ring = 0
        self.ordinal = 0
        self.parent_ring = 0
        self.parent_ordinal = 0
        self.code = 0
        self.is_root = False
        self.was_suspended = False
        self.was_thrown = False
        self.resumed_at: int | None = None
        self.boundary: Slot | None = None


def nearest(stack: list[Entry]) -> Entry | None:
    """The nearest recorded entry or boundary from the top down."""
    for entry in reversed(stack):
        if entry.kind in (RECORDED, BOUNDARY):
            return entry
    return None


def index_of(stack: list[Entry], frame: int) -> int:
    """Where the entry of `frame` is, from the top down; -1 when there is none."""
    for index in range(len(stack) - 1, -1, -1):
        if stack[index].frame == frame:
            return index
    return -1


def remove_boundary(stack: list[Entry], number: int) -> None:
    for index in range(len(stack) - 1, -1, -1):
        if stack[index].kind == BOUNDARY and stack[index].slot.number == number:
            del stack[index]
            return

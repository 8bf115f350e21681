"""Everything that belongs to this process while it records, and the configuration it keeps over forks."""

from __future__ import annotations

import itertools
import os
import time
from _thread import get_ident

from kolo_probe.pure.encoder import Limits
from kolo_probe.pure.layout import BLOCK_BYTES, LIVE, TRACE_SLOTS
from kolo_probe.pure.redaction import Redaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kolo_probe.pure.recorder import Place
    from kolo_probe.pure.ring import Ring
    from kolo_probe.pure.slots import Slot
    from kolo_probe.pure.stack import Entry

_FILTERS = ("include_frames", "ignore_frames", "library_folders", "own_folders")
_MOST_EVENT_BYTES = (BLOCK_BYTES - 128) // 2  # an event's record must fit a block, whatever is asked for


class Configuration:
    """What configure() fixed; kept over forks. `settings` are those of _settings.native_settings()."""

    def __init__(self, settings: dict[str, Any]) -> None:
        settings["max_event_bytes"] = min(settings["max_event_bytes"], _MOST_EVENT_BYTES)
        self.settings = settings
        self.redaction = Redaction(settings["redact"])
        self.limits = Limits(settings)
        self.span_limits = _span_limits(settings)
        self.has_values: bool = settings["values"]
        self.has_locals: bool = not settings["omit_return_locals"]
        self.waits: bool = settings["when_full"] == "wait"
        self.wait_s: float = settings["wait_ms"] / 1000
        self.patterns: list[tuple[list[str], str, list[str]]] = []
        self.dispatcher: Callable[..., None] | None = None

    def has_filters_of(self, settings: dict[str, Any]) -> bool:
        return all(self.settings[key] == settings[key] for key in _FILTERS)

    def matching(self, name: str, path: str) -> list[int]:
        """The processors that match code of this name in that file."""
        return [
            index
            for index, (names, fragment, _events) in enumerate(self.patterns)
            if name in names and fragment in path
        ]


class Process:
    """`parent` is the id of the process it was forked from, where that one recorded; `serial` is counted over
    forks and tells whose a code's number is. `wake` is to be set by whoever drains it."""

    def __init__(self, configuration: Configuration, parent: bytes | None, serial: int) -> None:
        size = configuration.settings["arena_mb"] << 20
        self.configuration = configuration
        self.parent = parent
        self.serial = serial
        self.id = os.urandom(16)
        self.first_clock = clock_pair()
        # As an arena of that size is divided: an eighth for codes, the rest blocks.
        self.codes = bytearray()
        self.codes_room = size // 8
        self.most_blocks = (size - self.codes_room) // BLOCK_BYTES
        self.pool: list[None] = [None] * self.most_blocks
        self.rings: list[Ring] = []
        self.slots: dict[int, Slot] = {}
        self.suspended: dict[int, Entry] = {}  # by the frame's address
        self.next_code = 1
        self.codes_lost = [0]
        self.traces_refused: dict[int, int] = {}  # by thread
        self.lost: dict[tuple[int, int], int] = {}  # of no one trace (any more), by ring and reason
        self.lost_in_all: dict[tuple[int, int], int] = {}  # for status()
        self.span_numbers = itertools.count(1)
        self.open_spans: dict[int, Place] = {}  # where each began
        self.wake: Callable[[], None] = _nothing
        self.is_stopped = False

    def live(self, number: int) -> Slot | None:
        slot = self.slots.get(number)
        return slot if slot is not None and slot.state == LIVE else None

    def has_slot_left(self) -> bool:
        if len(self.slots) < TRACE_SLOTS:
            return True
        here = get_ident()
        self.traces_refused[here] = self.traces_refused.get(here, 0) + 1
        return False


def _span_limits(settings: dict[str, Any]) -> Limits:
    """What a processor tells is chosen by it: only size bounds it, and a hostile structure's time."""
    size = min(settings["span_bytes"], _MOST_EVENT_BYTES)
    return Limits({
        **settings, "max_depth": 8, "max_items": settings["span_items"], "max_text": settings["span_text"],
        "max_attributes": 24, "max_event_bytes": size, "max_value_bytes": size, "max_event_us": 5000,
    })  # fmt: skip


def clock_pair() -> tuple[int, int, int]:
    """Ticks, which are CLOCK_MONOTONIC's nanoseconds here, the same as such, and the real time of both."""
    ticks = time.monotonic_ns()
    return ticks, ticks, time.time_ns()


def _nothing() -> None:
    return

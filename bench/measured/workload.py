"""What a measured process runs: bursts of one kind of work, with the number of events they are known to
give."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

COUNTED = -1


@dataclass(frozen=True)
class Workload:
    """One kind of work.

    `events`: what recording one burst gives, counted by hand; None where only the probe can tell.
    `filtered`: what one burst does in code that the filters reject (calls, or frames that an exception
    crosses, or C calls); COUNTED where the untraced process counts the calls; None where the work is
    recorded.
    """

    name: str
    burst: Callable[[], object]
    events: int | None = None
    filtered: int | None = None


def counted_calls(workload: Workload) -> int:
    """How often a burst enters a frame, generators each time they go on: as a profile hook counts."""
    count = 0

    def count_call(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(count_call)
    try:
        workload.burst()
    finally:
        sys.setprofile(None)
    return count

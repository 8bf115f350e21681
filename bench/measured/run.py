"""The measured process: python run.py ARM GROUP [WORKLOAD TO LEAVE OUT]...

Prints a line of JSON for each workload as soon as it is measured: its name, the least seconds a burst took,
the events that the recorder counted in one burst, and what the burst does in filtered code.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import calls
import filtered
import programs
from recorders import RECORDERS, Recorder
from workload import COUNTED, Workload, counted_calls

BURSTS = 3  # in one block: the first one finds code that the recorder has not seen
BLOCKS = 3
ENOUGH_S = 0.3


def measure(recorder: Recorder, workload: Workload) -> dict[str, Any]:
    best, spent, events = float("inf"), 0.0, None
    for _ in range(BLOCKS):
        with recorder.recording():
            for _ in range(BURSTS):
                before = recorder.emitted()
                started = time.perf_counter()
                workload.burst()
                seconds = time.perf_counter() - started
                after = recorder.emitted()
                best, spent = min(best, seconds), spent + seconds
                if spent > ENOUGH_S:
                    break
        if before is not None and after is not None:
            events = after - before
            assert workload.events in (None, events), f"{workload.name}: {events}, not {workload.events}"
        if spent > ENOUGH_S:
            break
    return {"workload": workload.name, "seconds": best, "events": events}


def main() -> None:
    arm, group, *left_out = sys.argv[1:]
    workloads = {
        "calls": lambda: [*calls.WORKLOADS, *filtered.WORKLOADS],
        "programs": programs.workloads,
    }[group]()
    recorder = RECORDERS[arm]()
    for workload in workloads:
        if workload.name in left_out:
            continue
        found = measure(recorder, workload)
        found["filtered"] = workload.filtered
        if arm == "untraced" and workload.filtered == COUNTED:
            found["filtered"] = counted_calls(workload)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

"""What recording costs: every way to record over every kind of work, beside the untraced program.

Arms: a hook that does nothing, kolo-probe with its default hook and with the profile hook, each without and
with values, and the peers that are installed (packaging/requirements-bench.txt), at their defaults. Each arm
runs in processes of its own, kolo-probe with a collector of its own; what is compared is the least time of a
burst over all repetitions. The probe counts the events of a burst, and where the work is simple enough the
count is compared with one made by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from arms import Measures, interleaved, machine, parsed, project, write
from harness.project import Project
from table import Found, print_overhead

sys.path.insert(0, str(Path(__file__).resolve().parent / "measured"))

from recorders import PEERS, RECORDERS

RUN = Path(__file__).resolve().parent / "measured" / "run.py"

GROUPS = ("calls", "programs")
PATIENCE_S = 45  # for one arm over one group
SLOW_S = 6  # an arm that takes longer than this is measured in every third repetition
COUNTING_ARM = "probe"

# The whole programs are installed as libraries are, and recorded nevertheless; the measuring itself is not.
FILTERS = """
[tool.kolo.filters]
include_frames = ["/sqlglot/", "/bm_"]
ignore_frames = ["/measured/run.py", "/measured/recorders.py"]
"""
# A program that outruns its collector waits, as under kolo-probe run: the loss of none is part of the price.
PROBE_CONFIG = 'collector = "require"\nwhen_full = "wait"\nwait_ms = 600_000\n'


@dataclass
class Notes:
    """What was found out on the way."""

    events: dict[str, float] = field(default_factory=dict)  # of a burst, by workload
    filtered: dict[str, float] = field(default_factory=dict)  # what a burst does in filtered code
    missing: dict[str, str] = field(default_factory=dict)  # by arm: why it cannot be had here
    too_slow: dict[str, list[str]] = field(default_factory=dict)  # by arm: workloads left out
    slow: set[tuple[str, str]] = field(default_factory=set)  # (arm, group)
    rounds: dict[tuple[str, str], int] = field(default_factory=dict)


def configure(where: Project, arm: str) -> None:
    pyproject = where.folder / "pyproject.toml"
    if arm == "Kolo":
        # What it makes of a trace afterwards, in a process of its own, would disturb the next arm.
        pyproject.write_text(f"[tool.kolo]\nauto_emit = false\n{FILTERS}")
    else:
        pyproject.write_text(f"[tool.kolo]\n{PROBE_CONFIG}{FILTERS}")
    if arm.startswith(("probe", "profile")):
        where.start_collector()


def run_group(arm: str, group: str, notes: Notes) -> Measures:
    """Seconds of the least burst, by workload, as far as the arm came."""
    left_out = notes.too_slow.get(arm, [])
    with project() as where:
        configure(where, arm)
        printed, said = where.folder / "printed", where.folder / "said"
        with printed.open("wb") as output, said.open("wb") as errors:
            running = subprocess.Popen(
                [sys.executable, str(RUN), arm, group, *left_out],
                cwd=where.folder,
                env=where.environment(),
                stdout=output,
                stderr=errors,
            )
            try:
                code = running.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                code = None
        lines = [json.loads(line) for line in printed.read_text().splitlines() if line.endswith("}")]
        if code not in (0, None) and arm in PEERS:
            notes.missing[arm] = said.read_text().strip().splitlines()[-1]
        elif code not in (0, None):
            raise SystemExit(f"{arm}, {group}: ended with {code}:\n{said.read_text()}")
    for line in lines:
        if arm == "untraced":
            notes.events.setdefault(line["workload"], 0)
            if line["filtered"] is not None:
                notes.filtered[line["workload"]] = line["filtered"]
        elif arm == COUNTING_ARM:
            notes.events[line["workload"]] = line["events"]
    done = {line["workload"]: line["seconds"] for line in lines}
    if code is None:
        skipped = next(name for name in notes.events if name not in done and name not in left_out)
        notes.too_slow.setdefault(arm, []).append(skipped)
    return done


def measured(arm: str, notes: Notes) -> Measures:
    found: Measures = {}
    for group in GROUPS:
        round_number = notes.rounds.get((arm, group), 0)
        notes.rounds[arm, group] = round_number + 1
        if arm in notes.missing or ((arm, group) in notes.slow and round_number % 3 != 0):
            continue
        started = time.perf_counter()
        found.update(run_group(arm, group, notes))
        if time.perf_counter() - started > SLOW_S:
            notes.slow.add((arm, group))
    return found


def main() -> None:
    options = parsed(__doc__)
    notes = Notes()
    results = interleaved({arm: partial(measured, arm, notes) for arm in RECORDERS}, options.repetitions)
    facts = {
        "events": notes.events,
        "filtered": notes.filtered,
        "missing": notes.missing,
        "too_slow": notes.too_slow,
        "repetitions": options.repetitions,
    }
    write(options.json, "overhead", results, **facts)
    if options.json is None:  # else table.py shows it
        print_overhead(Found.from_result({"machine": machine(), "results": results, **facts}))


if __name__ == "__main__":
    main()

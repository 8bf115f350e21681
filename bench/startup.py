"""What the probe adds to a process's start, in milliseconds.

Budget: 30 ms. Four ways to look at it: inside a process, from before the import to inside the first
`enable()`; a whole process that does nothing else, with its flush at exit; and `kolo-probe run` and
`KOLO_PROBE=1 python` of an empty script beside plain Python. The collector runs already, as it does for all
processes but the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

from arms import Measures, interleaved, least, medians, parsed, project, python, report, write
from harness.processes import program
from harness.project import Project

INSIDE = """
import json, time
started, cpu = time.perf_counter(), time.thread_time()
import kolo_probe
imported = time.perf_counter()
with kolo_probe.enable(name="measured"):
    enabled, cpu = time.perf_counter(), time.thread_time() - cpu
print(json.dumps({
    "import": (imported - started) * 1e3,
    "import + enable": (enabled - started) * 1e3,
    "import + enable, CPU": cpu * 1e3,
}))
"""
ENABLED = "import kolo_probe\nwith kolo_probe.enable():\n    pass\n"


def whole(where: Project, *command: str, **environment: str) -> Measures:
    """Wall and CPU time of a process from start to end."""
    before, started = os.times(), time.perf_counter()
    told = where.environment(**environment)
    subprocess.run(command, cwd=where.folder, env=told, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"ms": wall * 1e3, "CPU ms": cpu * 1e3}


def main() -> None:
    options = parsed(__doc__)
    with project('collector = "require"\n') as where:
        where.start_collector()
        empty, enabled = where.folder / "empty.py", where.folder / "enabled.py"
        empty.write_text("pass\n")
        enabled.write_text(ENABLED)
        arms = {
            "python empty.py": partial(whole, where, sys.executable, str(empty)),
            "python enabled.py": partial(whole, where, sys.executable, str(enabled)),
            "kolo-probe run empty.py": partial(whole, where, program("kolo-probe"), "run", str(empty)),
            "KOLO_PROBE=1 python empty.py": partial(whole, where, sys.executable, str(empty), KOLO_PROBE="1"),
        }
        results = interleaved(arms, options.repetitions * 3)
        inside = interleaved({"inside": lambda: python(where, INSIDE)}, options.repetitions * 3)
    best, middle = least(results), medians(results)
    plain = best["python empty.py"]
    table = {
        name: [
            best[name]["ms"],
            middle[name]["ms"],
            best[name]["ms"] - plain["ms"],
            best[name]["CPU ms"] - plain["CPU ms"],
        ]
        for name in results
    }
    report("ms for a whole process, start to end", ["least", "median", "added", "CPU added"], table)
    least_inside, middle_inside = least(inside)["inside"], medians(inside)["inside"]
    steps = {name: [least_inside[name], middle_inside[name]] for name in least_inside}
    report("ms inside the process (budget 30)", ["least", "median"], steps)
    write(options.json, "startup", {**results, **inside}, budget_ms=30)


if __name__ == "__main__":
    main()

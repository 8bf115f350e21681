"""Measuring arms against each other: interleaved in one run, the minimum of several repetitions, as a table
and as JSON.

Every bench/*.py is a program of its own, run with the Python that kolo-probe is installed in:

    python bench/overhead.py [--repetitions 7] [--json FILE]

`./dev bench` runs them all, with any Python, and bench/table.py makes one table of what they wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The end-to-end tests' way of starting daemons and servers is used here as well.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from harness.project import Project

LEAST_REPETITIONS = 7

Measures = dict[str, float]


def parsed(description: str) -> argparse.Namespace:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repetitions", type=int, default=LEAST_REPETITIONS, help="of each arm (default: 7)")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    return parser.parse_args()


def interleaved(arms: Mapping[str, Callable[[], Measures]], repetitions: int) -> dict[str, list[Measures]]:
    """Runs the arms in turn, `repetitions` times round, so that what disturbs the machine disturbs them
    all."""
    results: dict[str, list[Measures]] = {name: [] for name in arms}
    for repetition in range(repetitions):
        for name, measure in arms.items():
            results[name].append(measure())
        if sys.stderr.isatty():
            print(f"\r{repetition + 1} of {repetitions}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    return results


def least(results: Mapping[str, list[Measures]]) -> dict[str, Measures]:
    """The minimum of each measure of each arm: what disturbs only ever adds. A run may lack a measure."""
    return {name: _over_runs(runs, min) for name, runs in results.items()}


def medians(results: Mapping[str, list[Measures]]) -> dict[str, Measures]:
    return {name: _over_runs(runs, statistics.median) for name, runs in results.items()}


def _over_runs(runs: list[Measures], choose: Callable[[list[float]], float]) -> Measures:
    keys = dict.fromkeys(key for run in runs for key in run)
    return {key: choose([run[key] for run in runs if key in run]) for key in keys}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    return {"python": platform.python_version(), "cpu": model, "cores": os.cpu_count()}


def report(title: str, columns: list[str], table: Mapping[str, list[float]], digits: int = 2) -> None:
    """Prints one table: a line for each arm."""
    width = max(len(name) for name in table)
    print(f"\n{title}")
    print(" " * width, *(f"{column:>18}" for column in columns))
    for name, values in table.items():
        print(f"{name:<{width}}", *(f"{value:>18.{digits}f}" for value in values))


def write(path: Path | None, what: str, results: Mapping[str, Any], **facts: Any) -> None:
    """Writes everything that was measured, when a file was asked for."""
    if path is not None:
        told = {"benchmark": what, "machine": machine(), "results": results, **facts}
        path.write_text(json.dumps(told, indent=1) + "\n")


@contextmanager
def project(config: str = "") -> Iterator[Project]:
    """A project folder that is gone afterwards, with all that ran for it."""
    with tempfile.TemporaryDirectory(prefix="kolo-bench-") as folder:
        made = Project(Path(folder))
        made.configure(config)
        try:
            yield made
        finally:
            made.close()


def python(where: Project, script: str, *words: str, **environment: str) -> dict[str, Any]:
    """Runs a script (its text) in a fresh Python and returns the JSON that it prints last."""
    path = where.folder / "measured.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path), *words],
        cwd=where.folder,
        env=where.environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or done.stderr:
        raise SystemExit(f"the measured program failed with {done.returncode}:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer

"""Every case of cases/ gives the activations that it says, on every Python found and with each of its hooks.

All programs of a Python and hook run in one process, and once more under PYTHONMALLOC=debug and -X dev.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from arms import Arm, arms, has, pure_arms, pythons, shown_trace, version_text
from cases import CASES, Case
from drawing import drawn, expected, is_unlike, with_known_names

pytestmark = pytest.mark.usefixtures("installed")

DRIVER = str(Path(__file__).with_name("driver.py"))
DEBUG = ("-X", "dev")  # PYTHONMALLOC=debug, checks of the interpreter's own, asyncio's debug mode

ARMS = arms() + pure_arms() + [Arm(python, python.hooks[0], DEBUG) for python in pythons()]


@dataclass
class Run:
    """What one process with all programs left."""

    folder: Path
    reports: dict[str, dict[str, Any]]
    status: dict[str, Any]
    stderr: str


def runnable(case: Case, arm: Arm) -> bool:
    return case.since <= arm.python.version and (case.needs is None or has(arm.python, case.needs))


def record(arm: Arm, folder: Path) -> Run:
    (folder / "cases").mkdir()
    programs = [
        {"name": case.name, "path": str(folder / f"cases/{number}.py"), "program": case.source}
        for number, case in enumerate(CASES)
        if runnable(case, arm)
    ]
    (folder / "cases.json").write_text(json.dumps(programs))
    done = arm.python.run(*arm.options, DRIVER, "cases.json", arm.setting, folder=folder)
    assert done.returncode == 0, done.stderr
    *reports, status = map(json.loads, done.stdout.splitlines())
    return Run(folder, {report["name"]: report for report in reports}, status, done.stderr)


@pytest.fixture(scope="session", params=ARMS, ids=str)
def arm(request) -> Arm:
    return request.param


@pytest.fixture(scope="session")
def run(arm):
    with tempfile.TemporaryDirectory(prefix="kolo-trace-tests-") as folder:
        yield record(arm, Path(folder))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gives_these_activations(run, arm, case):
    if case.since > arm.python.version:
        pytest.skip(f"needs Python {version_text(case.since)}")
    if not runnable(case, arm):
        pytest.skip(f"{case.needs} is not installed for this Python")
    report = run.reports[case.name]
    if is_unlike(case.unlike, arm.place):
        summary = shown_trace(run.folder, report["trace_id"])["trace"]
        assert summary["emitted"] == summary["stored"] + summary["lost"]
        return
    assert report["raised"] == case.raises
    trace = shown_trace(run.folder, report["trace_id"], case.shows)
    got = drawn(trace["activations"], case.shows)
    assert got == with_known_names(expected(case.gives, arm.place), got, arm.place)
    summary = trace["trace"]
    assert (summary["status"], summary["lost"], summary["notes"]) == ("complete", 0, {})
    assert summary["emitted"] == summary["stored"]


def test_the_programs_ran_clean(run, arm):
    """Nothing on standard error but what the programs say there; the hook that was asked for, and no loss."""
    left = run.stderr
    for case in CASES:
        if case.stderr is not None and runnable(case, arm):
            left, count = re.subn(case.stderr, "", left, count=1, flags=re.DOTALL)
            assert count == 1, f"{case.name}: {case.stderr} not found in\n{run.stderr}"
    if arm.hook == "pypy":  # which says more, and later, of what objects do when they are collected
        left = "".join(line for line in left.splitlines() if "kolo" in line.replace("kolo-trace-tests", ""))
    assert left.strip() == ""
    assert run.status["hook"] == arm.setting

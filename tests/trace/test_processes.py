"""Programs in processes of their own, on every Python found and with each of its hooks."""

from __future__ import annotations

import re
import tempfile
import time
from itertools import groupby
from pathlib import Path

import pytest
from arms import Arm, Place, arms, pure_arms, shown_trace, traces, version_text
from cases.processes import CASES
from drawing import drawn, expected, is_unlike, with_known_names

pytestmark = pytest.mark.usefixtures("installed")

TAKEOVER_TIMEOUT_S = 20  # for the collector to take over what a process left behind


@pytest.fixture(scope="session", params=arms() + pure_arms(), ids=str)
def arm(request) -> Arm:
    return request.param


@pytest.fixture(scope="session")
def folder(arm):
    """One store for all programs of an arm: they share a collector."""
    with tempfile.TemporaryDirectory(prefix="kolo-trace-tests-") as name:
        yield Path(name)


def stored(folder: Path, known: set[str], place: Place) -> list[str]:
    """The traces that are not known yet, as lines; three or more calls of one function in a row are one."""
    lines = []
    new = [trace for trace in traces(folder) if trace["id"] not in known]
    for trace in sorted(new, key=lambda trace: trace["started_at"]):
        assert trace["lost"] == 0
        lines.append(f"{trace['kind']} {trace['status']}")
        found = drawn(shown_trace(folder, trace["id"])["activations"], ())
        for called, same in groupby(found, key=lambda line: re.match(r" *\S+", line)[0]):
            calls = list(same)
            lines += [f"    {line}" for line in (calls if len(calls) < 3 else [f"{called} …"])]
    return lines


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gives_these_traces(folder, arm, case):
    if case.since > arm.python.version:
        pytest.skip(f"needs Python {version_text(case.since)}")
    if is_unlike(case.unlike, arm.place):
        pytest.skip(f"docs/capture.md: {case.unlike}")
    known = {trace["id"] for trace in traces(folder)} if (folder / ".kolo").exists() else set()
    (folder / "program.py").write_text(case.source)
    done = arm.python.run("-m", "kolo_probe", "run", "--hook", arm.setting, "program.py", folder=folder)
    assert (done.returncode, done.stdout) == (case.exit_code, case.stdout), done.stderr
    assert re.fullmatch(case.stderr, done.stderr, re.DOTALL)
    gives = expected(case.gives, arm.place)
    deadline = time.monotonic() + TAKEOVER_TIMEOUT_S
    while (got := stored(folder, known, arm.place)) != with_known_names(gives, got, arm.place):
        # Only a process that ends by itself waits until all of it is stored.
        assert "script crashed" in gives, got
        assert time.monotonic() < deadline, got
        time.sleep(0.05)

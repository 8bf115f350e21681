"""Programs made at random give the same activations on every Python and with each of its hooks.

No line says what is right here: that a hook of 3.9 and one of 3.13, which have next to nothing in common, are
wrong in the same way is what is taken to be impossible. KOLO_LONG=1 tries more programs.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from arms import Arm, arms, pure_arms, shown_trace
from drawing import PROFILES, drawn
from random_programs import random_program
from test_activations import DRIVER

pytestmark = pytest.mark.usefixtures("installed")

SEEDS = range(500 if os.environ.get("KOLO_LONG") == "1" else 15)


def recorded(arm: Arm, folder) -> dict[str, list[str]]:
    """The lines of each program."""
    programs = [{"name": str(n), "path": f"/random/{n}.py", "program": random_program(n)} for n in SEEDS]
    (folder / "cases.json").write_text(json.dumps(programs))
    done = arm.python.run(DRIVER, "cases.json", arm.setting, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    *reports, _ = map(json.loads, done.stdout.splitlines())
    lines = {}
    for report in reports:
        trace = shown_trace(folder, report["trace_id"])
        assert (trace["trace"]["status"], trace["trace"]["lost"]) == ("complete", 0)
        lines[report["name"]] = drawn(trace["activations"], ())
    return lines


def common(lines: list[str], *, is_profiled: bool) -> list[str]:
    """Without what some hook or version cannot see: see docs/capture.md."""
    ending, instead = (r"raised.*|abandoned|cut off", "raised") if is_profiled else ("cut off", "abandoned")
    return [re.sub(f" ({ending})$", f" {instead}", line) for line in lines]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """What the first arm with a hook that sees exceptions gives."""
    return recorded(arms()[0], tmp_path_factory.mktemp("first"))


@pytest.mark.parametrize("arm", arms()[1:] + pure_arms(with_pypy=False), ids=str)
def test_every_hook_gives_the_same(tmp_path, arm, first):
    assert sum(map(len, first.values())) > 20 * len(SEEDS)
    found = recorded(arm, tmp_path)
    for n in first:
        is_profiled = arm.hook in PROFILES
        wanted = common(first[n], is_profiled=is_profiled)
        assert common(found[n], is_profiled=is_profiled) == wanted, random_program(int(n))

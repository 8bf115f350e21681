"""docs/capture.md and the cases name the same gaps: what the interpreter withholds from a hook."""

from __future__ import annotations

import re

from arms import ROOT
from cases import CASES
from cases.processes import CASES as PROCESSES
from drawing import remarks_of

ALWAYS = {"exception"}  # applied to every line of the profile hook, see drawing.py


def test_each_row_has_a_case_and_each_remark_a_row():
    table = (ROOT / "docs/capture.md").read_text().partition("## What a hook cannot see")[2]
    rows = re.findall(r"^\| ([a-z -]+) \|", table, re.MULTILINE)[1:]
    named = {
        remark.gap
        for case in (*CASES, *PROCESSES)
        for line in [*case.gives.splitlines(), f"  # {case.unlike}" if case.unlike else ""]
        for remark in remarks_of(line)[1]
        if remark.gap
    }
    assert sorted(rows) == sorted(named | ALWAYS)

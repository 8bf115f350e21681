"""What bench/overhead.py divides times by: the number of events that a burst of work gives."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from harness.project import ROOT

RUN = ROOT / "bench" / "measured" / "run.py"


@pytest.mark.parametrize("arm", ["probe", "profile+v"])
def test_a_burst_gives_the_events_that_were_counted_by_hand(project, arm):
    """Contract: with the default hook and with the profile hook, calls, steps, awaits and exceptions give the
    same events, no more and no fewer than the work is known to have; filtered work gives none.
    """
    project.configure('filters = { ignore_frames = ["/measured/run.py", "/measured/recorders.py"] }\n')
    project.start_collector()
    # The measured process compares them itself, and fails where they differ or one is lost.
    done = subprocess.run(
        [sys.executable, str(RUN), arm, "calls"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(measured) == 12
    assert all(line["events"] for line in measured), measured

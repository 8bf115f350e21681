"""The two functions that set a hook without a trace, and what the profile hook makes of C functions."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from activation_lines import HOOKS

# Itself it is "<string>", which is not recorded: what counts is what happens in the code below.
PROGRAM = """
import json, sys
import kolo_probe
from kolo_probe import _probe, _session

code = "def call(): return 1\\ndef nested(): return call()\\nby = lambda x: -x"
exec(compile(code, "mine.py", "exec"))
here = _session.session({"hook": sys.argv[1], "collector": "off"})

def events():
    return _probe.status()["emitted"]

def said(**what):
    print(json.dumps(what))
"""


def said_by(program, hook, folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, hook], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("hook", HOOKS)
def test_register_profiler_sets_the_hook_and_only_a_trace_records(tmp_path, hook):
    said = said_by(
        """
before = _probe.status()["hook"]
_probe.register_profiler()
set_ = _probe.status()["hook"]
call()
outside = events()
with kolo_probe.enable():
    nested()
said(hooks=[before, set_], outside=outside, inside=events())
""",
        hook,
        tmp_path,
    )
    assert said == {"hooks": ["none", hook], "outside": 0, "inside": 4}


@pytest.mark.parametrize("hook", HOOKS)
def test_register_noop_profiler_sets_a_hook_that_records_nothing(tmp_path, hook):
    said = said_by(
        """
_probe.register_noop_profiler()
results = [call(), nested(), sorted([1, 2], key=by)]
status = _probe.status()
said(hook=status["hook"], results=results, emitted=status["emitted"], process=status["process_id"])
""",
        hook,
        tmp_path,
    )
    assert said == {"hook": hook, "results": [1, 1, [2, 1]], "emitted": 0, "process": None}


@pytest.mark.parametrize("hook", HOOKS)
def test_c_functions_are_no_events_and_what_they_call_is(tmp_path, hook):
    said = said_by(
        """
with kolo_probe.enable():
    for _ in range(1000):
        len([]); abs(-1); "a".join("b"); [].append(1)
        try:
            int("x")
        except ValueError:
            pass
    of_c = events()
    sorted([3, 1, 2], key=by)
    of_lambda = events() - of_c
    said(c=of_c, by=of_lambda)
""",
        hook,
        tmp_path,
    )
    assert said == {"c": 0, "by": 6}

"""Short-lived code: executed, defined and dropped again and again, so that new code lies where old code lay.

Each call has the name, file and result of its own code; no number is given twice; memory stays as it was.
KOLO_LONG=1 makes it 200 000 pieces of code, which are more than an arena has room for.
"""

from __future__ import annotations

import json
import os
import sqlite3

import pytest
from arms import Arm, arms, read, traces

pytestmark = pytest.mark.usefixtures("installed")

COUNT = 100_000 if os.environ.get("KOLO_LONG") == "1" else 3_000
MOST_GROWTH_KB = 1_024

PROGRAM = """
import gc, json, sys
import kolo_probe
from kolo_probe._session import session

def anonymous_kb():
    gc.collect()
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

def run(folder, n):
    names = {"__name__": f"m{n}"}
    source = f"def f(x): return x\\nresult = f({n})" if n % 2 else f"f = lambda x: x\\nresult = f({n})"
    exec(compile(source, f"{folder}/{n}.py", "exec"), names)
    assert names["result"] == n

session({
    "hook": sys.argv[1], "when_full": "wait", "filters": {"ignore_frames": ["/many.py"]},
    "limits": {"max_event_us": 1_000_000},
})
count, memory = int(sys.argv[2]), []
with kolo_probe.enable():
    for n in range(count):
        run("/program", n)
        if n in (count // 3, count - 1):
            memory.append(anonymous_kb())
print(json.dumps(memory))
"""


def calls(folder, trace_id):
    """(qualified name, path, result) of every activation; each stands on a line of its own."""
    for line in read("show", trace_id, "--json", folder=folder).splitlines():
        if '"qualname":' in line:
            activation = json.loads(line.rstrip(","))
            yield activation["qualname"], activation["path"], activation["result"]


@pytest.mark.parametrize("arm", arms(), ids=str)
def test_each_call_is_that_of_its_own_code_and_memory_stays_flat(tmp_path, arm: Arm):
    (tmp_path / "many.py").write_text(PROGRAM)
    done = arm.python.run("many.py", arm.hook, str(COUNT), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    early, late = json.loads(done.stdout)
    assert late - early < MOST_GROWTH_KB

    (trace,) = traces(tmp_path)
    assert (trace["activations"], trace["lost"]) == (2 * COUNT, 0)
    found = list(calls(tmp_path, trace["id"]))
    wanted = [
        call
        for n in range(COUNT)
        for call in (
            (f"m{n}.<module>", f"/program/{n}.py", None),
            (f"m{n}.{'f' if n % 2 else '<lambda>'}", f"/program/{n}.py", n),
        )
    ]
    with sqlite3.connect(tmp_path / ".kolo/db.sqlite3") as database:
        ((defined,),) = database.execute("SELECT count(*) FROM code")
    # Each is defined once. What came when the arena had no room for more has no name, and so no other's.
    assert found[:defined] == wanted[:defined]
    assert defined == 2 * COUNT or COUNT >= 50_000
    assert [result for *_, result in found] == [result for *_, result in wanted]
    assert {name for name, *_ in found[defined:]} <= {"code#0"}

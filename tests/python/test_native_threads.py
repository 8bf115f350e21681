"""What is stored of a thread: its name, native id and ident, without making a thread object for it."""

from __future__ import annotations

import json

import pytest
from activation_lines import HOOKS
from test_native_run import command, outcome, traces
from test_run import script

# What the program says of its threads is what has to be stored.
PROGRAM = """
import _thread
import json
import sys
import threading
import kolo_probe

def told():
    return [threading.get_native_id(), threading.get_ident()]

def without_object():
    with kolo_probe.enable(name="raw"):
        found["raw"] = told()
    found["objects"] = [thread.name for thread in threading._active.values()]
    done.release()

found = {}
done = _thread.allocate_lock()
done.acquire()
_thread.start_new_thread(without_object, ())
done.acquire()
with kolo_probe.enable({"hook": sys.argv[1]}, name="named"):
    found["MainThread"] = told()
    worker = threading.Thread(target=lambda: found.update(other=told()), name="w\\u00f6rker \\u8336")
    worker.start()
    worker.join()
print(json.dumps(found))
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_a_thread_has_its_name_and_ids_and_gets_no_dummy_object(installed, tmp_path, hook):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text(f"hook = '{hook}'\n")
    script(tmp_path, PROGRAM)
    done = command("python", "program.py", hook, folder=tmp_path)
    code, out, err = outcome(done)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found.pop("objects") == ["MainThread"]
    stored = {}
    for trace in traces(tmp_path):
        shown = command("kolo-trace", "show", trace["id"], "--json", folder=tmp_path)
        stored[trace["name"]] = {
            thread["name"]: [thread["native_id"], thread["ident"]]
            for thread in json.loads(shown.stdout)["threads"]
        }
    assert stored == {
        "raw": {None: found["raw"]},
        "named": {"MainThread": found["MainThread"], "wörker 茶": found["other"]},
    }

"""Which code the whole probe records: the table of verdicts, and projects where Kolo sees none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_native_run import activations, command, only_trace, outcome
from test_run import script

TABLE_FILE = Path(__file__).parents[1] / "filters/cases.json"
TABLE = json.loads(TABLE_FILE.read_text("utf-8"))

# Calls a function of each path, and sees whether that emitted events. Itself it is "<frozen", which no
# configuration of the table includes.
DRIVER = """
import json, sys
import kolo_probe
from kolo_probe import _probe, _settings

table = json.load(open(sys.argv[1], encoding="utf-8"))
name = sys.argv[2]
for key, folders in table["folders"].items():
    setattr(_settings, key, lambda folders=folders: folders)
cases = [case for case in table["cases"] if case["configuration"] == name]
functions = []
for case in cases:
    exec(compile("def called(): pass", case["path"], "exec"))
    functions.append(called)
verdicts = []
with kolo_probe.enable({"collector": "off", "filters": table["configurations"][name]}):
    for function in functions:
        before = _probe.status()["emitted"]
        function()
        verdicts.append(_probe.status()["emitted"] - before)
print(json.dumps(verdicts))
"""


@pytest.mark.parametrize("name", list(TABLE["configurations"]))
def test_the_probe_gives_each_path_its_verdict(tmp_path, name):
    driver = f"exec(compile({DRIVER!r}, '<frozen driver>', 'exec'))"
    done = subprocess.run(
        [sys.executable, "-c", driver, TABLE_FILE, name], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    cases = [case for case in TABLE["cases"] if case["configuration"] == name]
    found = [(case["path"], events == 2) for case, events in zip(cases, json.loads(done.stdout))]
    assert found == [(case["path"], case["recorded"]) for case in cases]


def test_a_project_below_lib_python_with_a_package_called_kolo_is_recorded_and_libraries_are_not(
    installed, tmp_path
):
    project = tmp_path / "lib/python/shop"
    (project / "kolo").mkdir(parents=True)
    (project / "kolo/__init__.py").write_text("")
    (project / "kolo/config.py").write_text("def price():\n    return 3\n")
    (project / "env/site-packages").mkdir(parents=True)
    (project / "env/site-packages/plugin.py").write_text("def hook():\n    return 1\n")
    script(
        project,
        """
        import json
        import sys
        from kolo.config import price
        sys.path.append("env/site-packages")
        import plugin

        def main():
            return json.loads(json.dumps(price() + plugin.hook()))

        main()
        """,
    )
    assert outcome(command("kolo-probe", "run", "program.py", folder=project)) == (0, "", "")
    recorded = activations(project, only_trace(project))
    assert [found["qualname"] for found in recorded] == [
        "__main__.<module>", "kolo.<module>", "kolo.config.<module>", "__main__.main", "kolo.config.price",
    ]  # fmt: skip

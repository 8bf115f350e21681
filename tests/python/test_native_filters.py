"""Which code the whole probe records: the table of verdicts, and projects where Kolo sees none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_native_run import activations, command, environment, only_trace, outcome
from test_run import script

import kolo_probe

TABLE_FILE = Path(__file__).parents[1] / "filters/cases.json"
PACKAGE = os.path.dirname(os.path.dirname(kolo_probe.__file__))
TABLE = json.loads(TABLE_FILE.read_text("utf-8"))

# Calls a function of each path, and sees whether that emitted events. Itself it is "<frozen", which no
# configuration of the table includes.
DRIVER = """
import json, sys
import kolo_probe
from kolo_probe import _session, _settings

with open(sys.argv[1], encoding="utf-8") as file:
    table = json.load(file)
name, hook = sys.argv[2:]
for key, folders in table["folders"].items():
    found = getattr(_settings, key)()
    setattr(_settings, key, lambda folders=[*folders, *found]: folders)
cases = [case for case in table["cases"] if case["configuration"] == name]
functions = []
for case in cases:
    exec(compile("def called(): pass", case["path"], "exec"))
    functions.append(called)
verdicts = []
with kolo_probe.enable({"collector": "off", "hook": hook, "filters": table["configurations"][name]}):
    status = _session.session().native.status
    for function in functions:
        before = status()["emitted"]
        function()
        verdicts.append(status()["emitted"] - before)
print(json.dumps(verdicts))
"""


# The native probe; the one in Python; and on PyPy, where that is the only one.
PROBES = {"native": (sys.executable, "auto"), "in Python": (sys.executable, "pure")}
if shutil.which("pypy3") is not None:
    PROBES["on PyPy"] = (shutil.which("pypy3"), "auto")


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("name", list(TABLE["configurations"]))
def test_the_probe_gives_each_path_its_verdict(tmp_path, probe, name):
    python, hook = PROBES[probe]
    driver = f"exec(compile({DRIVER!r}, '<frozen driver>', 'exec'))"
    done = subprocess.run(
        [python, "-c", driver, TABLE_FILE, name, hook],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(PYTHONPATH=PACKAGE),
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


# A build backend of its own, so that nothing needs to be downloaded: PEP 660's editable wheel is a .pth file.
BACKEND = """
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "shop_of_a_test-1-py3-none-any.whl", "shop_of_a_test-1.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("shop_of_a_test.pth", os.getcwd())
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: shop-of-a-test\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
SELLING = """
import sys; sys.path.append(sys.argv[1])
import kolo_probe
from kolo_probe import _probe
from shop_of_a_test import sell
with kolo_probe.enable({"collector": "off"}):
    sell()
print(sell.__code__.co_filename, _probe.status()["emitted"])
"""


def test_an_editable_install_is_recorded(tmp_path):
    project, python = tmp_path / "project", tmp_path / "env/bin/python"
    (project / "shop_of_a_test").mkdir(parents=True)
    (project / "shop_of_a_test/__init__.py").write_text("def sell():\n    pass\n")
    (project / "backend.py").write_text(BACKEND)
    (project / "pyproject.toml").write_text(PYPROJECT)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "install", *options, "-e", project], check=True)
    package = os.path.dirname(os.path.dirname(kolo_probe.__file__))
    said = subprocess.run([python, "-c", SELLING, package], capture_output=True, text=True, cwd=tmp_path)
    assert said.stdout == f"{project}/shop_of_a_test/__init__.py 2\n", said.stderr

"""The start-up budget, as what must not be loaded: time is measured by bench/, this holds on any machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import kolo_probe

# Each costs milliseconds, and none is needed by a program without mistakes in its configuration.
HEAVY = {
    "argparse", "asyncio", "concurrent.futures", "dataclasses", "difflib", "email", "importlib.metadata",
    "inspect", "logging", "multiprocessing", "platform", "re", "runpy", "shutil", "socket", "sqlite3",
    "subprocess", "sysconfig", "tempfile", "tomllib", "tomli", "typing",
}  # fmt: skip


def loaded_by(code, tmp_path):
    package = os.path.dirname(os.path.dirname(os.path.abspath(kolo_probe.__file__)))
    program = "import sys; before = set(sys.modules)\n" + code + "\nprint(*sorted(set(sys.modules) - before))"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KOLO", "COV"))
    }
    done = subprocess.run(
        # -S: what a site's .pth files load is not ours.
        [sys.executable, "-S", "-c", program], cwd=tmp_path, env={**kept, "PYTHONPATH": package},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(done.stdout.split())


FAKE = """
import sys, types
fake = types.ModuleType("kolo_probe._probe")
for name in ("configure", "begin_trace", "end_trace", "current_trace", "trace_id", "shutdown", "adopt_trace",
             "set_dispatcher"):
    setattr(fake, name, lambda *a: True)
sys.modules["kolo_probe._probe"] = fake
"""


@pytest.mark.parametrize(
    "code",
    [
        "import kolo_probe",
        "import kolo_probe.cli",
        FAKE + "import kolo_probe\nwith kolo_probe.enable(name='x'): pass",
        FAKE + "import kolo_probe\n@kolo_probe.enable\ndef f(): pass\nf()",
    ],
)
def test_nothing_heavy_is_loaded(code, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
    # functools and collections come with threading, which traces have to follow.
    assert loaded_by(code, tmp_path) & HEAVY == set()


def test_importing_the_package_reads_no_configuration_and_replaces_nothing(tmp_path):
    code = (
        "import threading; start = threading.Thread.start\n"
        "import kolo_probe; assert threading.Thread.start is start"
    )
    assert "kolo_probe._config" not in loaded_by(code, tmp_path)


def test_the_version_is_found_without_importlib_metadata_beside_an_installed_package(tmp_path, monkeypatch):
    from kolo_probe import _identity

    (tmp_path / "kolo_probe").mkdir()
    (tmp_path / "kolo_probe-9.8.7.dist-info").mkdir()
    monkeypatch.setattr(_identity, "__file__", str(tmp_path / "kolo_probe/_identity.py"))
    assert kolo_probe.__version__ == "9.8.7"


def test_the_version_is_unknown_rather_than_an_error(tmp_path, monkeypatch):
    from importlib import metadata

    from kolo_probe import _identity

    def missing(_):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(_identity, "__file__", "/nowhere/kolo_probe/_identity.py")
    monkeypatch.setattr(metadata, "version", missing)
    assert kolo_probe.__version__ == "0+unknown"


def test_there_is_no_other_lazy_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kolo_probe.nonsense  # noqa: B018

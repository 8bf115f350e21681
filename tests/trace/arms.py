"""The Pythons and hooks that every trace test runs on, and how a program is run and read there.

.venv's own Python with the wheel, and each that `./dev test` prepared in build/dev/pythons.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from drawing import Place

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
TIMEOUT_S = 120


class Python(NamedTuple):
    """An interpreter that can import the package."""

    version: tuple[int, int]
    path: str
    folder: Path | None  # what its PYTHONPATH holds beside the tests; None for .venv's

    @property
    def hooks(self) -> tuple[str, str]:
        return ("monitoring" if self.version >= (3, 12) else "frame_eval", "profile")

    def environment(self, **more: str) -> dict[str, str]:
        dropped = ("PYTHON", "KOLO", "COV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        if "PYTHONMALLOC" in os.environ:  # ./dev sanitize
            kept["PYTHONMALLOC"] = os.environ["PYTHONMALLOC"]
        kept["PATH"] = os.pathsep.join([str(PROGRAMS), kept.get("PATH", os.defpath)])  # kolo-collectord
        if self.folder is not None:
            kept["PYTHONPATH"] = os.pathsep.join([str(self.folder), str(self.folder / "site-packages")])
        return {**kept, **more}

    def run(self, *words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.path, *words], cwd=folder, env=self.environment(KOLO_PATH=str(folder), **more),
            capture_output=True, text=True, timeout=TIMEOUT_S,
        )  # fmt: skip

    def __str__(self) -> str:
        return version_text(self.version)


class Arm(NamedTuple):
    """One run of all programs. `options` are the interpreter's. The hook `pure` is the probe in Python; on
    PyPy it is called `pypy`, as what it cannot see differs."""

    python: Python
    hook: str
    options: tuple[str, ...] = ()

    @property
    def setting(self) -> str:
        return "pure" if self.hook == "pypy" else self.hook

    @property
    def place(self) -> Place:
        return Place(self.python.version, self.hook)

    def __str__(self) -> str:
        return " ".join([str(self.python), self.hook, *self.options[-1:]])


def version_text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@cache
def has(python: Python, package: str) -> bool:
    return python.run("-c", f"import {package}", folder=ROOT).returncode == 0


def pythons() -> list[Python]:
    found = [Python(sys.version_info[:2], sys.executable, None)]
    if os.environ.get("KOLO_OWN_PYTHON_ONLY"):  # ./dev sanitize
        return found
    for path in (ROOT / "build/dev/pythons").glob("*/interpreter"):
        major, minor = path.parent.name.split(".")
        found.append(Python((int(major), int(minor)), path.read_text().strip(), path.parent))
    return sorted(found)


PURE_ON = ((3, 11), (3, 13))


def arms() -> list[Arm]:
    """Every hook of every Python."""
    return [Arm(python, hook) for python in pythons() for hook in python.hooks]


def pure_arms(*, with_pypy: bool = True) -> list[Arm]:
    """The probe in Python, on some CPythons and on PyPy, where they are found. Programs whose story depends
    on when objects go are for CPython."""
    found = [Arm(python, "pure") for python in pythons() if python.version in PURE_ON]
    if not with_pypy:
        return found
    pypy = None if os.environ.get("KOLO_OWN_PYTHON_ONLY") else shutil.which("pypy3")
    if pypy is not None:
        version = subprocess.run(
            [pypy, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        found.append(Arm(Python((int(version[0]), int(version[1])), pypy, ROOT / "python"), "pypy"))
    return found


def read(*words: str, folder: Path) -> str:
    """What kolo-trace says of the store in a folder."""
    done = subprocess.run(
        [PROGRAMS / "kolo-trace", *words], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def traces(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read("list", "--json", folder=folder).splitlines()]


def shown_trace(folder: Path, trace_id: str, shows: Sequence[str] = ()) -> dict[str, Any]:
    """A trace as `kolo-trace show` tells it; with "steps" each suspended activation has those, too."""
    found: dict[str, Any] = json.loads(read("show", trace_id, "--json", folder=folder))
    if "steps" in shows:
        for activation in found["activations"]:
            if "suspended_ns" in activation:
                node = json.loads(read("node", trace_id, activation["id"], "--json", folder=folder))
                activation["steps"] = node["steps"]
    return found

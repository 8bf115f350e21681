"""Which Pythons the trace tests can run on: of each minor version the newest on the PATH or under pyenv.

As a program (`./dev test` runs it) it prints, for each that is taken, its version and path, and on standard
error why another one is not.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MINORS = range(9, 15)

# Old enough for anything that calls itself python3.
_ASK = """
import os, sys, sysconfig
print((
    sys.implementation.name, tuple(sys.version_info[:3]), os.path.realpath(sys.executable),
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
))
"""


class Interpreter(NamedTuple):
    implementation: str
    version: tuple[int, int, int]
    path: str
    is_free_threaded: bool
    has_headers: bool

    @property
    def minor(self) -> str:
        return ".".join(map(str, self.version[:2]))

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def why_not(found: Interpreter) -> str | None:
    """Why the probe cannot be built for it and tried, or None."""
    if found.implementation != "cpython":
        return "is not CPython"
    if found.version[:2] < (3, 9):
        return "is older than 3.9"
    if found.is_free_threaded:
        return "is a free-threaded build, in which nothing is recorded"
    if not found.has_headers:
        return "has no Python.h (on Debian: python3-dev)"
    return None


def choose(found: list[Interpreter]) -> tuple[list[Interpreter], list[str]]:
    """The newest usable one of each minor version, oldest first, and what is said of those declined."""
    chosen: dict[str, Interpreter] = {}
    declined = []
    for one in sorted(set(found), key=lambda one: one.version):
        reason = why_not(one)
        if reason is None:
            chosen[one.minor] = one
        else:
            declined.append(f"{one} {reason}")
    return list(chosen.values()), declined


def describe(program: str) -> Interpreter | None:
    """What a program of that name says of itself; None when it is no Python that runs."""
    try:
        done = subprocess.run([program, "-I", "-c", _ASK], capture_output=True, timeout=30, check=True)
        return Interpreter(*ast.literal_eval(done.stdout.decode()))
    except (OSError, subprocess.SubprocessError, ValueError, SyntaxError):
        return None  # a shim of pyenv for a version that is not switched on, for one


def candidates() -> Iterator[str]:
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep)]
    folders += [str(path) for path in Path("~/.pyenv/versions").expanduser().glob("3.*/bin")]
    for folder in folders:
        for minor in MINORS:
            for suffix in ("", "t"):
                program = os.path.join(folder, f"python3.{minor}{suffix}")
                if os.access(program, os.X_OK):
                    yield program


def main() -> None:
    found = [one for one in map(describe, candidates()) if one is not None]
    chosen, declined = choose(found)
    for line in declined:
        print(f"not taken: {line}", file=sys.stderr)
    for one in chosen:
        print(one.minor, one.path)


if __name__ == "__main__":
    main()

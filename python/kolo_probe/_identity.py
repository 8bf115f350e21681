"""Who this process is, as its traces will say: version, Python, git SHA, argv."""

from __future__ import annotations

import os
import sys

from kolo_probe._git import commit_sha
from kolo_probe._paths import current_folder
from kolo_probe._redact import redact_argv
from kolo_probe._text import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
_UNKNOWN_VERSION = "0+unknown"


def identity(redact: Sequence[str]) -> dict[str, object]:
    """The settings that say who the process is: version, git_sha, argv, cwd, python, implementation."""
    cwd = current_folder()
    implementation = sys.implementation.name
    return {
        "version": version(),
        "git_sha": commit_sha(cwd),
        # Absent in an embedded interpreter.
        "argv": redact_argv([encodable(str(argument)) for argument in getattr(sys, "argv", ())], redact),
        "cwd": encodable(cwd),
        "python": sys.version.split()[0],
        "implementation": _IMPLEMENTATIONS.get(implementation, implementation),
    }


def version() -> str:
    """The installed version of kolo-probe, such as "0.1.0".

    Taken from the name of the installed metadata's folder, which lies beside the package: importing
    importlib.metadata takes longer than all the rest of the probe. It is asked where there is no such folder
    (editable installation, zip file).
    """
    beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        entries = os.listdir(beside)
    except OSError:
        entries = []
    for entry in entries:
        if entry.startswith("kolo_probe-") and entry.endswith(".dist-info"):
            return entry[len("kolo_probe-") : -len(".dist-info")]
    from importlib import metadata

    try:
        return metadata.version("kolo-probe")
    except metadata.PackageNotFoundError:
        return _UNKNOWN_VERSION

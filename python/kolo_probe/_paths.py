"""Where things are: the project's folder, its `.kolo`, the collector's program."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLLECTORD = "kolo-collectord"


def current_folder() -> str:
    """The working directory, or "/" when it has been deleted under the process."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def project_folder(environ: Mapping[str, str]) -> str:
    """Absolute path of the folder that holds `.kolo`: KOLO_PATH, else the current folder."""
    return os.path.normpath(os.path.join(current_folder(), environ.get("KOLO_PATH") or "."))


def is_disabled(environ: Mapping[str, str]) -> bool:
    """True when KOLO_DISABLE is set to anything but nothing, "false" and "0"."""
    return environ.get("KOLO_DISABLE", "").strip().lower() not in ("", "false", "0")


def find_collectord(environ: Mapping[str, str]) -> str | None:
    """Absolute path of the kolo-collectord that belongs to this installation, or one on the PATH, or None."""
    for folder in _script_folders(environ):
        candidate = os.path.join(folder, COLLECTORD)
        if os.path.isabs(candidate) and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def _script_folders(environ: Mapping[str, str]) -> Iterator[str]:
    """The nearest first. A generator, as sysconfig costs milliseconds and is seldom needed."""
    if sys.executable:
        yield os.path.dirname(sys.executable)
    yield os.path.join(sys.prefix, "bin")  # sys.executable is another program when Python is embedded (uWSGI)
    # pip install --target=folder puts programs beside the package.
    yield os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin")
    import sysconfig

    yield sysconfig.get_path("scripts")
    if "posix_user" in sysconfig.get_scheme_names():
        yield sysconfig.get_path("scripts", "posix_user")
    yield from environ.get("PATH", os.defpath).split(os.pathsep)

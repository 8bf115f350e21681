"""Where the interpreter's libraries and this package lie: what the filters leave out by default.

Kolo takes a path that contains "lib/python" for a library's; a project may lie under such a path. Here the
interpreter says where its library is. The filters know installed packages by the folders' names themselves.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


def library_folders() -> list[str]:
    """The folders whose code is the interpreter's or an installed package's, each with a "/" at its end: as
    Python names them, and with symbolic links resolved."""
    found = _spellings(_interpreter_folders())
    # sys.path may reach the same folders by other names, and code is named as sys.path reaches it.
    # That is looked up here, once: a filter must not ask the file system.
    entries: list[Any] = sys.path
    for entry in entries:
        is_path = type(entry) is str and entry and "\0" not in entry
        if is_path and _slashed(os.path.realpath(entry)).startswith(tuple(found)):
            found[_slashed(entry)] = None
    return list(found)


def own_folders() -> list[str]:
    """The folder of this package, wherever it is installed (an editable one lies in a project's folder)."""
    return list(_spellings([os.path.dirname(__file__)]))


def _interpreter_folders() -> Iterator[str]:
    # Not from sysconfig, which costs a millisecond of process start: test_library.py shows that nothing that
    # it knows is missing here.
    yield os.path.dirname(getattr(os, "__file__", None) or "")
    name = "python" if sys.implementation.name == "cpython" else sys.implementation.name
    version = f"{name}{sys.version_info[0]}.{sys.version_info[1]}"
    for prefix in dict.fromkeys((sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix)):
        for folder in dict.fromkeys(("lib", "lib64", getattr(sys, "platlibdir", "lib"))):
            yield os.path.join(prefix, folder, version)
            yield os.path.join(prefix, folder, version.replace(".", "") + ".zip")
        if name == "pypy":  # before PyPy 7.3.8
            yield os.path.join(prefix, "lib-python")
            yield os.path.join(prefix, "lib_pypy")
    site = sys.modules.get("site")  # absent under python -S, and then there are no site-packages
    yield from getattr(site, "getsitepackages", list)()
    yield getattr(site, "USER_SITE", None) or ""


def _spellings(folders: Iterable[str]) -> dict[str, None]:
    """Each folder as it is named, as an absolute path, and with symbolic links resolved; in order, and none
    that lies in one before it."""
    found: dict[str, None] = {}
    for folder in folders:
        for spelling in (folder, os.path.abspath(folder), os.path.realpath(folder)) if folder else ():
            name = _slashed(spelling)
            # "/": Python is embedded without a folder of its own; everything would be a library.
            if name != "/" and not name.startswith(tuple(found)):
                found[name] = None
    return found


def _slashed(folder: str) -> str:
    return folder.rstrip("/") + "/"

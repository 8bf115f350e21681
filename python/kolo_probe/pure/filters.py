"""Which code is recorded: what probe/filters.cpp decides, in Python. tests/filters/cases.json drives both.

Once per code object, never per event.
"""

from __future__ import annotations

import os

from kolo_probe._text import recorded_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

MODULE = "module:"


def accepts(path: str, settings: Mapping[str, Any]) -> bool:
    """Whether code of the file name `path` is recorded. As in Kolo: include_frames, then the default ignores,
    then ignore_frames, then include.

    Of the settings it uses `include_frames`, `ignore_frames`, `library_folders` and `own_folders`.

    >>> accepts("/srv/shop/views.py", settings), accepts("/srv/.venv/site-packages/django/views.py", settings)
    (True, False)
    """
    path = recorded_text(path)
    if matches_any(settings["include_frames"], path):
        return True
    if is_ignored_by_default(path, settings):
        return False
    return not matches_any(settings["ignore_frames"], path)


def is_ignored_by_default(path: str, settings: Mapping[str, Any]) -> bool:
    """Whether `path` is a library's, generated code's, or this package's own."""
    return _is_generated(path) or _is_library(path, settings)


def matches_any(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns of include_frames or ignore_frames means `path`."""
    return any(pattern in path or _matches(pattern, path) for pattern in patterns)


def has_closed_sets(pattern: str) -> bool:
    """False where a "[" has no "]": such a pattern is no glob, only a part of a path."""
    at = pattern.find("[")
    while at >= 0:
        first = at + 2 if pattern[at + 1 : at + 2] in ("!", "^") else at + 1
        at = pattern.find("]", first + 1)  # a "]" that comes first is a member of the set
        if at < 0:
            return False
        at = pattern.find("[", at)
    return True


def _matches(pattern: str, path: str) -> bool:
    if pattern.startswith(MODULE):
        place = pattern[len(MODULE) :].replace(".", "/")
        return _matches_glob(f"{place}/*", path) or _matches_glob(f"{place}.py", path)
    is_glob = any(character in pattern for character in "*?[") and has_closed_sets(pattern)
    return is_glob and _matches_glob(pattern, path)


def _matches_glob(pattern: str, path: str) -> bool:
    """As the shell does, but that * and ? match "/" too; it may begin at any folder where it does not say."""
    from fnmatch import fnmatchcase

    pattern = pattern.replace("[^", "[!")
    return fnmatchcase(path, pattern) or (
        not pattern.startswith(("/", "*", "<")) and fnmatchcase(path, f"*/{pattern}")
    )


def _is_generated(path: str) -> bool:
    return (
        path in ("<string>", "<pytest match expression>")
        or path.startswith("<attrs generated")
        or "<frozen " in path
        or "<builtin>/" in path  # PyPy
    )


def _is_library(path: str, settings: Mapping[str, Any]) -> bool:
    if "/./" in path or "/../" in path or "//" in path:
        path = os.path.normpath(path)
    rooted = f"/{path}"
    return (
        "/site-packages/" in rooted
        or "/dist-packages/" in rooted
        or ".whl/" in path  # a .pex file keeps what it depends on in folders named like wheels
        or path.startswith((*settings["library_folders"], *settings["own_folders"]))
    )

"""Reads the configuration: `[tool.kolo]` of pyproject.toml, or else `.kolo/config.toml`.

As in Kolo the first of the two that exists is used, whole, and `enable(config)` goes over it. Nothing here
raises: what cannot be read or used costs one warning line, and the rest is used.
"""

from __future__ import annotations

import os

from kolo_probe._options import usable_options
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def file_options(project: str) -> dict[str, Any]:
    """The options that the files of the folder `project` (the one that holds `.kolo`) set, by dotted key."""
    table, source = _pyproject_table(os.path.join(project, "pyproject.toml"))
    if table is None:
        path = os.path.join(project, ".kolo", "config.toml")
        text = _read(path)
        table, source = (None, path) if text is None else (_parse(text, path), path)
    return {} if table is None else usable_options(table, source)


def call_options(config: object) -> dict[str, Any]:
    """The options of `enable(config)`, by dotted key. Over the file's they merge one level deep, as in Kolo:
    a list replaces the file's list, and the other options of its table stay."""
    if config is None:
        return {}
    from collections.abc import Mapping

    if isinstance(config, Mapping):
        return usable_options(config, "enable(config)")
    warn(f"enable(config): config must be a dictionary, not a {type(config).__name__}; it is ignored")
    return {}


def _pyproject_table(path: str) -> tuple[dict[str, Any] | None, str]:
    source = f"{path}, [tool.kolo]"
    text = _read(path)
    # A file that never names us is not parsed: it would cost 10 ms, and its mistakes are not ours.
    if text is None or b"kolo" not in text or b"tool" not in text:
        return None, source
    document = _parse(text, path)
    tool = document.get("tool") if document is not None else None
    table = tool.get("kolo") if isinstance(tool, dict) else None
    if table is None or isinstance(table, dict):
        return table, source
    warn(f"{path}: tool.kolo must be a table, not a {type(table).__name__}; it is ignored")
    return None, source


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        warn(f"{path} cannot be read ({reason}); default options are used in its place")
        return None


def _parse(text: bytes, path: str) -> dict[str, Any] | None:
    try:
        import tomllib as toml
    except ImportError:  # before Python 3.11
        try:
            import tomli as toml  # type: ignore[import-not-found, no-redef, unused-ignore]
        except ImportError:
            warn(f"{path} cannot be read: Python before 3.11 needs tomli (pip install tomli)")
            return None
    try:
        return toml.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        warn(f"{path} is not valid TOML ({error}); default options are used in its place")
        return None

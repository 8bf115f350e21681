"""Puts together what the native module is configured with, every key filled and checked."""

from __future__ import annotations

import os

from kolo_probe._identity import identity
from kolo_probe._library import library_folders, own_folders
from kolo_probe._options import OPTIONS
from kolo_probe._paths import find_collectord
from kolo_probe._redact import names_in_force
from kolo_probe._text import encodable, path_bytes, recorded_text
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Options that the native module takes as they are, under the last part of their key.
_PASSED_ON = (
    "collector", "when_full", "wait_ms", "arena_mb", "hook", "values", "omit_return_locals",
    "limits.max_depth", "limits.max_items", "limits.max_attributes", "limits.max_text",
    "limits.max_value_bytes", "limits.max_event_bytes", "limits.max_event_us",
)  # fmt: skip


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options by dotted key: those given, and the default of each other one."""
    return {option.key: options.get(option.key, option.default) for option in OPTIONS}


def native_settings(
    options: Mapping[str, Any], project: str, environ: Mapping[str, str]
) -> dict[str, object]:
    """What `_probe.configure` takes, from all options (see with_defaults) and the project's folder."""
    folder = os.path.join(project, ".kolo")
    redact = names_in_force(options["redact.add"], options["redact.remove"])
    settings: dict[str, object] = {key.rpartition(".")[2]: options[key] for key in _PASSED_ON}
    filters = filter_settings(options)
    _warn_of_ignoring_all(filters, project)
    settings.update(filters)
    collectord = _absolute(options["collector_path"], project) or find_collectord(environ)
    settings.update(
        folder=path_bytes(folder),
        socket=path_bytes(_absolute(options["socket"], project) or os.path.join(folder, "collector.sock")),
        collectord_path=None if collectord is None else path_bytes(collectord),
        span_text=options["spans.max_text"],
        span_items=options["spans.max_items"],
        span_bytes=options["spans.max_bytes"],
        repr_all=options["repr.all"],
        repr_types=[encodable(name) for name in options["repr.types"]],
        repr_max_us=options["repr.max_us"],
        redact=[encodable(name) for name in redact],
    )
    settings.update(identity(redact))
    return settings


def filter_settings(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """The part of the settings that says which code is recorded: see kolo_probe.pure.filters."""
    lists = {
        "include_frames": options["filters.include_frames"],
        "ignore_frames": options["filters.ignore_frames"],
        "library_folders": library_folders(),
        "own_folders": own_folders(),
    }
    return {key: [recorded_text(item) for item in items] for key, items in lists.items()}


def _warn_of_ignoring_all(filters: Mapping[str, Any], project: str) -> None:
    """Say that nothing of the project can be recorded. With include_frames it is meant: all but those."""
    if filters["include_frames"] or not filters["ignore_frames"]:
        return
    from kolo_probe.pure.filters import matches_any

    # Two files that share nothing but where they are and that they are Python's.
    files = [os.path.join(project, name) for name in ("abcd.py", "ijkl/mnoq.py")]
    for pattern in filters["ignore_frames"]:
        if all(matches_any([pattern], file) for file in files):
            warn(
                f"filters.ignore_frames: {pattern[:80]!r} ignores every file of {recorded_text(project)}; "
                "name what is to be recorded in filters.include_frames"
            )


def _absolute(path: str | None, project: str) -> str | None:
    """A path of the configuration is meant from the folder that holds `.kolo`."""
    return None if path is None else os.path.normpath(os.path.join(project, path))

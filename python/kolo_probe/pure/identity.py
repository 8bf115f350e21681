"""What a hello says of this process."""

from __future__ import annotations

import os

from kolo_probe.pure.process import clock_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.process import Process

_MOST_ARGV_BYTES = 64 * 1024  # all together: a frame is bounded, argv is not


def hello_fields(process: Process) -> dict[str, Any]:
    settings = process.configuration.settings
    return {
        "process": process.id,
        "parent": process.parent,
        "pid": os.getpid(),
        "start_time": start_time(),
        "boot_id": _first_line("/proc/sys/kernel/random/boot_id"),
        "host": os.uname().nodename,
        "python": settings["python"],
        "implementation": settings["implementation"],
        "version": settings["version"],
        "git_sha": settings["git_sha"],
        "argv": _bounded(settings["argv"]),
        "cwd": settings["cwd"],
        "arena_bytes": 0,  # none comes with it: nobody can read our memory after our death
        "clocks": [*process.first_clock, *clock_pair()],
    }


def start_time() -> int:
    """Field 22 of /proc/self/stat. The second is the program's name in parentheses, and may hold blanks and
    parentheses itself: fields are counted from the last one on."""
    fields = _first_line("/proc/self/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def _bounded(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    size = 0
    for argument in arguments:
        size += len(argument.encode()) + 8
        if size > _MOST_ARGV_BYTES:
            return [*kept, "…"]
        kept.append(argument)
    return kept

"""Activations as lines of text: what tests that record a program of their own compare. The cases of the
language are in tests/trace.

An expected line is an activation, indented below its parent: its qualified name without the module, how it
ended, and what it returned or raised.
"""

from __future__ import annotations

import sys

HOOKS = ["profile", "monitoring" if sys.version_info >= (3, 12) else "frame_eval"]


def expected(text):
    lines = [line for line in text.splitlines() if line.strip()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    return [line[margin:] for line in lines]


def line_of(activation, depth, hook):
    name = activation["qualname"].split(".", 1)[1]
    end = activation["outcome"]
    if end == "returned":
        end += f" {activation['result']!r}"
    elif end == "raised" and hook != "profile":
        end += " " + activation["exception"]["class"]
    return "    " * depth + f"{name} {end}"


def drawn(recorded, hook):
    depths = {None: -1}
    lines = []
    for activation in recorded:
        depths[activation["id"]] = depth = depths[activation["parent_id"]] + 1
        lines.append(line_of(activation, depth, hook))
    return lines


def seen_by(hook, lines):
    """The profile hook is not told which exception leaves a frame."""
    return [
        line.split(" raised")[0] + " raised" if hook == "profile" and " raised " in line else line
        for line in lines
    ]

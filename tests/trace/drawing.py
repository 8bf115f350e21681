"""Activations as lines of text, and lines that depend on version and hook: see cases/case.py."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

HOOKS = ("profile", "monitoring", "frame_eval", "pure", "pypy")
PROFILES = ("profile", "pure", "pypy")  # the probe in Python sees what the profile function sees, or less


class Place(NamedTuple):
    """Where a program was recorded."""

    version: tuple[int, int]
    hook: str


class Remark(NamedTuple):
    places: str
    ending: str | None  # None: the line is there only in these places
    gap: str | None


_ENDING = re.compile(r"\b(returned|raised|abandoned|cut off|open)\b.*")
_REMARK = re.compile(r"(?P<places>[^:\[\]]+?)(: (?P<ending>.+?))?( \[(?P<gap>[a-z0-9 -]+)\])?")


def remarks_of(line: str) -> tuple[str, list[Remark]]:
    """A line without its remarks, and these."""
    text, separator, behind = line.partition("  # ")
    if not separator:
        return line.rstrip(), []
    found = []
    for remark in behind.split(";"):
        match = _REMARK.fullmatch(remark.strip())
        assert match, f"not a remark: {remark!r}"
        found.append(Remark(match["places"], match["ending"], match["gap"]))
    return text.rstrip(), found


def is_unlike(unlike: str, here: Place) -> bool:
    """Whether a case says that something else may come out here."""
    return bool(unlike) and any(applies(remark.places, here) for remark in remarks_of(f"  # {unlike}")[1])


def applies(places: str, here: Place) -> bool:
    return any(_is_place(one.split(), here) for one in places.split(" or "))


def _is_place(words: list[str], here: Place) -> bool:
    while words:
        word, is_meant = words.pop(0), True
        if word == "not":
            word, is_meant = words.pop(0), False
        if word in HOOKS:
            holds = here.hook in PROFILES if word == "profile" else here.hook == word
        elif word == "before":
            holds = here.version < _version(words.pop(0))
        elif word.endswith("+"):
            holds = here.version >= _version(word[:-1])
        else:
            holds = here.version == _version(word)
        if holds != is_meant:
            return False
    return True


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def expected(gives: str, here: Place) -> list[str]:
    """The lines that hold at a place."""
    lines = [line for line in gives.splitlines() if line.strip()]
    margin = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    return [line for one in lines if (line := _there(one[margin:], here)) is not None]


def _there(line: str, here: Place) -> str | None:
    text, remarks = remarks_of(line)
    conditions = [remark for remark in remarks if remark.ending is None]
    if conditions and not any(applies(remark.places, here) for remark in conditions):
        return None
    for remark in remarks:
        if remark.ending is not None and applies(remark.places, here):
            return text[: _ENDING.search(text).start()] + remark.ending
    return _as_profiled(text) if here.hook in PROFILES else text


def _as_profiled(line: str) -> str:
    """The profile hook is not told which exception leaves a frame, GeneratorExit no more than others: gap
    `exception`."""
    return re.sub(r" (raised [^ ,(]+(\(.*?\))?|abandoned)(?=$|,)", " raised", line)


def with_known_names(lines: list[str], got: list[str], here: Place) -> list[str]:
    """Before 3.11 an inner function's qualified name cannot be known: only its last part is compared."""
    if here.version >= (3, 11):
        return lines
    return [_with_known_name(line, other) for line, other in zip(lines, got)] + lines[len(got) :]


def _with_known_name(line: str, other: str) -> str:
    name, known = (re.match(r"[^ (]*", text.lstrip())[0] for text in (line, other))
    return line.replace(name, known, 1) if name.rpartition(".")[2] == known else line


def drawn(activations: list[dict[str, Any]], shows: tuple[str, ...]) -> list[str]:
    """Activations as kolo-trace lists them, depth first."""
    depths: dict[str | None, int] = {None: -1}
    lines = []
    for activation in activations:
        depths[activation["id"]] = depth = depths[activation["parent_id"]] + 1
        lines.append("    " * depth + _line(activation, shows))
    return lines


def _short(name: str) -> str:
    """Without the program's own module."""
    return re.sub(r"^(case|__main__|__mp_main__)\.", "", name)


def _line(activation: dict[str, Any], shows: tuple[str, ...]) -> str:
    text = _short(activation["qualname"])
    if activation["arguments"] is not None and "arguments" in shows:
        text += f"({_pairs(activation['arguments'])})"
    if activation["locals"] is not None and "locals" in shows:
        text += f" {{{_pairs(activation['locals'])}}}"
    is_cut_off = activation["outcome"] == "abandoned" and activation["exception"] is None
    text += " cut off" if is_cut_off else f" {activation['outcome']}"
    if activation["outcome"] == "returned":
        text += f" {shown(activation['result'])}" if "result" in activation else " ?"
    elif activation["outcome"] == "raised" and activation["exception"] is not None:
        text += " " + _short(activation["exception"]["class"])
        if "exceptions" in shows:
            text += f"({', '.join(map(shown, activation['exception'].get('args', [])))})"
    if "steps" in shows:
        text += "".join(f", {_step(step)}" for step in activation.get("steps", []))
    return text


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


def _step(step: dict[str, Any]) -> str:
    if "exception" in step:
        return f"{step['event']} {_short(step['exception']['class'])}"
    return f"{step['event']} {shown(step['value'])}" if "value" in step else str(step["event"])


def shown(value: Any) -> str:
    """A value in short: as Python writes it, or its class in angle brackets."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if not isinstance(value, dict):
        return repr(value)
    kind = value.get("$type")
    if kind is None:
        return "{" + ", ".join(f"{key!r}: {shown(item)}" for key, item in value.items()) + "}"
    if kind == "tuple" and "$omitted" not in value:
        items = [shown(item) for item in value["items"]]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if kind == "omitted":
        return f"<{value['$omitted']['reason']}>"
    name = _short(str(value.get("class", value.get("name", ""))))
    if kind == "set":
        return f"<set of {len(value['items'])}>"
    return f"<{name}>" if kind == "object" else f"<{kind} {name}>".replace(" >", ">")

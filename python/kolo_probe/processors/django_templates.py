"""Templates of Django's engine: one span for each rendering, so that those of `include` and `extends` lie
within that of the page.

Fields and types are Kolo's (django_template_start, django_template_end): `template` and `context`. Variables
are given as they are, nearest scope first, so that those of the view come before those of context
processors; nothing is evaluated or called.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_MOST_VARIABLES = 100


def _process(frame: FrameType, event: str, arg: Any, _context: Any) -> dict[str, Any]:
    told = frame.f_locals
    data = {"template": _name(told["self"])}
    if event == "call":
        return {**data, "context": _variables(told["context"])}
    return data if event == "return" else {**data, "exception": arg}


def _name(template: Any) -> str | None:
    """A template's name; where it was made of a text, what it says of its origin."""
    known = vars(template)
    name = known.get("name") or getattr(known.get("origin"), "name", None)
    return str.__str__(name) if isinstance(name, str) else None


def _variables(context: Any) -> dict[Any, Any]:
    """What a template sees, as Context.flatten() gives it, but without the constants that every template has,
    and in the order of scopes."""
    found: dict[Any, Any] = {}
    layers = vars(context)["dicts"]
    for layer in reversed(layers):
        if isinstance(layer, dict):
            for key, value in dict.items(layer):
                found.setdefault(key, value)
        if len(found) > _MOST_VARIABLES:
            break
    for constant in ("True", "False", "None"):
        found.pop(constant, None)
    return found


_RENDERING: dict[str, Any] = {
    "call_type": "django_template_start",
    "return_type": "django_template_end",
    "kind": "template",
    "span_name": "template",
    "process": _process,
}
PROCESSORS: list[dict[str, Any]] = [
    {"co_names": ("_render",), "path_fragment": "django/template/base.py", **_RENDERING},
    # What django.test puts in its place.
    {"co_names": ("instrumented_test_render",), "path_fragment": "django/test/utils.py", **_RENDERING},
]

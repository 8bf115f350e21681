"""Templates of Django's engine: one span for each rendering, so that those of `include` and `extends` lie
within that of the page.

Fields and types are Kolo's (django_template_start, django_template_end): `template` and `context`. Variables
are given as they are, nearest scope first, so that those of the view come before those of context
processors; nothing is evaluated or called.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

_MOST_VARIABLES = 100


def _process(frame: FrameType, event: str, arg: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    told = frame.f_locals
    data = {"template": _name(told["self"])}
    if event == "call":
        variables = _variables(told["context"])
        if type(variables.get("widget")) is dict:
            variables["widget"] = _widget(variables["widget"], config)
        return {**data, "context": variables}
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


def _widget(widget: dict[Any, Any], config: Mapping[str, Any]) -> dict[Any, Any]:
    """What a form's widget is rendered with, without the value of a field with a secret name: that name is
    a value here, and no key that the encoder could see."""
    name = widget.get("name")
    names = names_in_force(config["redact.add"], config["redact.remove"])
    if type(name) is not str or not is_secret(name, names):
        return widget
    shown = ("name", "type", "template_name", "required", "is_hidden", "attrs")
    return {**{key: widget[key] for key in shown if key in widget}, "value": REDACTED}


_RENDERING: dict[str, Any] = {
    "call_type": "django_template_start",
    "return_type": "django_template_end",
    "kind": "template",
    "span_name": "template",
    "process": _process,
    "build_context": lambda config: config,
}
PROCESSORS: list[dict[str, Any]] = [
    {"co_names": ("_render",), "path_fragment": "django/template/base.py", **_RENDERING},
    # What django.test puts in its place.
    {"co_names": ("instrumented_test_render",), "path_fragment": "django/test/utils.py", **_RENDERING},
]

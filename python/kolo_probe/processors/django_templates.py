"""Templates of Django's engine: one span for each rendering, so that those of `include` and `extends` lie
within that of the page.

Fields and types are Kolo's (django_template_start, django_template_end): `template` and `context`. Variables
are given as they are, nearest scope first, so that those of the view come before those of context
processors; nothing is evaluated or called. A rendering within another one, of the same context, tells only
the variables that have come since: the page's are told by the page.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force
from kolo_probe.processors._dotted import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

_MOST_VARIABLES = 100
_CONSTANTS = frozenset(["True", "False", "None"])
_PLAIN = frozenset([str, int, float, bool, type(None), dict, list, tuple, set])


class _Trace:
    """The configuration, and what the renderings that run have told of each context: the variables' names
    with the ids of their values, which are not kept."""

    __slots__ = ("config", "told")

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.told: dict[int, list[dict[Any, int]]] = {}


def _process(frame: FrameType, event: str, arg: Any, trace: _Trace) -> dict[str, Any]:
    told = frame.f_locals
    data: dict[str, Any] = {"template": _name(told["self"])}
    context = told["context"]
    around = trace.told.setdefault(id(context), [])
    if event == "call":
        seen, new = _variables(context, around[-1] if around else {})
        around.append(seen)
        for key, value in new.items():
            if type(value) not in _PLAIN or key == "widget":
                new[key] = _shown(key, value, trace.config)
        data["context"] = new
        return data
    del around[-1:]
    if not around:
        del trace.told[id(context)]
    return data if event == "return" else {**data, "exception": arg}


def _name(template: Any) -> str | None:
    """A template's name; where it was made of a text, what it says of its origin."""
    known = vars(template)
    name = known.get("name") or getattr(known.get("origin"), "name", None)
    return str.__str__(name) if isinstance(name, str) else None


def _variables(context: Any, before: Mapping[Any, int]) -> tuple[dict[Any, int], dict[Any, Any]]:
    """What a template sees, as Context.flatten() gives it, but without the constants that every template has,
    and in the order of scopes: the ids of all its variables, and those that were not the same `before`."""
    seen: dict[Any, int] = {}
    new: dict[Any, Any] = {}
    for layer in reversed(vars(context)["dicts"]):
        for key, value in dict.items(layer) if isinstance(layer, dict) else ():
            if key in seen or (type(key) is str and key in _CONSTANTS):
                continue
            seen[key] = at = id(value)
            if before.get(key) != at:
                new[key] = value
        if len(seen) > _MOST_VARIABLES:
            break
    return seen, new


def _shown(key: Any, value: Any, config: Mapping[str, Any]) -> Any:
    """A variable without what is told better elsewhere: the request has a span of its own, and what a
    QuerySet is made of says less than its rows, or that it has none yet."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return _widget(value, config) if key == "widget" and kind is dict else value
    known = getattr(value, "__dict__", None) if kind.__getattribute__ is object.__getattribute__ else None
    if type(known) is not dict:
        return value
    if "_result_cache" in known and "_query" in known:
        return _queryset(known, config)
    if "META" in known and "path" in known:
        return f"<{kind.__name__}: {known.get('method')} {known['path']!r}>"
    if "_queued_messages" in known:
        return {"queued": known["_queued_messages"], "loaded": known.get("_loaded_data")}
    return value


def _queryset(known: dict[str, Any], config: Mapping[str, Any]) -> Any:
    rows = known["_result_cache"]
    if type(rows) is list:
        return rows[: config["spans.max_items"] + 1]
    model = known.get("model")
    return f"Unevaluated queryset for: {dotted(model) if isinstance(model, type) else None}"


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
    "build_context": _Trace,
}
PROCESSORS: list[dict[str, Any]] = [
    {"co_names": ("_render",), "path_fragment": "django/template/base.py", **_RENDERING},
    # What django.test puts in its place.
    {"co_names": ("instrumented_test_render",), "path_fragment": "django/test/utils.py", **_RENDERING},
]

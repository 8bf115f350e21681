"""Django's signals: for each that is sent and has receivers a point in time, which says who they are.

Told where Signal looks its receivers up, just before they run: send() itself is called twice for every
model instance that is made, nearly always for nobody. How long a receiver takes, and how it fails, its own
call says.
"""

from __future__ import annotations

import sys

from kolo_probe.processors._dotted import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import Any

_MODULE = "django.dispatch.dispatcher"
_SENDING = ("send", "send_robust", "asend", "asend_robust")
_MOST_RECEIVERS = 100
_MOST_KEPT = 1_024


def _has_receivers(frame: FrameType, _event: str, arg: Any, _context: Any) -> bool:
    above = frame.f_back
    return (
        frame.f_globals.get("__name__") == _MODULE
        and above is not None
        and above.f_code.co_name in _SENDING  # others only ask who would listen
        and any(_groups(arg))
    )


def _groups(found: Any) -> tuple[list[Any], ...]:
    """Receivers as (synchronous, asynchronous) since Django 5, as one list before."""
    if type(found) is tuple:
        return tuple(group for group in found if type(group) is list)
    return (found,) if type(found) is list else ()


def _process(frame: FrameType, _event: str, arg: Any, _context: Any) -> dict[str, Any]:
    told = frame.f_locals
    sending = frame.f_back
    assert sending is not None
    receivers = [dotted(one) for group in _groups(arg) for one in group[:_MOST_RECEIVERS]]
    return {
        "signal": _name(told["self"], sending.f_back),
        "sender": None if told["sender"] is None else dotted(told["sender"]),
        "receivers": receivers,
        "method": sending.f_code.co_name,
    }


_names: dict[int, tuple[Any, str | None]] = {}  # by id: a weak reference to the signal, and its name


def _name(signal: Any, sender: FrameType | None) -> str | None:
    """What a signal is called by the module that has it: one called signals, or the one that sends it."""
    reference, name = _names.get(id(signal), (None, None))
    if reference is None or reference() is not signal:
        import weakref

        if len(_names) >= _MOST_KEPT:
            _names.clear()
        name = _found(signal, _namespaces(sender))
        _names[id(signal)] = (weakref.ref(signal), name)
    return name


def _namespaces(sender: FrameType | None) -> Iterable[dict[str, Any]]:
    for module_name, module in list(sys.modules.items()):
        if module_name.rpartition(".")[2] == "signals" and type(module) is type(sys):
            yield module.__dict__
    if sender is not None:
        yield sender.f_globals


def _found(signal: Any, namespaces: Iterable[dict[str, Any]]) -> str | None:
    for namespace in namespaces:
        for name, value in list(namespace.items()):
            if value is signal:
                return name
    return None


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ("_live_receivers",),
        "path_fragment": "django/dispatch/dispatcher.py",
        "call_type": "django_signal",
        "return_type": "django_signal",
        "events": ("return",),
        "kind": "signal",
        "span_name": "signal",
        "call": _has_receivers,
        "process": _process,
    }
]

"""Django's middleware: one span for each of the classes and functions in MIDDLEWARE, with what lies below it.

Django wraps every middleware, synchronous or not, with convert_exception_to_response(), whose `inner` is what
is called; so a middleware needs no particular form to be seen.
"""

from __future__ import annotations

from kolo_probe.processors._django_http import status_of
from kolo_probe.processors._dotted import METHOD, dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_WRAPPER = "django.core.handlers.exception"
_HANDLERS = ("_get_response", "_get_response_async")  # innermost, the handler itself: it calls the view


def _is_middleware(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    found: Any = frame.f_locals.get("get_response")
    if type(found) is METHOD and found.__func__.__name__ in _HANDLERS:  # type: ignore[attr-defined, unused-ignore]
        return False
    return found is not None and frame.f_globals.get("__name__") == _WRAPPER


def _process(frame: FrameType, event: str, arg: Any, _context: Any) -> dict[str, Any]:
    if event == "call":
        return {"middleware": dotted(frame.f_locals["get_response"])}
    if event == "unwind":
        return {"exception": arg}
    return {"status_code": status_of(arg)}


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ("inner",),
        "path_fragment": "django/core/handlers/exception.py",
        "call_type": "django_middleware_start",
        "return_type": "django_middleware_end",
        "kind": "middleware",
        "span_name": "middleware",
        "call": _is_middleware,
        "process": _process,
    }
]

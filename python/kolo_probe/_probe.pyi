"""The native module: hook, recorder, rings and drain thread. Every function may be called at any time and
raises nothing but TypeError for an argument of a wrong type."""

from collections.abc import Callable
from typing import Any

def configure(settings: dict[str, object]) -> bool:
    """Fix the settings of this process; the first call decides. False: its filters were others."""

def begin_trace(kind: str, name: str | None, parent: str | None = None, group: str | None = None) -> int:
    """Begin a trace here. A token, or 0 when this work is not traced. `parent` is the id of the trace that
    asked for it from elsewhere, `group` the trace id of its traceparent (32 hexadecimal digits); without them
    both are those of the trace that is current here."""

def end_trace(token: int, name: str | None = None) -> None:
    """End a trace; `name` replaces the one it began with. Once is enough, more does no harm."""

def current_trace() -> int:
    """Token of the trace that a call made here and now would belong to; 0: none."""

def is_forked_inside() -> bool:
    """Whether this process was forked inside a trace, and nothing has been recorded in it yet."""

def trace_id(token: int) -> str | None:
    """The id ("trc_…") of a live trace."""

def trace_group(token: int) -> str | None:
    """The group of a live trace, 32 hexadecimal digits: all traces that one user action led to share it."""

def begin_span(kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]) -> int:
    """A span begins in the trace and activation that a call made here would belong to. A number for
    end_span(); 0 when there is no trace, or no room (then it is counted)."""

def end_span(span: int, type_name: str, name: str | None, data: dict[str, Any], outcome: str) -> None:
    """A span ends, on whatever thread; `name` replaces the one it began with, `outcome` is "returned" or
    "raised". Once is enough, more does no harm."""

def add_span(kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]) -> None:
    """A span that takes no time: something that was said or done here and now."""

def set_dispatcher(patterns: list[tuple[list[str], str, list[str]]], dispatcher: Callable[..., None]) -> None:
    """Code of one of these names, in a file whose path has this fragment, calls dispatcher(matched, frame,
    key, event, arg) at these events in a live trace; `matched` are indices into `patterns`: of all that match
    the code, whichever of them ask for the event. To be called once, before the first trace: what a code
    matches is decided when it is first seen. ValueError: there is no such event."""

def adopt_trace(token: int) -> None:
    """Plain calls of this thread that find no other trace belong to that one from now on; 0: to none."""

def suspend_trace(token: int) -> None:
    """Take the trace away while the generator that it belongs to is suspended."""

def resume_trace(token: int) -> None:
    """Put back what suspend_trace took away."""

def wait_connected(timeout_s: float) -> bool:
    """Wait until a collector has answered (True), or connecting failed or the time is over (False)."""

def flush(timeout_s: float) -> bool:
    """Wait until everything recorded so far is acknowledged; False when the time was over first."""

def shutdown(timeout_s: float = 5.0) -> bool:
    """End live traces, remove the hook, flush, stop the drain thread. False when the time was over first."""

def status() -> dict[str, object]:
    """What the probe of this process does at the moment: connection, counters, arena, hook, last error."""

def register_profiler() -> None:
    """Set the recording hook on this thread and on later ones (for measuring)."""

def register_noop_profiler() -> None:
    """Set a hook that does nothing on this thread and on later ones (for measuring)."""

def encode_value(value: object, name: str = "", limits: dict[str, object] = ...) -> bytes:
    """What would be recorded of a value under that name, as msgpack (to see what limits and redaction do)."""

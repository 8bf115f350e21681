"""Which trace a contextvars.Context carries, and when a thread's Context has changed.

CPython does not tell Python code which Context is current. That another one is entered is seen by the hook,
as all of asyncio enters it by Context.run, which is a builtin there; PyPy tells the Context itself.
"""

from __future__ import annotations

from contextvars import Context, ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from __pypy__ import get_contextvar_context as _current_context  # type: ignore[import-not-found]
except ImportError:
    _current_context = None

IS_TOLD = _current_context is not None
_trace: ContextVar[int] = ContextVar("kolo_probe.pure.trace", default=0)
_RUN: Any = type(Context().run)


def trace_in_context() -> int:
    """Number of the trace in the current Context; 0: none."""
    return _trace.get()


def set_trace_in_context(number: int) -> None:
    _trace.set(number)


def is_context_run(function: Any) -> bool:
    """Whether a builtin that is called is Context.run."""
    if type(function) is not _RUN or function.__name__ != "run":
        return False
    return type(function.__self__) is Context


class ContextWatch:
    """Numbers the Contexts that a thread (a greenlet of it) is in; equal numbers mean the same one."""

    __slots__ = ("_entered", "_next")

    def __init__(self) -> None:
        self._entered: list[int] = []
        self._next = 0

    def enter(self) -> None:
        self._next += 1
        self._entered.append(self._next)

    def leave(self) -> None:
        if self._entered:
            self._entered.pop()

    def is_inside(self) -> bool:
        return bool(self._entered)

    if IS_TOLD:

        def current(self) -> int:
            return id(_current_context())

    else:

        def current(self) -> int:
            return self._entered[-1] if self._entered else 0

"""Whose frame it is, and inside whose call: what `call` of a processor asks beyond the name and the path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any


def of_module(module: str) -> Callable[..., bool]:
    """A `call` for the frames of one module, or of a copy of it in another package (pip._vendor.requests…): a
    file of the program may have the same path."""

    def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
        name = frame.f_globals.get("__name__")
        return type(name) is str and (name == module or name.endswith("." + module))

    return call


def is_called_by(frame: FrameType, callers: Iterable[tuple[str | None, str]], most: int) -> bool:
    """Whether one of the next `most` frames below is of `callers`: (function's name, None for any; its path's
    end). In a task these are the task's own."""
    below = frame.f_back
    for _ in range(most):
        if below is None:
            return False
        code = below.f_code
        for name, path in callers:
            if code.co_filename.endswith(path) and name in (None, code.co_name):
                return True
        below = below.f_back
    return False

"""Names of the program's functions and classes, read without its code: nothing of an object is looked up but
by the interpreter's own types."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Class:
    def method(self) -> None: ...


_FUNCTION: type = type(_Class.method)
_METHOD: type = type(_Class().method)


def dotted(found: Any) -> str:
    """The dotted name of a function, a method or a class; of anything else that of its class.

    >>> dotted(dotted)
    'kolo_probe.processors._dotted.dotted'
    """
    if type(found) is _METHOD:
        found = found.__func__  # type: ignore[attr-defined, unused-ignore]
    if type(found) is not _FUNCTION:
        # `type.__…__`: a metaclass may have attributes of its own.
        kind = found if issubclass(type(found), type) else type(found)
        module = type.__dict__["__module__"].__get__(kind)
        return f"{module}.{type.__dict__['__qualname__'].__get__(kind)}"
    return f"{found.__module__}.{found.__qualname__}"  # type: ignore[attr-defined, unused-ignore]

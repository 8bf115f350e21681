"""Names of the program's functions and classes, read without its code: nothing of an object is looked up but
by the interpreter's own types."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Class:
    def method(self) -> None: ...


FUNCTION: type = type(_Class.method)
METHOD: type = type(_Class().method)
# A class's own, as a metaclass may have attributes of its own.
_module_of: Any = type.__dict__["__module__"].__get__
_qualname_of: Any = type.__dict__["__qualname__"].__get__


def dotted(found: Any) -> str:
    """The dotted name of a function, a method or a class; of anything else that of its class.

    >>> dotted(dotted)
    'kolo_probe.processors._dotted.dotted'
    """
    kind: Any = type(found)
    if kind is METHOD:
        found = found.__func__
        kind = type(found)
    if kind is FUNCTION:
        return f"{found.__module__}.{found.__qualname__}"
    if issubclass(kind, type):
        kind = found
    return f"{_module_of(kind)}.{_qualname_of(kind)}"

"""What is known of a code object: the filter's verdict, its number, its variables. Decided once.

A code is found by its address, as comparing code objects compares what they hold; it is watched by a weak
reference, so that nothing of the program is kept alive.
"""

from __future__ import annotations

import weakref
from functools import partial

from kolo_probe._text import recorded_text
from kolo_probe.pure import msgpack
from kolo_probe.pure.exits import Exits
from kolo_probe.pure.filters import accepts
from kolo_probe.pure.layout import CODE_HEAD, MOST_CODE_BYTES
from kolo_probe.pure.values import fixed_arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from kolo_probe.pure.process import Configuration, Process

_VARARGS, _VARKEYWORDS = 0x04, 0x08
_MOST_NAMES_BYTES = MOST_CODE_BYTES - 8192


class CodeInfo:
    """Of accepted code. `number` is that of process `process`; 0 in it: no room was left for the code."""

    __slots__ = (
        "argument_count", "code", "exits", "fixed", "is_accepted", "is_all_fixed", "matched", "names",
        "number", "process", "result_is_secret", "secrets",
    )  # fmt: skip

    def __init__(
        self, code: CodeType, configuration: Configuration, *, is_accepted: bool, matched: list[int]
    ) -> None:
        matches = configuration.redaction.matches
        self.code = weakref.ref(code, partial(_known.pop, id(code)))
        self.is_accepted = is_accepted
        self.matched = matched  # processors that match it
        self.exits = Exits(code)
        self.process = 0
        self.number = 0
        self.names = variables_of(code)
        self.argument_count = (
            code.co_argcount
            + code.co_kwonlyargcount
            + bool(code.co_flags & _VARARGS)
            + bool(code.co_flags & _VARKEYWORDS)
        )
        self.secrets = [matches(name) for name in self.names]
        self.result_is_secret = matches(code.co_name)
        self.fixed = fixed_arguments(code, self.argument_count)
        self.is_all_fixed = 0 < len(self.names) == len(self.fixed)


class Rejected:
    """What is known of code that is not recorded and that no processor matches."""

    __slots__ = ("code", "is_accepted", "matched", "suspends")

    def __init__(self, code: CodeType) -> None:
        self.code = weakref.ref(code, partial(_known.pop, id(code)))
        self.is_accepted = False
        self.matched: list[int] = []
        self.suspends = bool(code.co_flags & 0x2A0)


# By address. An entry goes with its code object, whatever process it was made in.
_known: dict[int, Any] = {}


def info_of(code: CodeType, configuration: Configuration) -> Any:
    """A CodeInfo, or a Rejected."""
    known = _known.get(id(code))
    if known is not None and known.code() is code:
        return known
    path = recorded_text(code.co_filename)
    is_accepted = accepts(path, configuration.settings)
    matched = configuration.matching(code.co_name, path)
    info: Any
    if is_accepted or matched:
        info = CodeInfo(code, configuration, is_accepted=is_accepted, matched=matched)
    else:
        info = Rejected(code)
    _known[id(code)] = info
    return info


def variables_of(code: CodeType) -> tuple[str, ...]:
    """Arguments first, then other locals, cells and free variables."""
    locals_ = code.co_varnames
    return (*locals_, *(name for name in code.co_cellvars if name not in locals_), *code.co_freevars)


def define(info: CodeInfo, code: CodeType, names: Any, process: Process) -> None:
    """Number it, and publish its entry. `names` are the globals of its module."""
    info.process = process.serial
    number = process.next_code
    array = msgpack.packed([
        recorded_text(code.co_name), qualified_name(code, names), recorded_text(code.co_filename),
        max(code.co_firstlineno, 0), code.co_flags, info.argument_count, _bounded(info.names),
    ])  # fmt: skip
    padding = -len(array) % 8
    entry = CODE_HEAD.pack(CODE_HEAD.size + len(array) + padding, number) + array + bytes(padding)
    if len(entry) > MOST_CODE_BYTES or len(process.codes) + len(entry) > process.codes_room:
        info.number = 0
        process.codes_lost[0] += 1
        return
    process.next_code += 1
    info.number = number
    process.codes += entry


def _bounded(names: tuple[str, ...]) -> list[str]:
    kept, size = [], 0
    for name in names:
        size += len(name) * 4 + 5
        if size > _MOST_NAMES_BYTES:
            break
        kept.append(recorded_text(name))
    return kept


def qualified_name(code: CodeType, names: Any) -> str | None:
    """ "module.qualname", as far as it can be known without running code of the program."""
    module = names.get("__name__") if type(names) is dict else None
    if type(module) is not str:
        return None
    name = getattr(code, "co_qualname", None)  # 3.11 and later; PyPy has it earlier
    if name is None:
        name = "<module>" if code.co_name == "<module>" else _searched_name(code, names)
    return None if name is None else recorded_text(f"{module}.{name}")


_dict_of = type.__dict__["__dict__"].__get__
_Function = type(lambda: None)


def _searched_name(code: CodeType, names: dict[str, Any]) -> str | None:
    """Among the functions of the module and of its classes."""
    found = _name_in(code, list(names.values()))
    if found is not None:
        return found
    for value in list(names.values()):
        if issubclass(type(value), type):
            found = _name_in(code, list(_dict_of(value).values()))
            if found is not None:
                return found
    return None


def _name_in(code: CodeType, values: list[Any]) -> str | None:
    for value in values:
        kind = type(value)
        function = value.__func__ if kind is classmethod or kind is staticmethod else value
        if type(function) is _Function and function.__code__ is code:
            return function.__qualname__
    return None

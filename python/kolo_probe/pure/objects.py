"""What can be known of an object without running code of the program: its class's names and bases, and its
own attributes.

Looking an attribute up may run a property or __getattribute__ of the program's: everything is read through
the descriptors of `type`, `BaseException` and of the classes that made the slots.
"""

from __future__ import annotations

import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_IS_PYPY = sys.implementation.name == "pypy"

_descriptors: Any = type.__dict__
_mro_of = _descriptors["__mro__"].__get__
dict_of = _descriptors["__dict__"].__get__
_qualname_of = _descriptors["__qualname__"].__get__
_module_of = _descriptors["__module__"].__get__
_flags_of = _descriptors["__flags__"].__get__
_HEAP_TYPE = 1 << 9
_MOST_ENTRIES = 64  # of a class's dict that are looked at for its module, which a class body puts first

_of_modules: Any = types.ModuleType.__dict__
_module_dict = _of_modules["__dict__"].__get__

GetSet: Any = types.GetSetDescriptorType
Member: Any = types.MemberDescriptorType
MOST_NAME_BYTES = 255

# Classes made in C whose declared members say what an instance is.
_SHOWN_MEMBERS = {
    "slice": ("start", "stop", "step"),
    "range": ("start", "stop", "step"),
    "property": ("fget", "fset", "fdel"),
    "functools.partial": ("func", "args", "keywords"),
    "re.Pattern": ("pattern",),
    "re.Match": ("string", "re", "pos", "endpos"),
    "zoneinfo.ZoneInfo": ("key",),
}
_MOST_CLASSES = 16


def mro_of(cls: type) -> tuple[type, ...]:
    """Without asking a metaclass. Empty for a class that C code never made ready (functools has one)."""
    return _mro_of(cls) or ()


def derives(cls: type, base: Any) -> bool:
    """issubclass() that asks no metaclass."""
    return any(one is base for one in mro_of(cls))


def type_name(cls: type) -> str:
    """ "module.qualname"; without the module for a builtin."""
    module = _module_of(cls) if not _flags_of(cls) & _HEAP_TYPE else _declared_module(cls)
    qualname: str = _qualname_of(cls)
    if type(module) is not str or module == "builtins" or not module:
        return qualname
    return f"{module}.{qualname}"


def _declared_module(cls: type) -> Any:
    """Not by looking it up: a class's dict may have keys with an __eq__ of the program's."""
    for _, (key, value) in zip(range(_MOST_ENTRIES), dict_of(cls).items()):
        if type(key) is str and key == "__module__":
            return value
    return None


def function_name(value: Any) -> str | None:
    """A function's, method's or builtin's; None for anything else."""
    kind = type(value)
    if kind is types.MethodType:
        inner = value.__func__
        return None if type(inner) is types.MethodType else function_name(inner)
    if kind is types.FunctionType:
        return _joined(value.__module__, value.__qualname__)
    if kind is types.BuiltinFunctionType:
        owner = value.__self__
        if owner is None or type(owner) is types.ModuleType:
            return _joined(value.__module__, value.__name__)
        cls = owner if derives(type(owner), type) else type(owner)
        return f"{type_name(cls)}.{value.__name__}"
    if any(kind is one for one in _DESCRIPTORS):
        return f"{type_name(value.__objclass__)}.{value.__name__}"
    return None


_DESCRIPTORS = () if _IS_PYPY else (
    types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType, GetSet, Member,
)  # fmt: skip


def _joined(module: Any, name: Any) -> str:
    name = name if type(name) is str else ""
    return f"{module}.{name}" if type(module) is str and module not in ("", "builtins") else name


def module_name(module: types.ModuleType) -> str:
    names = _module_dict(module)
    name = names.get("__name__") if type(names) is dict else None
    return name if type(name) is str else ""


def instance_dict(value: Any) -> dict[Any, Any] | None:
    """Where an object keeps its attributes, for reading; None where its class gives it no such place."""
    cls = type(value)
    for one in mro_of(cls):
        descriptor = dict_of(one).get("__dict__")
        if descriptor is not None:
            is_own = type(descriptor) is Member and descriptor.__objclass__ is one
            if not (is_own or type(descriptor) is GetSet) or one is type:
                return None  # a property of the program's
            try:
                found = descriptor.__get__(value, cls)
            except Exception:  # the class has none after all
                return None
            return found if type(found) is dict or derives(type(found), dict) else None
    return None


def slots_of(value: Any) -> tuple[list[tuple[Any, Any]], bool]:
    """Names and values of the slots that hold one, base first; and whether there are slots at all."""
    cls = type(value)
    shown = _SHOWN_MEMBERS.get(type_name(cls))
    if shown is not None and not _declares_slots(cls):
        found = [(name, getattr(value, name)) for name in shown]
        return found, True
    pairs: list[tuple[Any, Any]] = []
    any_slots = False
    for one in reversed(mro_of(cls)[:_MOST_CLASSES]):
        if not _declares_slots(one):
            continue
        for name, descriptor in list(dict_of(one).items()):
            # A descriptor of another class can have been assigned to the class.
            if type(descriptor) is not Member or descriptor.__objclass__ is not one or name == "__dict__":
                continue
            any_slots = True
            try:
                pairs.append((name, descriptor.__get__(value, cls)))
            except AttributeError:
                continue
    return pairs, any_slots


def _declares_slots(cls: type) -> bool:
    """Classes made in C have members of other kinds, which lead away from what an instance is."""
    return "__slots__" in dict_of(cls)


def attributes_of(value: Any) -> tuple[int, Iterator[tuple[Any, Any]]] | None:
    """How many attributes an object has of its own, and these; None where none can be read."""
    pairs, any_slots = slots_of(value)
    names = instance_dict(value)
    if names is None and not any_slots:
        return None
    count = len(pairs) + (0 if names is None else dict.__len__(names))
    return count, _pairs(pairs, names)


def _pairs(pairs: list[tuple[Any, Any]], names: dict[Any, Any] | None) -> Iterator[tuple[Any, Any]]:
    yield from pairs
    if names is not None:
        yield from dict.items(names)

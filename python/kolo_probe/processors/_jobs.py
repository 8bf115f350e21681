"""Arguments of jobs without secrets: by position they have no name, but their function's parameters have."""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_MOST_ARGUMENTS = 100
_MOST_WRAPPERS = 4


def secret_names(config: Mapping[str, Any]) -> list[str]:
    """The secret names in force, from options by dotted key."""
    return names_in_force(config["redact.add"], config["redact.remove"])


def without_secrets(function: Any, args: Any, names: Sequence[str]) -> Any:
    """The positional arguments of a call of `function`, those of parameters with a secret name replaced.
    `args` themselves where there are none, or where its parameters cannot be known.

    >>> without_secrets(lambda user, password: None, ("ada", "hunter2"), ["password"])
    ('ada', '[redacted]')
    """
    if type(args) not in (list, tuple) or not args:
        return args
    parameters = _parameters(function)
    hidden = [at for at, name in enumerate(parameters[: len(args)]) if is_secret(name, names)]
    if not hidden:
        return args
    told = list(args[:_MOST_ARGUMENTS])
    for at in hidden:
        told[at : at + 1] = [REDACTED]
    return tuple(told) if type(args) is tuple else told


def _parameters(function: Any) -> tuple[str, ...]:
    """Names of what can be given by position, without the `self` of a method."""
    for _ in range(_MOST_WRAPPERS):
        own = getattr(function, "__func__", function)
        wrapped = getattr(own, "__wrapped__", None)
        if wrapped is None:
            break
        # functools.wraps: a method's wrapper is bound, what it wraps is a function with the same `self`.
        is_method = own is not function and hasattr(wrapped, "__get__")
        function = wrapped.__get__(function.__self__) if is_method else wrapped
    own = getattr(function, "__func__", function)
    code = getattr(own, "__code__", None)
    if code is None:
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names if own is function else names[1:]

"""Wraps a function so that each of its runs is a trace: a call, a coroutine's or a generator's whole run.

The wrapper is of the same kind as the function, and behaves as it does: it yields, receives, raises and
closes the same. A generator's trace is taken away while it is suspended, as its caller runs then.
"""

from __future__ import annotations

from kolo_probe._session import begin_or_join
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, TypeVar

    from kolo_probe._session import Session

    Function = TypeVar("Function", bound=Callable[..., Any])

# inspect.CO_*, written out: importing inspect costs 10 ms.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


def decorated(function: Any, session: Callable[[], Session], name: str | None) -> Any:
    """`function` wrapped. A class is given back as it is, as a wrapper would no longer be a class."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(decorated(function.__func__, session, name))
    if isinstance(function, type) or not callable(function):
        warn(f"@enable is for functions; {function!r:.80} is left as it is: decorate its methods")
        return function
    import functools

    if name is None:
        name = str(getattr(function, "__qualname__", type(function).__qualname__))
    make = _wrapper_for(function)
    return functools.update_wrapper(make(function, session, name), function)


def _wrapper_for(function: Any) -> Callable[..., Any]:
    plain = function
    while hasattr(plain, "func") and not hasattr(plain, "__code__"):  # functools.partial
        plain = plain.func
    code = getattr(getattr(plain, "__func__", plain), "__code__", None)
    flags = getattr(code, "co_flags", 0)
    if flags & _COROUTINE:
        return _coroutine_function
    if flags & _ASYNC_GENERATOR:
        return _async_generator_function
    # What types.coroutine makes is awaited, and a generator of ours could not be: its call is traced instead.
    if flags & _GENERATOR and not flags & _ITERABLE_COROUTINE:
        return _generator_function
    return _plain_function


def _plain_function(function: Callable[..., Any], session: Callable[[], Session], name: str | None) -> Any:
    def traced(*args: Any, **kwargs: Any) -> Any:
        here = session()
        token, is_ours = begin_or_join(here, name)
        if not is_ours:
            return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        finally:
            _end(here, token)

    return traced


def _coroutine_function(
    function: Callable[..., Any], session: Callable[[], Session], name: str | None
) -> Any:
    async def traced(*args: Any, **kwargs: Any) -> Any:
        here = session()
        token, is_ours = begin_or_join(here, name)
        if not is_ours:
            return await function(*args, **kwargs)
        try:
            return await function(*args, **kwargs)
        finally:
            _end(here, token)

    return traced


def _generator_function(
    function: Callable[..., Any], session: Callable[[], Session], name: str | None
) -> Any:
    # Not `yield from`: it has no place for suspending, and it answers a close() with close(), which loses
    # what the generator returns then (3.13). GeneratorExit goes in by throw(), as any other exception does.
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        here = session()
        token, is_ours = begin_or_join(here, name)
        native = here.native if is_ours else None
        sent: Any = None
        thrown: BaseException | None = None
        item: list[Any] = []  # taken out by the yield: while suspended we would keep the object alive
        try:
            generator = function(*args, **kwargs)
            while True:
                try:
                    item.append(generator.send(sent) if thrown is None else generator.throw(thrown))
                except StopIteration as stop:
                    return stop.value
                finally:
                    # This frame is in the exception's traceback: to hold the exception would be a cycle.
                    sent = thrown = None
                if native is not None:
                    native.suspend_trace(token)
                try:
                    sent = yield item.pop()
                except BaseException as exception:
                    thrown = exception
                finally:
                    if native is not None:
                        native.resume_trace(token)
        finally:
            if native is not None:
                native.end_trace(token)

    return traced


def _async_generator_function(
    function: Callable[..., Any], session: Callable[[], Session], name: str | None
) -> Any:
    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        here = session()
        token, is_ours = begin_or_join(here, name)
        native = here.native if is_ours else None
        sent: Any = None
        thrown: BaseException | None = None
        item: list[Any] = []  # taken out by the yield: while suspended we would keep the object alive
        try:
            generator = function(*args, **kwargs)
            while True:
                try:
                    item.append(await (generator.asend(sent) if thrown is None else generator.athrow(thrown)))
                except StopAsyncIteration:
                    return
                finally:
                    sent = thrown = None
                if native is not None:
                    native.suspend_trace(token)
                try:
                    sent = yield item.pop()
                except BaseException as exception:
                    thrown = exception
                finally:
                    if native is not None:
                        native.resume_trace(token)
        finally:
            if native is not None:
                native.end_trace(token)

    return traced


def _end(here: Session, token: int) -> None:
    if here.native is not None:
        here.native.end_trace(token)

"""`enable`: traces a block of code, or the calls of a function."""

from __future__ import annotations

from kolo_probe._session import begin_or_join, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, TypeVar, overload

    from kolo_probe._session import Session

    Function = TypeVar("Function", bound=Callable[..., Any])


class Enabled:
    """What `enable()` returns: a context manager, and a decorator.

    `trace_id` is the id ("trc_…") of the trace that the last `with` entered, or None where nothing is
    traced (KOLO_DISABLE, no native module, too many live traces at once).
    """

    def __init__(self, config: Mapping[str, Any] | None, name: str | None) -> None:
        self.trace_id: str | None = None
        self._config = config
        self._name = None if name is None else str(name)
        self._entered: list[tuple[int, bool]] = []  # (token, whether it is ours to end)

    def __enter__(self) -> Enabled:
        here = self._session()
        token, is_ours = begin_or_join(here, self._name)
        self.trace_id = here.native.trace_id(token) if here.native is not None and token else None
        self._entered.append((token, is_ours))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._entered:
            return
        native = self._session().native
        current = 0 if native is None else native.current_trace()
        # One object may be entered by several threads or tasks at once: each leaves its own trace.
        mine = [index for index, (token, _) in enumerate(self._entered) if token == current]
        token, is_ours = self._entered.pop(mine[-1] if mine else -1)
        if native is not None and is_ours:
            native.end_trace(token)

    def __call__(self, function: Function) -> Function:
        from kolo_probe._decorate import decorated

        wrapped: Function = decorated(function, self._session, self._name)
        return wrapped

    def _session(self) -> Session:
        here = session(self._config)
        self._config = None  # compared once with what the process has; the answer stays the same
        return here


if TYPE_CHECKING:

    @overload
    def enable(config: Function, *, name: str | None = ...) -> Function: ...
    @overload
    def enable(config: Mapping[str, Any] | None = ..., *, name: str | None = ...) -> Enabled: ...


def enable(config: Any = None, *, name: str | None = None) -> Any:
    """Trace a block of code or the calls of a function, including threads started and tasks made in it.

    `config` goes over the configuration file, one level deep; the first configuration of a process fixes its
    filters. `name` is what the trace is called in lists; a decorated function's traces have its qualified
    name otherwise. Inside a trace `enable` joins it and begins none. It never raises into the program: what
    cannot be traced runs untraced, and one line on standard error says why.

        with kolo_probe.enable(name="nightly import") as trace:
            run_import()
        print(trace.trace_id)

        @kolo_probe.enable                      # functions, async functions,
        def totals(order): ...                  # generators and async generators

        @kolo_probe.enable({"filters": {"include_frames": ["/billing/"]}}, name="billing")
        async def bill(customer): ...
    """
    if callable(config) or isinstance(config, (staticmethod, classmethod)):
        return Enabled(None, name)(config)  # @enable without a call
    return Enabled(config, name)

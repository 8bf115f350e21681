"""Processors: plugins in Kolo's dictionary format that turn the calls of a known function into spans.

The probe (native or pure) decides once per code object which processors it matches, by name and path, and
calls a Dispatcher at each event of such code inside a live trace. The Dispatcher asks the processors and
hands their answers back as spans. Runs inside the hook, under the GIL, on the thread of the program: nothing
of a processor's trouble may reach the program.
"""

from __future__ import annotations

import sys
from operator import itemgetter

from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Protocol

    class Spans(Protocol):
        """What a Dispatcher needs of the probe."""

        def current_trace(self) -> int: ...
        def begin_span(
            self, kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]
        ) -> int: ...
        def end_span(
            self, span: int, type_name: str, name: str | None, data: dict[str, Any], outcome: str
        ) -> None: ...
        def add_span(
            self, kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]
        ) -> None: ...


EVENTS = ("call", "return", "unwind", "resume", "yield", "throw")
KEYS = (
    "build_context", "call", "call_type", "co_names", "events", "joins", "kind", "path_fragment",
    "process", "resume_type", "return_type", "span_name", "subtype", "throw_type", "unwind_type",
    "yield_type",
)  # fmt: skip
_OUTCOMES = {"return": "returned", "unwind": "raised"}
_MOST_CONTEXTS = 1024  # live traces of a process
_MOST_OPEN = 4096  # generators that are dropped half way end without an event


class ProcessorError(Exception):
    """A dictionary that is no processor; the text says why."""


class Processor:
    """One processor, checked and with Kolo's defaults filled in. `label` names it in messages.

    `joins(frame, event)`, which Kolo has not, gives calls that are one span the same key, whichever
    processors they match; None: a span of its own. The span begins with the first of them that `call` lets
    through, and ends with the first end, or when the next begins. `needs_start`: an end alone says nothing.
    """

    __slots__ = (
        "build_context", "call", "co_names", "ends", "events", "joins", "kind", "label",
        "needs_start", "path_fragment", "process", "span_name", "subtype", "types",
    )  # fmt: skip

    def __init__(self, found: Mapping[str, Any], label: str) -> None:
        self.label = label
        self.co_names = _names(found)
        self.path_fragment = _text(found, "path_fragment")
        call_type, return_type = _text(found, "call_type"), _text(found, "return_type")
        unwind_type = _optional_text(found, "unwind_type") or return_type
        self.types: dict[str, str] = {
            "call": call_type,
            "return": return_type,
            "unwind": unwind_type,
            "resume": _optional_text(found, "resume_type") or call_type,
            "yield": _optional_text(found, "yield_type") or return_type,
            "throw": _optional_text(found, "throw_type") or unwind_type,
        }
        self.subtype = _optional_text(found, "subtype")
        self.events = self._events(found)
        self.ends = "return" in self.events or "unwind" in self.events
        self.call = _function(found, "call")
        self.process = _function(found, "process")
        self.build_context = _function(found, "build_context")
        self.joins = _function(found, "joins")
        self.needs_start = self.joins is not None or ("call" in self.events and self.call is None)
        self.kind = _optional_text(found, "kind") or call_type
        self.span_name = found.get("span_name")
        if not (self.span_name is None or isinstance(self.span_name, str) or callable(self.span_name)):
            raise ProcessorError("'span_name' must be a field's name or a function")
        _say_unknown_keys(found, label)

    def _events(self, found: Mapping[str, Any]) -> frozenset[str]:
        """A span is an activation's whole life; its middle is told only where it is asked for."""
        wanted = found.get("events")
        if wanted is None:
            middle = {event for event in ("resume", "yield", "throw") if found.get(f"{event}_type")}
            return frozenset({"call", "return", "unwind"} | middle)
        if not isinstance(wanted, (list, tuple, set, frozenset)):
            raise ProcessorError("'events' must be a list of events")
        unknown = [event for event in wanted if event not in EVENTS]
        if unknown:
            raise ProcessorError(f"'events' has {unknown[0]!r}; there are: {', '.join(EVENTS)}")
        return frozenset(wanted)

    def name_of(self, data: Mapping[str, Any]) -> str | None:
        """The span's name: the field that `span_name` names, or what that function makes of the fields."""
        found = data.get(self.span_name) if isinstance(self.span_name, str) else None
        if callable(self.span_name):
            found = self.span_name(data)
        return found if type(found) is str else None


def _names(found: Mapping[str, Any]) -> tuple[str, ...]:
    names = found.get("co_names")
    is_list = isinstance(names, (list, tuple, set, frozenset))
    if not is_list or not names or not all(isinstance(name, str) for name in names):
        raise ProcessorError("'co_names' must be a list of function names")
    return tuple(names)


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise ProcessorError(f"{key!r} must be a non-empty string")
    return value


def _optional_text(found: Mapping[str, Any], key: str) -> str | None:
    return None if found.get(key) is None else _text(found, key)


def _function(found: Mapping[str, Any], key: str) -> Callable[..., Any] | None:
    value = found.get(key)
    if value is not None and not callable(value):
        raise ProcessorError(f"{key!r} must be a function")
    return value


def _say_unknown_keys(found: Mapping[str, Any], label: str) -> None:
    for key in found:
        if key not in KEYS:
            from difflib import get_close_matches

            near = get_close_matches(str(key), KEYS, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            warn(f"processor {label} has a key {str(key)[:80]!r}, which means nothing{meant}; it is ignored")


def checked(found: Any, label: str) -> Processor | None:
    """A processor of a plugin's dictionary; None, and one warning, when it is none."""
    try:
        if not hasattr(found, "get"):
            raise ProcessorError(f"a processor is a dictionary, not a {type(found).__name__}")
        return Processor(found, label)
    except Exception as error:
        warn(f"processor {label} is left out: {error}")
        return None


class StandIn(tuple):  # type: ignore[type-arg]  # what makes and reads one runs no Python
    """What a processor gets in the place of a frame where the interpreter has none to give: before and behind
    frame evaluation on Python 3.11."""

    __slots__ = ()
    f_code: CodeType = property(itemgetter(0))  # type: ignore[assignment]
    f_locals: dict[str, Any] = property(itemgetter(1))  # type: ignore[assignment]
    f_globals: dict[str, Any] = property(itemgetter(2))  # type: ignore[assignment]
    f_lasti: int = property(itemgetter(3))  # type: ignore[assignment]

    @property
    def f_lineno(self) -> int:
        line = self.f_code.co_firstlineno
        for begin, end, found in self.f_code.co_lines() if self.f_lasti >= 0 else ():
            if begin <= self.f_lasti < end:
                return found or line
        return line

    @property
    def f_back(self) -> FrameType | None:
        """The caller: the hook calls the dispatcher from there."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not Dispatcher.__call__.__code__:
            frame = frame.f_back
        return None if frame is None else frame.f_back


class Dispatcher:
    """Asks processors, and makes spans of what they answer.

    `failures` counts what went wrong, by place: "label: process() at path:line (TypeError)".
    """

    stand_in = StandIn

    def __init__(self, probe: Spans, processors: Sequence[Processor], config: Mapping[str, Any]) -> None:
        self.failures: dict[str, int] = {}
        self._probe = probe
        self._processors = processors
        self._config = config
        self._contexts: dict[int, dict[int, Any]] = {}
        self._open: dict[Any, int] = {}

    def __call__(self, matched: Sequence[int], frame: FrameType, key: int, event: str, arg: Any) -> None:
        """One event of code that `matched` processors match. `key` tells one activation from all others that
        run now; `frame` has a frame's attributes (f_code, f_locals, f_globals, f_lineno, f_back).
        Raises only what is no Exception."""
        is_end = event in _OUTCOMES
        for index in matched:
            processor = self._processors[index]
            if event not in processor.events:
                continue
            span: Any = (key, index)
            step = "joins()"
            try:
                if processor.joins is not None:
                    span = processor.joins(frame, event) or span
                # An end alone is told where `call` may have refused the start and wants the end.
                if is_end and processor.needs_start and span not in self._open:
                    continue
                step = "call()"
                context = {} if processor.build_context is None else self._context(index, processor)
                if processor.call is not None and not processor.call(frame, event, arg, context):
                    if is_end:
                        self._end(processor, span, event, {})
                    continue
                step = "process()"
                data = processor.process(frame, event, arg, context) if processor.process is not None else {}
                step = "span"
                self._tell(processor, span, event, {} if data is None else data)
            except Exception as error:
                self._failed(processor, step, error)
                if is_end:
                    self._end(processor, span, event, {})

    def _context(self, index: int, processor: Processor) -> Any:
        """What `build_context` made for this processor in this trace."""
        trace = self._probe.current_trace()
        contexts = self._contexts.get(trace)
        if contexts is None:
            contexts = self._contexts[trace] = {}
            if len(self._contexts) > _MOST_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]
        if index not in contexts:
            contexts[index] = processor.build_context(self._config) if processor.build_context else {}
        return contexts[index]

    def _tell(self, processor: Processor, span: Any, event: str, data: dict[str, Any]) -> None:
        name = None if processor.span_name is None else processor.name_of(data)
        if event == "call" and processor.ends:
            if processor.joins is not None:
                self._end(processor, span, "return", {})
            self._open[span] = self._probe.begin_span(
                processor.kind, processor.types[event], processor.subtype, name, data
            )
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
        elif event in _OUTCOMES and span in self._open:
            self._end(processor, span, event, data, name)
        else:
            self._probe.add_span(processor.kind, processor.types[event], processor.subtype, name, data)

    def _end(
        self, processor: Processor, span: Any, event: str, data: dict[str, Any], name: str | None = None
    ) -> None:
        begun = self._open.pop(span, None)
        if begun is not None:
            self._probe.end_span(begun, processor.types[event], name, data, _OUTCOMES[event])

    def _failed(self, processor: Processor, step: str, error: Exception) -> None:
        """Count it, and say it once per place, without any value: the error's own text may hold one."""
        try:
            place = f"{processor.label}: {step}{_place(error.__traceback__)} ({type(error).__name__})"
            self.failures[place] = self.failures.get(place, 0) + 1
            warn(f"a processor failed, {place}: what it would have told is missing")
        except Exception:  # an error whose own attributes fail
            return


def _place(traceback: TracebackType | None) -> str:
    """Where it went wrong: the processor's own line, not that of a library it called."""
    own = traceback.tb_next if traceback is not None else None
    if own is None:
        return ""
    return f" at {own.tb_frame.f_code.co_filename}:{own.tb_lineno}"


def load(options: Mapping[str, Any]) -> list[Processor]:
    """All processors of this process: this package's, those of installed plugins, those of the configuration.
    What cannot be used costs one warning, and the rest works."""
    from kolo_probe.processors import built_in

    found: list[tuple[Any, str]] = [
        (one, f"{one.get('subtype') or one['call_type']} (built in)") for one in built_in()
    ]
    if options["spans.sqlite3"]:
        from kolo_probe.processors._sqlite3_cursor import follow

        follow()
    found += _from_entry_points()
    found += _from_configuration(options["processors"])
    loaded = [checked(one, label) for one, label in found]
    return [processor for processor in loaded if processor is not None]


GROUPS = ("kolo_probe.processors", "kolo.processors")


def _from_entry_points() -> list[tuple[Any, str]]:
    if not any(_mentions_processors(folder) for folder in sys.path if type(folder) is str):
        return []
    from importlib.metadata import entry_points

    found: dict[str, tuple[Any, str]] = {}  # by what it names: a plugin may be in both groups
    try:
        every: Any = entry_points()
    except Exception as error:  # of whatever distribution has metadata that cannot be read
        warn(f"no processors of plugins: installed distributions cannot be read: {type(error).__name__}")
        return []
    for group in GROUPS:
        points = every.select(group=group) if hasattr(every, "select") else every.get(group, ())
        for point in points:
            if point.value in found or point.value.partition(".")[0].partition(":")[0] == "kolo":
                continue  # "kolo": Kolo's own, which know Kolo's files
            try:
                found[point.value] = (point.load(), f"{point.name} ({group})")
            except (Exception, SystemExit) as error:
                warn(
                    f"processor {point.name} ({point.value}) cannot be loaded: {_said(error)}; it is left out"
                )
    return list(found.values())


def _mentions_processors(folder: str) -> bool:
    """Whether a distribution in a folder has entry points of ours. importlib.metadata would cost 20 ms at
    every start, for the few programs that have any."""
    import os

    try:
        with os.scandir(folder or ".") as entries:
            found = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except (OSError, ValueError):  # ValueError: a NUL
        return False
    return any(_has_processors(path) for path in found)


def _has_processors(distribution: str) -> bool:
    import os

    try:
        with open(os.path.join(distribution, "entry_points.txt"), "rb") as file:
            text = file.read()
    except OSError:
        return False
    is_kolo = os.path.basename(distribution).partition("-")[0] == "kolo"
    return any(f"[{group}]".encode() in text for group in GROUPS) and not is_kolo


def _from_configuration(names: Sequence[str]) -> list[tuple[Any, str]]:
    from importlib import import_module

    found: list[tuple[Any, str]] = []
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            if not module or not attribute:
                raise ProcessorError('a processor is named "module:attribute"')
            value: Any = import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
            found.append((value, name))
        except (Exception, SystemExit) as error:
            warn(f"processor {name} cannot be imported: {_said(error)}; it is left out")
    return found


def _said(error: BaseException) -> str:
    """An error's text only where it is Python's or ours: that of a module may hold a value."""
    kind = type(error).__name__
    if isinstance(error, ProcessorError):
        return str(error)
    return f"{kind}: {str(error).splitlines()[0]}" if type(error) is ModuleNotFoundError else kind

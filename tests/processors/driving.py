"""Calls processors as the probe does, without a probe: on sys.settrace, in this process, in milliseconds.

    with driven(PROCESSORS) as spans:
        requests.get(url)
    assert spans[0].kind == "http"

The native probe calls the same Dispatcher; test_native_spans.py shows that it does so at the same events.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from typing import Any

from kolo_probe._options import OPTIONS
from kolo_probe._processors import Dispatcher, Processor

CAN_SUSPEND = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
YIELDS = ("YIELD", "SEND", "RESUME")  # RESUME: as Python 3.12 and 3.13 say it


@dataclass
class Span:
    """What a processor told: `start` at its beginning, `end` at its end. A point in time has only `start`."""

    kind: str
    type: str
    subtype: str | None
    name: str | None
    start: dict[str, Any]
    end: dict[str, Any] | None = None
    end_type: str | None = None
    outcome: str | None = None


@dataclass
class RecordingProbe:
    """Stands in for the native module."""

    spans: list[Span] = field(default_factory=list)

    def current_trace(self) -> int:
        return 1

    def begin_span(self, kind, type_name, subtype, name, data) -> int:
        self.add_span(kind, type_name, subtype, name, data)
        return len(self.spans)

    def add_span(self, kind, type_name, subtype, name, data) -> None:
        self.spans.append(Span(kind, type_name, subtype, name, dict(data)))

    def end_span(self, span, type_name, name, data, outcome) -> None:
        found = self.spans[span - 1]
        found.end, found.end_type, found.outcome = dict(data), type_name, outcome
        found.name = name if name is not None else found.name


class Driver:
    """The events of code that matches, handed to the Dispatcher of `processors`."""

    def __init__(self, processors: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> None:
        self.probe = RecordingProbe()
        self.processors = [Processor(found, f"processor {at}") for at, found in enumerate(processors)]
        self.dispatcher = Dispatcher(self.probe, self.processors, config)
        self._serial = itertools.count(1)
        self._keys: dict[Any, int] = {}
        self._raised: dict[Any, BaseException] = {}
        self._unwinding: set[Any] = set()
        self._suspended: set[Any] = set()

    def matches(self, code) -> tuple[int, ...]:
        path = code.co_filename.replace("\\", "/")
        return tuple(
            index for index, processor in enumerate(self.processors)
            if code.co_name in processor.co_names and processor.path_fragment in path
        )  # fmt: skip

    def trace(self, frame, event, _arg):
        matched = self.matches(frame.f_code)
        if not matched:
            return None
        if frame in self._suspended:
            self._suspended.discard(frame)
            self._tell(matched, frame, "resume", None)
        else:
            self._keys[frame] = next(self._serial)
            self._tell(matched, frame, "call", None)
        return self._local

    def _local(self, frame, event, arg):
        if event == "exception" and arg[0] is not StopIteration:  # which ends an await up to Python 3.11
            self._raised[frame] = arg[1]
            self._unwinding.add(frame)
        elif event == "line":
            self._unwinding.discard(frame)
        elif event == "return" and frame in self._keys:
            is_unwinding = frame in self._unwinding
            self._unwinding.discard(frame)
            at, following = _instructions(frame)
            is_yield = at.startswith(YIELDS) or following == "YIELD_FROM"
            if arg is None and not at.startswith("RETURN") and (is_unwinding or not is_yield):
                # A handler that raises again fires no second "exception".
                self._tell(self.matches(frame.f_code), frame, "unwind", self._raised.get(frame))
            elif frame.f_code.co_flags & CAN_SUSPEND and is_yield:
                self._suspended.add(frame)
                self._tell(self.matches(frame.f_code), frame, "yield", arg)
                return self._local
            else:
                self._tell(self.matches(frame.f_code), frame, "return", arg)
            self._raised.pop(frame, None)
            del self._keys[frame]
        return self._local

    def _tell(self, matched, frame, event, arg) -> None:
        before = sys.gettrace()
        sys.settrace(None)
        try:
            self.dispatcher(matched, frame, self._keys[frame], event, arg)
        finally:
            sys.settrace(before)


def _instructions(frame) -> tuple[str, str]:
    """The last one that ran, and the one behind it: up to Python 3.10 that is the YIELD_FROM of an await."""
    import dis

    names = {one.offset: one.opname for one in dis.get_instructions(frame.f_code)}
    return names.get(frame.f_lasti, ""), names.get(frame.f_lasti + 2, "")


@contextmanager
def driven(
    processors: Sequence[Mapping[str, Any]], config: Mapping[str, Any] | None = None, *, fails: bool = False
) -> Iterator[list[Span]]:
    """The spans of what runs inside, on this thread and on threads started in it. `config` are options by
    dotted key. What goes wrong in a processor fails the test, unless it `fails`."""
    options = {option.key: option.default for option in OPTIONS}
    driver = Driver(processors, {**options, **(config or {})})
    before = sys.gettrace()
    threading.settrace(driver.trace)
    sys.settrace(driver.trace)
    try:
        yield driver.probe.spans
    finally:
        sys.settrace(before)
        threading.settrace(None)  # type: ignore[arg-type]
    assert fails or not driver.dispatcher.failures, driver.dispatcher.failures

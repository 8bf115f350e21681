"""Fixtures of the package's tests.

`probe` stands in for the native module, so that a test sees which traces Python begins, joins and ends, and
in which thread. Tests named test_native_* use the real one, and fail where it is not installed.
"""

from __future__ import annotations

import concurrent.futures.thread
import os
import sys
import threading
from contextvars import ContextVar

import pytest

import kolo_probe
from kolo_probe import _session, _warnings


def utf_8(value: object) -> None:
    """Raises for a text that is not UTF-8, as the native module does for its arguments."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        utf_8(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            utf_8(item)


class FakeProbe:
    """The native module's surface with the rule for the current trace, and a log of what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.settings: list[dict[str, object]] = []
        self.spans: list[dict[str, object]] = []
        self.patterns: list[tuple[list[str], str]] = []
        self.links: list[tuple[str | None, str | None]] = []
        self.names: dict[int, str | None] = {}
        self.live: set[int] = set()
        self.refuse = False
        self._context: ContextVar[int] = ContextVar("current", default=0)
        self._adopted = threading.local()
        self._before: dict[int, int] = {}
        self._suspended: set[int] = set()

    def configure(self, settings: dict[str, object]) -> bool:
        utf_8(settings)
        self.settings.append(settings)
        keys = ("include_frames", "ignore_frames")
        return all(settings[key] == self.settings[0][key] for key in keys)

    def begin_trace(
        self, kind: str, name: str | None, parent: str | None = None, group: str | None = None
    ) -> int:
        utf_8(name)
        self.links.append((parent, group))
        if self.refuse:
            return 0
        token = len(self.names) + 1
        self.calls.append(("begin", token, kind, name))
        self.names[token] = name
        self.live.add(token)
        self._before[token] = self._context.get()
        self._context.set(token)
        return token

    def end_trace(self, token: int, name: str | None = None) -> None:
        utf_8(name)
        if token not in self.live:
            return
        self.calls.append(("end", token))
        if name is not None:
            self.names[token] = name
        self.live.discard(token)
        if self._context.get() == token:
            self._context.set(self._before[token])

    def begin_span(self, kind, type_name, subtype, name, data) -> int:
        utf_8(name)
        assert self.current_trace()
        self.spans.append({"kind": kind, "types": [type_name], "name": name, "start": data, "end": None})
        return len(self.spans)

    def end_span(self, span, type_name, name, data, outcome) -> None:
        found = self.spans[span - 1]
        assert found["end"] is None
        found.update(types=[*found["types"], type_name], name=name, end=data, outcome=outcome)

    def current_trace(self) -> int:
        token = self._context.get() or getattr(self._adopted, "token", 0)
        return token if token in self.live else 0

    def set_dispatcher(self, patterns, dispatcher) -> None:
        self.patterns = patterns

    def is_forked_inside(self) -> bool:
        return False

    def trace_id(self, token: int) -> str | None:
        return f"trc_{token:026d}" if token in self.live else None

    def adopt_trace(self, token: int) -> None:
        self.calls.append(("adopt", token))
        self._adopted.token = token

    def suspend_trace(self, token: int) -> None:
        assert self._context.get() == token
        self.calls.append(("suspend", token))
        self._context.set(self._before[token])

    def resume_trace(self, token: int) -> None:
        self.calls.append(("resume", token))
        self._before[token] = self._context.get()
        self._context.set(token)

    def wait_connected(self, timeout_s: float) -> bool:
        return True

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        return True

    def register_profiler(self) -> None:
        pass

    def register_noop_profiler(self) -> None:
        self.calls.append(("noop",))

    def begun(self) -> list[str | None]:
        """The names of all traces so far, in order."""
        return list(self.names.values())


@pytest.fixture(params=["native", "pure"])
def each_encoder(request, monkeypatch):
    """The test holds for the native encoder and for the one in Python."""
    import encoding

    monkeypatch.setattr(encoding, "encoder", request.param)
    return request.param


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch, tmp_path):
    """Each test is a new process as far as the package knows, in a project folder of its own."""
    monkeypatch.setattr(_session, "_session", None)
    monkeypatch.setattr(_warnings, "_said", set())
    for name in ("KOLO_PATH", "KOLO_DISABLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    item = concurrent.futures.thread._WorkItem
    before = (threading.Thread.start, threading.Thread._set_ident, item.__init__, item.run)
    yield
    threading.Thread.start, threading.Thread._set_ident, item.__init__, item.run = before
    if "_kolo_probe_trace" in vars(item):
        del item._kolo_probe_trace


@pytest.fixture
def probe(monkeypatch) -> FakeProbe:
    fake = FakeProbe()
    monkeypatch.setitem(sys.modules, "kolo_probe._probe", fake)
    monkeypatch.setattr(kolo_probe, "_probe", fake, raising=False)
    monkeypatch.setattr("atexit.register", lambda *_: None)
    return fake


@pytest.fixture
def installed():
    """For tests of the installed package and programs: they fail, rather than skip, where there is none."""
    from kolo_probe import _probe  # noqa: F401

    for name in ("kolo-probe", "kolo-collectord", "kolo-trace"):
        program = os.path.join(os.path.dirname(sys.executable), name)
        assert os.path.exists(program), f"{program} is not installed"


@pytest.fixture
def warned(caplog):
    """The warning lines so far: `warned()`."""
    return lambda: [record.getMessage() for record in caplog.records if record.name == "kolo_probe"]

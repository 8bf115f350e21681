"""Stands in for the native module where jobs begin traces of their own: one inside another, on one thread."""

from __future__ import annotations

from driving import RecordingProbe

from kolo_probe._options import OPTIONS
from kolo_probe._session import Session


class TracingProbe(RecordingProbe):
    def __init__(self) -> None:
        super().__init__()
        self.here = Session(self, {option.key: option.default for option in OPTIONS})
        self.here.is_whole_process = True
        self.traces: list[dict[str, object]] = []
        self.current: list[int] = []
        self.spans_in: list[int] = []

    def begin(self, here, kind, name, parent=None, group=None) -> int:
        self.traces.append({"kind": kind, "name": name, "parent": parent, "group": group, "ended": False})
        self.current.append(len(self.traces))
        return len(self.traces)

    def end_trace(self, token, name=None) -> None:
        assert self.current.pop() == token
        self.traces[token - 1]["ended"] = True

    def current_trace(self) -> int:
        return self.current[-1] if self.current else 0

    def begin_span(self, *told) -> int:
        self.spans_in.append(self.current_trace())
        return super().begin_span(*told)

    def trace_id(self, token):
        return f"trc_{token:026}"

    def trace_group(self, token):
        return f"{token:032x}"


def traced_whole(monkeypatch, module) -> TracingProbe:
    """A process that is traced whole, as under `kolo-probe run`, as far as `module` of ours knows."""
    made = TracingProbe()
    monkeypatch.setattr(module, "session", lambda: made.here)
    monkeypatch.setattr(module, "begin", made.begin)
    return made

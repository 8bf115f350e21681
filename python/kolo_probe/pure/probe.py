"""The surface of the native module (kolo_probe/_probe.pyi says what each function means), in Python."""

from __future__ import annotations

import sys
import time

from kolo_probe.pure import spans
from kolo_probe.pure.contexts import set_trace_in_context, trace_in_context
from kolo_probe.pure.encode import ValueEncoder
from kolo_probe.pure.encoder import Limits
from kolo_probe.pure.here import (
    continue_after_fork,
    current_recorder,
    ensure_process,
    ensure_recorder,
    notice_replaced_hook,
    remove_hook,
    set_hook_everywhere,
    set_hook_here,
    state,
    take_number,
)
from kolo_probe.pure.layout import ENDED, LOSSES, TRACE_KINDS
from kolo_probe.pure.process import Configuration
from kolo_probe.pure.redaction import Redaction
from kolo_probe.pure.slots import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kolo_probe.pure.process import Process

__all__ = [
    "add_span", "adopt_trace", "begin_span", "begin_trace", "configure", "current_trace", "encode_value",
    "end_span", "end_trace", "flush", "is_forked_inside", "register_noop_profiler", "register_profiler",
    "resume_trace", "set_dispatcher", "shutdown", "status", "suspend_trace", "trace_group", "trace_id",
    "wait_connected",
]  # fmt: skip


def configure(settings: dict[str, Any]) -> bool:
    if state.configuration is not None:
        return state.configuration.has_filters_of(settings)
    state.configuration = Configuration(dict(settings))
    return True


# --- Traces ---


def begin_trace(kind: str, name: str | None, parent: str | None = None, group: str | None = None) -> int:
    if kind not in TRACE_KINDS:
        raise ValueError(f"begin_trace: {kind!r} is no kind of trace")
    process = continue_after_fork() or ensure_process()
    if process is None or not process.has_slot_left():
        return 0
    recorder = ensure_recorder(process)
    within = recorder.place()
    enclosing = within.slot
    origin, of_group = ("", 0, 0), _group_bytes(group)
    if of_group:
        origin = ((parent or "")[:31], 0, 0)
    elif enclosing is not None:
        origin, of_group = (enclosing.id, within.ring, within.ordinal), enclosing.group
    number = 0 if enclosing is None else enclosing.number
    slot = Slot(take_number(), kind, name or "", origin, number, of_group)
    process.slots[slot.number] = slot
    resume_trace(slot.number)
    set_hook_everywhere(process)
    process.wake()
    return slot.number


def end_trace(token: int, name: str | None = None) -> None:
    process = state.process
    slot = process.live(token) if process is not None else None
    if process is None or slot is None:
        return
    notice_replaced_hook()
    suspend_trace(token)
    if name is not None:
        slot.name = name
    slot.end_ticks = time.monotonic_ns()
    slot.state = ENDED
    process.wake()


def suspend_trace(token: int) -> None:
    process = state.process
    slot = process.live(token) if process is not None else None
    if slot is None:
        return
    recorder = current_recorder()
    if recorder is not None:
        recorder.remove_boundary(token)
    if trace_in_context() == token:
        set_trace_in_context(slot.enclosing)


def resume_trace(token: int) -> None:
    process = state.process
    slot = process.live(token) if process is not None else None
    if process is None or slot is None:
        return
    set_trace_in_context(token)  # first: it may make the thread's Context, which the boundary remembers
    ensure_recorder(process).push_boundary(slot)


def adopt_trace(token: int) -> None:
    process = state.process
    if process is None:
        return
    recorder = ensure_recorder(process)
    if recorder.is_of_greenlets():
        # gevent's threads are greenlets and share this thread's recorder; the Context of each is its own.
        set_trace_in_context(token)
    else:
        recorder.adopted = token
    set_hook_here(process)


def current_trace() -> int:
    process = continue_after_fork()
    if process is None:
        return 0
    place = ensure_recorder(process).place()
    return 0 if place.slot is None or place.is_over else place.slot.number


def is_forked_inside() -> bool:
    return state.is_forked_inside


def trace_id(token: int) -> str | None:
    slot = _slot(token)
    return None if slot is None else slot.id


def trace_group(token: int) -> str | None:
    slot = _slot(token)
    return None if slot is None else slot.group.hex()


def _group_bytes(digits: str | None) -> bytes:
    """Of 32 hexadecimal digits; empty for any other text."""
    try:
        return bytes.fromhex(digits) if digits is not None and len(digits) == 32 else b""
    except ValueError:
        return b""


# --- Spans ---


def begin_span(kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]) -> int:
    process = state.process
    if process is None:
        return 0
    return spans.begin(ensure_recorder(process), kind, type_name, subtype, name, data)


def end_span(span: int, type_name: str, name: str | None, data: dict[str, Any], outcome: str) -> None:
    process = state.process
    if process is not None:
        spans.end(ensure_recorder(process), span, type_name, name, data, outcome)


def add_span(kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]) -> None:
    process = state.process
    if process is not None:
        spans.add(ensure_recorder(process), kind, type_name, subtype, name, data)


def set_dispatcher(patterns: list[tuple[list[str], str, list[str]]], dispatcher: Callable[..., None]) -> None:
    if state.configuration is not None:
        state.configuration.patterns = list(patterns)
        state.configuration.dispatcher = dispatcher


# --- Values ---


def encode_value(value: object, name: str = "", limits: dict[str, Any] | None = None) -> bytes:
    configuration = state.configuration
    settings = limits or (configuration.settings if configuration is not None else None)
    if settings is None:
        raise TypeError("encode_value: there are no limits before configure()")
    redaction = configuration.redaction if configuration is not None else Redaction([])
    to = ValueEncoder(Limits(settings), redaction)
    if redaction.matches(name):
        to.redacted()
    else:
        to.value(value)
    return bytes(to.out)


# --- The process ---


def wait_connected(timeout_s: float) -> bool:
    return state.drain is not None and state.drain.wait_connected(timeout_s)


def flush(timeout_s: float) -> bool:
    return state.drain is None or state.drain.flush(timeout_s)


def shutdown(timeout_s: float = 5.0) -> bool:
    state.is_over = True
    process, drain = state.process, state.drain
    if process is None or drain is None:
        return True
    for slot in list(process.slots.values()):
        end_trace(slot.number)
    remove_hook()
    process.is_stopped = True
    state.process = None
    return drain.shutdown(timeout_s)


def status() -> dict[str, object]:
    process, drain = state.process, state.drain
    is_set = sys.getprofile() is not None
    found: dict[str, object] = {
        "process_id": None, "connected": False, "emitted": 0, "lost": {}, "traces_refused": 0,
        "arena_bytes": 0, "arena_used": 0, "hook": "pure" if is_set else "none", "error": None,
    }  # fmt: skip
    if process is None or drain is None:
        return found
    found.update(
        process_id=process.id.hex(),
        connected=drain.is_connected,
        emitted=sum(ring.emitted + ring.emitted_blockless for ring in list(process.rings)),
        lost=_lost(process),
        traces_refused=sum(process.traces_refused.values()),
        arena_bytes=process.configuration.settings["arena_mb"] << 20,
        arena_used=(process.most_blocks - len(process.pool)) * 65536,
        error=drain.error or None,
    )
    return found


def register_profiler() -> None:
    process = ensure_process()
    if process is not None:
        set_hook_everywhere(process)


def register_noop_profiler() -> None:
    """A function that does nothing: what a profile function in Python costs as such."""
    import threading

    threading.setprofile(_nothing)
    sys.setprofile(_nothing)


def _nothing(frame: Any, event: str, arg: Any) -> None:
    return


def _slot(token: int) -> Slot | None:
    process = state.process
    return process.slots.get(token) if process is not None else None


def _lost(process: Process) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, reason), count in list(process.lost_in_all.items()):
        counts[LOSSES[reason]] = counts.get(LOSSES[reason], 0) + count
    return counts

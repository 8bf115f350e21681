"""Processors: asks the dispatcher at each event of code that they match, and records what it tells."""

from __future__ import annotations

import _thread

from kolo_probe.pure.layout import SPAN_DROPPED, SPAN_END, SPAN_POINT, SPAN_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.recorder import Place, Recorder

_MOST_OPEN_SPANS = 1 << 16


def dispatch(recorder: Recorder, frame: FrameType, info: CodeInfo, event: str, arg: Any) -> None:
    """Nothing outside of every trace."""
    dispatcher = recorder.process.configuration.dispatcher
    place = recorder.place()
    if dispatcher is None or place.slot is None or place.is_over:
        return
    try:
        dispatcher(info.matched, frame, id(frame), event, arg)
    except KeyboardInterrupt:  # of a signal handler, for the program: what leaves the hook would take it away
        _thread.interrupt_main()


def begin(
    recorder: Recorder, kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]
) -> int:
    """The span's number; 0 when there is no trace, or no room."""
    process, place = recorder.process, recorder.place()
    if place.slot is None or place.is_over or len(process.open_spans) >= _MOST_OPEN_SPANS:
        return 0
    span = next(process.span_numbers)
    if not _write(recorder, SPAN_START, span, place, (kind, type_name, subtype, name, data)):
        return 0
    process.open_spans[span] = place
    return span


def add(
    recorder: Recorder, kind: str, type_name: str, subtype: str | None, name: str | None, data: dict[str, Any]
) -> None:
    place = recorder.place()
    if place.slot is not None and not place.is_over:
        span = next(recorder.process.span_numbers)
        _write(recorder, SPAN_POINT, span, place, (kind, type_name, subtype, name, data))


def end(
    recorder: Recorder, span: int, type_name: str, name: str | None, data: dict[str, Any], outcome: str
) -> None:
    place = recorder.process.open_spans.pop(span, None)
    if place is not None:
        _write(recorder, SPAN_END, span, place, (type_name, name, outcome, data))


def _write(recorder: Recorder, kind: int, span: int, place: Place, told: tuple[Any, ...]) -> bool:
    slot = place.slot
    assert slot is not None
    recorder.enter()
    is_written = recorder.writer.span(kind, span, slot.number, place, told)
    if not is_written:
        recorder.count(slot)
        recorder.lose(slot, SPAN_DROPPED)
    recorder.leave_idle()
    return is_written

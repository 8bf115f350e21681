"""Processors: asks the dispatcher at each event of code that one of them matches."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.recorder import Recorder


def dispatch(recorder: Recorder, frame: FrameType, info: CodeInfo, event: str, arg: Any) -> None:
    """Nothing outside of every trace."""
    dispatcher = recorder.process.configuration.dispatcher
    if dispatcher is not None and recorder.place().slot is not None:
        dispatcher(info.matched, frame, id(frame), event, arg)

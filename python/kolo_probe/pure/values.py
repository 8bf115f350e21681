"""The payloads of records: arguments, results, exceptions and locals, encoded."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.codes import CodeInfo
    from kolo_probe.pure.process import Configuration


def arguments(frame: FrameType, info: CodeInfo, configuration: Configuration) -> bytes:
    return b""


def thrown(exception: BaseException, configuration: Configuration) -> bytes:
    return b""


def outcome(frame: FrameType, info: CodeInfo, how: str, value: Any, configuration: Configuration) -> bytes:
    return b""

"""What passes over the socket: the frames that this probe sends, and a collector's answers, checked."""

from __future__ import annotations

from kolo_probe.pure import msgpack
from kolo_probe.pure.layout import (
    ACK_HEAD,
    ACK_RING,
    BLOCK,
    BLOCK_MESSAGE,
    FRAME_HEAD,
    HELLO,
    MOST_FRAME_BYTES,
    PROTOCOL,
)
from kolo_probe.pure.msgpack import BrokenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Position = tuple[int, int]  # block sequence, offset


def frame(kind: int, body: bytes = b"") -> bytes:
    return FRAME_HEAD.pack(len(body), kind, 0) + body


def hello(fields: dict[str, Any]) -> bytes:
    """`fields` as proto/messages.hpp names them, without protocol and features."""
    return frame(HELLO, msgpack.packed({"protocol": PROTOCOL, "features": 0, **fields}))


def block(start: bytes, offset: int, records: bytes, emitted: int) -> bytes:
    return frame(BLOCK, start + BLOCK_MESSAGE.pack(offset, len(records), emitted) + records)


class Frames:
    """Collects a stream's bytes, and gives the whole frames at its front."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self) -> tuple[int, bytes] | None:
        """Type and body; None when there is no whole one yet. BrokenError when it is none of ours."""
        if len(self._data) < FRAME_HEAD.size:
            return None
        size, kind, _ = FRAME_HEAD.unpack_from(self._data)
        if size > MOST_FRAME_BYTES:
            raise BrokenError("a frame of more than 1 MB")
        end = FRAME_HEAD.size + size
        if len(self._data) < end:
            return None
        body, self._data = self._data[FRAME_HEAD.size : end], self._data[end:]
        return kind, body


class Welcome:
    """What this store has committed of this process."""

    __slots__ = ("closed", "codes_offset", "rings")

    def __init__(self, body: bytes) -> None:
        fields = _map(body)
        if _number(fields, "protocol") != PROTOCOL:
            raise BrokenError("another protocol")
        self.codes_offset = _number(fields, "codes_offset")
        self.rings = _positions(_numbers(fields, "rings"))
        self.closed = _numbers(fields, "closed")


class Refused:
    __slots__ = ("message", "reason")

    def __init__(self, body: bytes) -> None:
        fields = _map(body)
        self.reason = _number(fields, "reason")
        message = fields.get("message")
        if not isinstance(message, str):
            raise BrokenError("no message")
        # Text from outside: no control characters on a terminal.
        self.message = "".join(one if one.isprintable() else " " for one in message[:300])


class Ack:
    __slots__ = ("closed", "codes_offset", "is_of_bye", "rings")

    def __init__(self, body: bytes) -> None:
        if len(body) < ACK_HEAD.size:
            raise BrokenError("cut off")
        self.codes_offset, rings, closed, flags, _ = ACK_HEAD.unpack_from(body)
        self.is_of_bye = bool(flags & 1)
        behind = ACK_HEAD.size + ACK_RING.size * rings
        if len(body) != behind + 8 * closed:
            raise BrokenError("a wrong length")
        self.rings: dict[int, Position] = {}
        for ring, offset, sequence in ACK_RING.iter_unpack(body[ACK_HEAD.size : behind]):
            self.rings[ring] = (sequence, offset)
        self.closed = [
            int.from_bytes(body[at : at + 8], "little") for at in range(behind, behind + 8 * closed, 8)
        ]


def _map(body: bytes) -> dict[Any, Any]:
    fields = msgpack.unpacked(body)
    if not isinstance(fields, dict):
        raise BrokenError("no map")
    return fields


def _number(fields: dict[Any, Any], key: str) -> int:
    value = fields.get(key)
    if type(value) is not int or value < 0:
        raise BrokenError(f"no {key}")
    return value


def _numbers(fields: dict[Any, Any], key: str) -> list[int]:
    values = fields.get(key)
    if not isinstance(values, list) or any(type(value) is not int or value < 0 for value in values):
        raise BrokenError(f"no {key}")
    return values


def _positions(numbers: list[int]) -> dict[int, Position]:
    """Of ring, sequence, offset, ring, …"""
    if len(numbers) % 3:
        raise BrokenError("no positions")
    triples = zip(numbers[::3], numbers[1::3], numbers[2::3])
    return {ring: (sequence, offset) for ring, sequence, offset in triples}

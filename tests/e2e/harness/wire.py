"""The wire from the outside: frames and hellos made by hand, after proto/PROTOCOL.md."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Any

import msgpack

HELLO, CODES, TRACE, BLOCK, WELCOME, REFUSED = 1, 2, 3, 4, 64, 65
PROTOCOL_REFUSED = 1


def frame(kind: int, body: bytes) -> bytes:
    return struct.pack("<IHH", len(body), kind, 0) + body


def hello(**changes: Any) -> dict[str, Any]:
    """What a process without an arena says first."""
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    told = {
        "protocol": 2,
        "features": 0,
        "process": os.urandom(16),
        "parent": None,
        "pid": os.getpid(),
        "start_time": int(start),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "host": "test",
        "python": "3.11.0",
        "implementation": "CPython",
        "version": "0",
        "git_sha": None,
        "argv": ["test"],
        "cwd": "/",
        "clocks": [1, 1, 1, 2, 2, 2],
        "arena_bytes": 0,
    }
    return {**told, **changes}


class Peer:
    """A connection to the collector's socket that can say anything."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._read = b""

    def send(self, data: bytes) -> None:
        """Sends what can be sent: the other side may have closed already, which is its right."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def send_hello(self, **changes: Any) -> None:
        self.send(frame(HELLO, msgpack.packb(hello(**changes))))

    def finish(self) -> None:
        """No more will be sent: what is incomplete stays so."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def next_frame(self) -> tuple[int, bytes] | None:
        """The next frame of the collector; None when it has closed the connection."""
        while True:
            if len(self._read) >= 8:
                size, kind, _ = struct.unpack_from("<IHH", self._read)
                if len(self._read) >= 8 + size:
                    body, self._read = self._read[8 : 8 + size], self._read[8 + size :]
                    return kind, body
            try:
                more = self._socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self._read += more

    def until_closed(self) -> list[int]:
        """The kinds of all frames until the collector closes the connection."""
        kinds = []
        while (found := self.next_frame()) is not None:
            kinds.append(found[0])
        return kinds

    def close(self) -> None:
        self._socket.close()

"""A collector that keeps every byte it is sent, and the arena that came with them, and stores nothing."""

from __future__ import annotations

import array
import os
import socket
import threading
from pathlib import Path

import msgpack

from harness.wire import WELCOME, frame

NOTHING_STORED = {
    "protocol": 2,
    "features": 0,
    "version": "tap",
    "codes_offset": 0,
    "rings": [],
    "closed": [],
}


class Tap:
    """Serves one process. `stream()` is what it has sent so far, `arena()` what lies in its memory now."""

    def __init__(self, path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self._pieces: list[bytes] = []
        self._arena: int | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            while True:
                data, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(4))
                for level, kind, descriptors in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        self._arena = array.array("i", descriptors[:4])[0]
                        connection.sendall(frame(WELCOME, msgpack.packb(NOTHING_STORED)))
                if not data:
                    return
                self._pieces.append(data)

    def stream(self) -> bytes:
        return b"".join(self._pieces)

    def arena(self) -> bytes:
        """All of it, also what was written and given back, and never sent."""
        assert self._arena is not None, "no arena came"
        return os.pread(self._arena, os.fstat(self._arena).st_size, 0)

    def close(self) -> None:
        """When the process has ended."""
        self._thread.join(30)
        self._listening.close()
        if self._arena is not None:
            os.close(self._arena)

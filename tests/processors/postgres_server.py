"""As much of a PostgreSQL server as a client needs to connect and to send queries: none is installed here.

Every SELECT has one row, n = 1; a query with "fails" in it is an error. `got` are the texts that arrived.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

READY = b"Z", b"I"
ROW_DESCRIPTION = b"T", struct.pack("!h", 1) + b"n\0" + struct.pack("!ihihih", 0, 0, 23, 4, -1, 0)
ROW = b"D", struct.pack("!hi", 1, 1) + b"1"
SETTINGS = {"server_version": "16.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"}


class PostgresServer:
    def __init__(self) -> None:
        self.got: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.dsn = (
            f"host=127.0.0.1 port={self._listener.getsockname()[1]} dbname=shop user=me password=hunter2 "
            "sslmode=disable gssencmode=disable"
        )

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._converse(stream)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _converse(self, stream) -> None:
        (length,) = struct.unpack("!i", stream.read(4))
        stream.read(length - 4)
        answers = [(b"R", struct.pack("!i", 0))]
        answers += [(b"S", f"{name}\0{value}\0".encode()) for name, value in SETTINGS.items()]
        _send(stream, *answers, (b"K", struct.pack("!ii", 1, 1)), READY)
        query, has_failed = "", False
        while (kind := stream.read(1)) not in (b"", b"X"):
            (length,) = struct.unpack("!i", stream.read(4))
            body = stream.read(length - 4)
            if kind == b"S":
                has_failed = False
                _send(stream, READY)
            elif kind == b"Q":
                query = self._take(body.split(b"\0")[0])
                _send(
                    stream, *([_error()] if "fails" in query else [*_described(query), *_run(query)]), READY
                )
            elif has_failed:
                continue
            elif kind == b"P":
                query = self._take(body.split(b"\0")[1])
                has_failed = "fails" in query
                _send(stream, _error() if has_failed else (b"1", b""))
            elif kind == b"B":
                _send(stream, (b"2", b""))
            elif kind == b"D":
                of_cursor = body[1:] != b"\0"  # by its name
                _send(stream, *([ROW_DESCRIPTION] if of_cursor else _described(query) or [(b"n", b"")]))
            elif kind == b"E":
                _send(stream, *_run(query))

    def _take(self, text: bytes) -> str:
        self.got.append(text.decode())
        return self.got[-1]


def _described(query):
    return [ROW_DESCRIPTION] if query.startswith("SELECT") else []


def _run(query):
    is_select = query.startswith("SELECT")
    return [*([ROW] if is_select else []), (b"C", b"SELECT 1\0" if is_select else b"UPDATE 1\0")]


def _error():
    return b"E", b"SERROR\0C42601\0Mno such thing\0\0"


def _send(stream, *messages) -> None:
    for kind, body in messages:
        stream.write(kind + struct.pack("!i", len(body) + 4) + body)
    stream.flush()


@contextmanager
def serving() -> Iterator[PostgresServer]:
    server = PostgresServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()

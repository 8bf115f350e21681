"""A server for HTTP clients to talk to, and a trace whose headers they send."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kolo_probe import _session

TRACE = "trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY"
GROUP = "0af7651916cd43dd8448eb211c80319c"


class Answers(BaseHTTPRequestHandler):
    """Answers each path as its name says; the server keeps what it got as (method, path, headers, body)."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append((self.command, self.path, dict(self.headers.items()), body))
        if self.path.startswith("/silent"):
            self.server.released.wait(5)
            self.close_connection = True
        elif self.path.startswith("/moved"):
            self.answer(302, b"", Location="/here")
        elif self.path.startswith("/binary"):
            self.answer(200, b"\xff\xd8\xff\x00\x01", "image/jpeg")
        elif self.path.startswith("/missing"):
            self.answer(404, b"no such thing", "text/plain")
        elif self.path.startswith("/long"):
            self.answer(200, b"\xc3\xa9" * 50_000, "text/plain; charset=utf-8")
        else:
            body = json.dumps({"ok": True, "token": "hunter2"}).encode()
            self.answer(200, body, **{"Set-Cookie": "session=hunter2"})

    do_POST = do_PUT = do_GET  # noqa: N815

    def answer(self, status, body, content_type="application/json", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def headers(self) -> dict[str, str]:
        """Those of the only request so far, by lower-case name."""
        ((_, _, headers, _),) = self.got
        return {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.released.set()
        one.shutdown()
        thread.join()


@pytest.fixture
def refusing() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/"


class OneTrace:
    """Stands in for the native module inside a live trace."""

    def current_trace(self):
        return 1

    def trace_id(self, token):
        return TRACE

    def trace_group(self, token):
        return GROUP


@pytest.fixture
def inside_a_trace(monkeypatch) -> tuple[str, str]:
    """The traceparent and the tracestate that what is sent here carries."""
    monkeypatch.setattr(_session, "_session", _session.Session(OneTrace(), {}))
    return f"00-{GROUP}-62e0d93e91b4f3be-01", f"kolo={TRACE}"

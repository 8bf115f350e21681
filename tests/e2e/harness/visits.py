"""Sending requests, several in flight at once, and remembering what was answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120


@dataclass(frozen=True)
class Answer:
    """How one request was answered."""

    path: str  # without the query string
    status: int
    body: str
    seconds: float

    @property
    def trace_name(self) -> str:
        """As the middleware names its trace."""
        return f"{self.status} GET {self.path}"

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def get(address: str, target: str, timeout: float = TIMEOUT_S) -> Answer:
    """One GET on a connection of its own. Raises OSError or HTTPException when it is not answered."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    return Answer(urlsplit(target).path, response.status, body, time.monotonic() - started)


def get_all(address: str, targets: Iterable[str], in_flight: int) -> list[Answer]:
    """GETs all targets, `in_flight` at once, and returns the answers in the targets' order."""
    with ThreadPoolExecutor(in_flight) as pool:
        return list(pool.map(lambda target: get(address, target), targets))


class Load:
    """Visitors that keep asking until they are told to stop; what they were answered is kept."""

    def __init__(self, address: str, target: Callable[[int], str], in_flight: int) -> None:
        self.answers: list[Answer] = []
        self.errors: list[BaseException] = []
        self._address = address
        self._target = target
        self._next = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(in_flight)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number = self._next
                self._next += 1
            try:
                answer = get(self._address, self._target(number))
            except Exception as error:
                with self._lock:
                    self.errors.append(error)
                return
            with self._lock:
                self.answers.append(answer)

"""The drain thread: rounds of looking, telling and listening, and sleeping in between.

Threads of the program ask for something by setting a field, and wait by looking at others: there is no lock,
so that no signal handler can meet one held. The thread is of `_thread`, so that the program does not see it
among its own.
"""

from __future__ import annotations

import os
import select
import signal
import time

from kolo_probe.pure.courier import Courier
from kolo_probe.pure.unpatched import poll, sleep, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kolo_probe.pure.process import Process

_STEP_S = 0.001
_STOP_LIMIT_S = 0.05  # how long a fork may be held up by us


class Drain:
    def __init__(self, process: Process) -> None:
        self._read_end, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._courier = Courier(process, self)
        self._is_over = False
        self.is_running = False
        self.stop_wanted = False
        self.flush_wanted = 0
        self.shutdown_wanted = False
        self.sleeps = False

    # --- For the threads of the program ---

    def ensure_running(self) -> None:
        if not self.is_running and not self._is_over:
            self._start()

    def wake(self) -> None:
        """There is something that a sleeping drain would not look for soon."""
        self.ensure_running()
        if self.sleeps:
            self.sleeps = False
            self._ring()

    def stop(self) -> None:
        """Before a fork: the parent goes on with another thread, over the same connection."""
        if self.is_running:
            self.stop_wanted = True
            self._ring()
            _wait(lambda: not self.is_running, _STOP_LIMIT_S)

    def wait_connected(self, limit_s: float) -> bool:
        courier = self._courier
        _wait(lambda: courier.is_open or courier.has_failed or not self.is_running, limit_s)
        return courier.is_open

    def flush(self, limit_s: float) -> bool:
        if self._is_over:
            return False
        self.ensure_running()
        self.flush_wanted += 1
        ticket, courier = self.flush_wanted, self._courier
        self._ring()
        _wait(lambda: max(courier.flushed, courier.flush_failed) >= ticket or not self.is_running, limit_s)
        return courier.flushed >= ticket

    def shutdown(self, limit_s: float) -> bool:
        if self._is_over:
            return self._courier.all_stored
        self.ensure_running()
        self._is_over = True
        self.shutdown_wanted = True
        self._ring()
        _wait(lambda: self._courier.is_through or not self.is_running, limit_s)
        self.stop_wanted = True
        self._ring()
        _wait(lambda: not self.is_running, _STOP_LIMIT_S)
        self._courier.close()
        return self._courier.all_stored

    def abandon(self) -> None:
        """In a forked child: nothing but the descriptors."""
        self._courier.close()
        os.close(self._read_end)
        os.close(self._write_end)

    @property
    def is_connected(self) -> bool:
        return self._courier.is_open

    @property
    def error(self) -> str:
        return self._courier.error

    # --- For the thread ---

    def rest(self, until: float | None, socket: int, *, is_writing: bool) -> bool:
        """Sleep until that time, a bell, or something of the socket. True: the bell rang."""
        waited = poll()
        waited.register(self._read_end, select.POLLIN)
        if socket >= 0:
            waited.register(socket, select.POLLIN | (select.POLLOUT if is_writing else 0))
        # Rounded up: a sleep that ends just before its time would be repeated at once.
        limit = None if until is None else max(0, int((until - time.monotonic()) * 1000) + 1)
        ready = waited.poll(limit)
        rang = any(descriptor == self._read_end for descriptor, _ in ready)
        if rang:
            try:
                os.read(self._read_end, 512)
            except BlockingIOError:
                return True
        return rang

    def _start(self) -> None:
        self.stop_wanted = False
        self.is_running = True
        try:
            start_new_thread(self._run, ())
        except RuntimeError:
            self.is_running = False

    def _run(self) -> None:
        try:
            # Handlers are to run in the program's threads, and to interrupt what those wait for.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            self._courier.run()
        finally:
            self.is_running = False

    def _ring(self) -> None:
        try:
            os.write(self._write_end, b"!")
        except OSError:  # it is full, so it rings already
            return


def _wait(is_done: Callable[[], bool], limit_s: float) -> None:
    until = time.monotonic() + min(limit_s, 1e8)
    while not is_done() and time.monotonic() < until:
        sleep(_STEP_S)

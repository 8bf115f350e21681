"""What the drain thread does: connecting, telling, listening, and what callers wait for."""

from __future__ import annotations

import os
import time

from kolo_probe.pure import messages
from kolo_probe.pure.dialer import Dialer
from kolo_probe.pure.identity import hello_fields
from kolo_probe.pure.layout import ACK, BYE, CLOCK, CLOCK_PAIR, REFUSED, WELCOME
from kolo_probe.pure.messages import Ack, Frames, Refused, Welcome
from kolo_probe.pure.msgpack import BrokenError
from kolo_probe.pure.outbox import Outbox
from kolo_probe.pure.process import clock_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.drain import Drain
    from kolo_probe.pure.process import Process

_SHORTEST_LOOK_S = 0.005
_LONGEST_LOOK_S = 0.05
_LINGERING_LOOK_S = 1.0  # when nothing but remains of closed traces is left
_PATIENT_LOOKS = 4  # in a row that found nothing, before they become rarer
_GREETING_LIMIT_S = 10.0  # a hello that is not answered by then was not sent to a collector
_FIRST_CLOCK_S = 0.01
_LAST_CLOCK_S = 10.0
_PIECE = 256 * 1024

_APART, _GREETING, _OPEN = range(3)


class Courier:
    """`flushed` and `flush_failed` are the last ticket of Drain.flush_wanted that was served, or was not."""

    def __init__(self, process: Process, drain: Drain) -> None:
        self._process = process
        self._drain = drain
        self._outbox = Outbox(process)
        self._dialer = Dialer(process.configuration.settings)
        self._socket: Any = None
        self._frames = Frames()
        self._output = bytearray()
        self._phase = _APART
        self._greeting_ends = 0.0
        self._ever_connected = False
        self._next_look = 0.0
        self._look_interval = _SHORTEST_LOOK_S
        self._idle_looks = 0
        self._next_clock = 0.0
        self._clock_interval = _FIRST_CLOCK_S
        self._shutdown_seen = False
        self._bye_told = False
        self._dials_in_vain = 0  # since the shutdown was asked for
        self.flushed = 0
        self.flush_failed = 0
        self.all_stored = False
        self.is_through = False

    @property
    def is_open(self) -> bool:
        return self._phase == _OPEN

    @property
    def has_failed(self) -> bool:
        return self._phase == _APART and self._dialer.is_failing

    @property
    def error(self) -> str:
        return self._dialer.error

    def close(self) -> None:
        self._phase = _APART
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._dialer.close()

    def run(self) -> None:
        self._next_look = 0.0
        while not self.is_through and not self._drain.stop_wanted:
            try:
                self._step()
            except Exception:
                # No memory, no descriptor, …: what was half told is told again after the next welcome.
                self._lose_connection()
                self._drain.rest(time.monotonic() + _LONGEST_LOOK_S, -1, is_writing=False)

    def _step(self) -> None:
        if self._socket is not None:
            self._listen()
        now = time.monotonic()
        is_shutdown = self._drain.shutdown_wanted
        if (is_shutdown and not self._shutdown_seen) or now >= self._next_look:
            self._shutdown_seen = is_shutdown
            self._take_stock(now)
        self._connect(now)
        if self._socket is not None:
            self._tell(is_last=is_shutdown or self._drain.flush_wanted > self.flushed)
        self._serve_flush()
        if is_shutdown:
            self._serve_shutdown()
        self._warn(is_last=False)
        if not self.is_through:
            self._rest()

    def _take_stock(self, now: float) -> None:
        if self._outbox.look():
            self._idle_looks = 0
            self._look_interval = _SHORTEST_LOOK_S
        else:
            self._idle_looks += 1
            if self._idle_looks > _PATIENT_LOOKS:
                self._look_interval = min(self._look_interval * 2, _LONGEST_LOOK_S)
        self._next_look = now + self._look_interval

    # --- Listening ---

    def _listen(self) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose_connection()
                return
            self._frames.feed(data)
            try:
                while self._socket is not None:
                    found = self._frames.next()
                    if found is None:
                        break
                    if not self._handle(*found):
                        raise BrokenError("what cannot be true")
            except BrokenError:  # the collector talks nonsense
                self._lose_connection()
                return

    def _handle(self, kind: int, body: bytes) -> bool:
        """False: nonsense. Unknown types are of a later version."""
        if kind == WELCOME:
            return self._phase == _GREETING and self._welcome(Welcome(body))
        if kind == REFUSED:
            if self._phase != _GREETING:
                return False
            refused = Refused(body)
            self._disconnect()
            self._dialer.refused(refused)
            return True
        return kind != ACK or (self._phase == _OPEN and self._acknowledge(Ack(body)))

    def _welcome(self, welcome: Welcome) -> bool:
        self._outbox.look()  # what was recorded while we were apart: claims are checked against all of it
        if not self._outbox.welcome(welcome):
            return False
        self._phase = _OPEN
        self._ever_connected = True
        self._clock_interval = _FIRST_CLOCK_S
        self._next_clock = time.monotonic() + _FIRST_CLOCK_S
        self._next_look = 0.0
        self._dialer.answered()
        return True

    def _acknowledge(self, ack: Ack) -> bool:
        if (ack.is_of_bye and not self._bye_told) or not self._outbox.acknowledge(ack):
            return False
        if ack.is_of_bye:
            self.all_stored = self.is_through = True
        return True

    # --- Connecting ---

    def _wants_connection(self) -> bool:
        return not self._dialer.has_given_up and (
            not self._ever_connected or self._drain.shutdown_wanted or not self._outbox.is_at_rest()
        )

    def _connect(self, now: float) -> None:
        if self._phase == _GREETING and now >= self._greeting_ends:
            self._disconnect()
            self._dialer.unanswered()
        if self._socket is not None or now < self._dialer.next_try or not self._wants_connection():
            return
        socket = self._dialer.dial()
        if socket is None:
            self._dials_in_vain += self._drain.shutdown_wanted
            return
        self._socket = socket
        self._frames = Frames()
        self._output = bytearray(messages.hello(hello_fields(self._process)))
        self._phase = _GREETING
        self._greeting_ends = now + _GREETING_LIMIT_S
        self._bye_told = False

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._phase = _APART
        self._output = bytearray()
        self._bye_told = False

    def _lose_connection(self) -> None:
        if self._socket is not None:
            self._disconnect()
            self._dialer.lost()

    # --- Telling ---

    def _tell(self, *, is_last: bool) -> None:
        if not self._send() or self._phase != _OPEN or self._bye_told:
            return
        for frame in self._outbox.round(is_last=is_last):
            self._output += frame
            if len(self._output) >= _PIECE and not self._send():
                return  # the rest is found again by the next round
        now = time.monotonic()
        if now >= self._next_clock and not self._outbox.is_settled():
            self._append_clock(now)
        if self._drain.shutdown_wanted and self._outbox.has_told_all():
            self._append_clock(now)
            self._output += messages.frame(BYE)
            self._bye_told = True
        self._send()

    def _append_clock(self, now: float) -> None:
        self._output += messages.frame(CLOCK, CLOCK_PAIR.pack(*clock_pair()))
        self._clock_interval = min(self._clock_interval * 2, _LAST_CLOCK_S)
        self._next_clock = now + self._clock_interval

    def _send(self) -> bool:
        """False: it takes no more at the moment, or is gone."""
        while self._output:
            if self._socket is None:
                return False
            try:
                sent = self._socket.send(bytes(self._output[:_PIECE]))
            except BlockingIOError:
                return False
            except OSError:
                self._listen()  # it may have told why before it went
                self._lose_connection()
                return False
            del self._output[:sent]
        return True

    # --- What callers wait for ---

    def _serve_flush(self) -> None:
        wanted = self._drain.flush_wanted
        if wanted <= max(self.flushed, self.flush_failed):
            return
        self._outbox.look()
        if self._outbox.is_stored():
            self.flushed = wanted
        elif self._socket is None and self._dialer.has_given_up:
            self.flush_failed = wanted
        else:
            self._next_look = 0.0

    def _serve_shutdown(self) -> None:
        if self.is_through or self._socket is not None:
            return
        is_settled = self._outbox.is_settled()
        is_in_vain = (
            self._dialer.has_given_up
            or (not self._ever_connected and self._dialer.is_failing)
            or (is_settled and (not self._ever_connected or self._dials_in_vain > 0))
        )
        if is_in_vain:
            self._warn(is_last=not is_settled)
            self.all_stored = is_settled
            self.is_through = True

    def _warn(self, *, is_last: bool) -> None:
        warning = self._dialer.take_warning(is_last=is_last)
        if warning is not None:
            os.write(2, warning.encode("utf-8", "replace"))

    # --- Resting ---

    def _rest(self) -> None:
        now = time.monotonic()
        is_writing = bool(self._output)
        if is_writing or self._bye_told:
            self._sleep(now + _LONGEST_LOOK_S)
        elif self._phase == _GREETING:
            self._sleep(self._greeting_ends)
        elif self._phase == _APART and self._wants_connection():
            # What is recorded meanwhile need not be looked at: it stays where it is.
            self._sleep(self._dialer.next_try)
            self._next_look = 0.0
        elif self._phase == _APART and self._dialer.has_given_up:
            self._sleep(None)
        else:
            self._rest_long(now) if self._may_rest_long() else self._rest_shortly()

    def _may_rest_long(self) -> bool:
        served = max(self.flushed, self.flush_failed)
        is_asked = self._drain.shutdown_wanted or self._drain.flush_wanted > served
        return not is_asked and self._outbox.is_at_rest()

    def _rest_shortly(self) -> None:
        self._outbox.reclaim()
        self._drain.sleeps = self._look_interval > _SHORTEST_LOOK_S
        self._sleep(self._next_look)
        self._drain.sleeps = False

    def _rest_long(self, now: float) -> None:
        """With nothing live and all acknowledged: until somebody rings, or a block can be given back."""
        waits = self._outbox.reclaim() or not self._outbox.is_settled()
        # Whoever has something new after this look sees the flag, and rings.
        self._drain.sleeps = True
        self._outbox.look()
        if self._outbox.is_at_rest():
            self._sleep(now + _LINGERING_LOOK_S if waits else None)
        self._drain.sleeps = False
        self._next_look = 0.0

    def _sleep(self, until: float | None) -> None:
        socket = self._socket.fileno() if self._socket is not None else -1
        if self._drain.rest(until, socket, is_writing=bool(self._output)):
            self._next_look = 0.0

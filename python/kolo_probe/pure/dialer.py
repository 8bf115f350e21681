"""Finds a collector, or starts one, and says once what is wrong when there is none.

On the drain thread. One process of several starts it: whoever holds `<socket>.spawn`.
"""

from __future__ import annotations

import _socket
import errno
import os
import random
import struct
import time

from kolo_probe.pure.spawn import Daemon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe.pure.messages import Refused

_FIRST_DELAY_S = 0.01
_LONGEST_DELAY_S = 1.0
_STARTING_DELAY_S = 0.02  # between tries while a daemon is starting
# A daemon that does not answer this long after its start is not waited for; trouble that lasts is told.
_PATIENCE_S = 5.0
_TOO_OFTEN = 8  # connections in a row that were lost at once, before the user is told
# After a daemon was lost: time for whoever looks after it to start it again, before we do.
_SPAWN_AGAIN_AFTER_S = 1.0
_SPAWN_RETRY_S = 30.0
_LONGEST_PATH = 107
_BUSY, _STOPPING = 2, 3
_PEERCRED = 17  # SO_PEERCRED, which PyPy does not name
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


class Dialer:
    """`error` says what is wrong at the moment, or is empty; `next_try` is on time.monotonic()."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.error = ""
        self.has_given_up = False
        self.is_failing = False
        self.next_try = 0.0
        self._socket: str = os.fsdecode(settings["socket"])
        self._folder: str = os.fsdecode(settings["folder"])
        self._mode = settings["collector"]
        program = settings["collectord_path"] if self._mode == "auto" else None
        self._daemon = Daemon(None if program is None else os.fsdecode(program), self._socket, self._folder)
        self._advice = ""
        self._delay = _FIRST_DELAY_S
        self._has_warned = False
        self._wanted_since: float | None = None
        self._answered_at: float | None = None
        self._ever_answered = False
        self._short_lived = 0
        self._spawned_at: float | None = None
        self._next_spawn = 0.0
        self._lock = -1
        if self._mode == "off":
            self.has_given_up = self.is_failing = self._has_warned = True  # it is what the user asked for
            self.error = 'the collector is switched off (collector = "off")'

    def dial(self) -> Any:
        """A connected socket that does not block, or None."""
        now = time.monotonic()
        if self.has_given_up or now < self.next_try:
            return None
        self._wanted_since = self._wanted_since if self._wanted_since is not None else now
        try:
            return connected(self._socket)
        except PermissionError as error:
            if error.errno == errno.EPERM:
                self._fail(
                    f"the collector at {self._socket} belongs to another user",
                    "run it as this user or as root, or set another socket",
                )
            else:
                self._fail(
                    f"cannot connect to {self._socket}: {error.strerror}", "check who may reach that path"
                )
        except OSError as error:
            if error.errno in _NOBODY:
                self._nobody_there(error, now)
                return None
            if error.errno != errno.EAGAIN:  # else it is there, and busy
                self._fail(
                    f"cannot connect to {self._socket}: {error.strerror}", "check who may reach that path"
                )
        self._back_off(now)
        return None

    def _nobody_there(self, error: OSError, now: float) -> None:
        if self._mode == "require":
            self._fail(
                f"no collector answers at {self._socket} ({error.strerror})",
                f"start one: kolo-collectord --socket {self._socket}",
            )
        elif self._daemon.program is None:
            self._fail(
                f"no collector answers at {self._socket}, and kolo-collectord was not found to start one",
                "install it, or start a collector yourself",
            )
        elif self._lock >= 0:
            self._watch_daemon(now)
            return
        else:
            lately_there = self._ever_answered and now - (self._wanted_since or now) < _SPAWN_AGAIN_AFTER_S
            if not lately_there and now >= self._next_spawn:
                self._start_daemon(now)
                return
        self._back_off(now)

    def _start_daemon(self, now: float) -> None:
        try:
            self._lock = self._daemon.lock()
        except BlockingIOError:
            # Another process is starting one.
            self._spawned_at = self._spawned_at if self._spawned_at is not None else now
            self.next_try = now + _STARTING_DELAY_S
            if now - self._spawned_at > _PATIENCE_S:
                self._fail(
                    f"another process started a collector, and it does not answer at {self._socket}",
                    f"see {self._daemon.log}",
                )
                self._back_off(now)
            return
        except OSError as error:
            self._give_up_daemon(
                now,
                f"cannot write into {os.path.dirname(self._socket)}: {error.strerror}",
                "make it a folder that this user may write to, or set KOLO_PATH",
            )
            return
        try:
            self._daemon.start()
        except OSError as error:
            self._give_up_daemon(
                now, f"cannot start {self._daemon.program}: {error.strerror}",
                "install it again, or start a collector yourself",
            )  # fmt: skip
            return
        self._spawned_at = now
        self.next_try = now + _STARTING_DELAY_S

    def _watch_daemon(self, now: float) -> None:
        self.next_try = now + _STARTING_DELAY_S
        if self._spawned_at is not None and now - self._spawned_at > _PATIENCE_S:
            self._give_up_daemon(
                now,
                f"{self._daemon.program} was started and does not answer at {self._socket}",
                f"see {self._daemon.log}",
            )

    def _give_up_daemon(self, now: float, what: str, advice: str) -> None:
        self._fail(what, advice)
        self._close_lock()
        self._spawned_at = None
        self._next_spawn = now + _SPAWN_RETRY_S
        self._back_off(now)

    def answered(self) -> None:
        self._answered_at = time.monotonic()
        self._ever_answered = True
        self._wanted_since = self._spawned_at = None
        self._close_lock()
        self.is_failing = False
        self.error = self._advice = ""

    def lost(self) -> None:
        # One that answers and is lost at once, again and again, is not tried more and more often.
        now = time.monotonic()
        if self._answered_at is not None and now - self._answered_at > _LONGEST_DELAY_S:
            self._delay = _FIRST_DELAY_S
            self._short_lived = 0
        elif self._answered_at is not None:
            self._short_lived += 1
            if self._short_lived >= _TOO_OFTEN:
                self._fail(
                    f"the collector at {self._socket} closes the connection again and again",
                    "its log says why (collectord.log in the folder of its database)",
                )
        self._answered_at = None
        self._back_off(now)

    def unanswered(self) -> None:
        self._fail(
            f"what listens at {self._socket} does not answer as a collector would", "see whose socket it is"
        )
        self.lost()

    def refused(self, refused: Refused) -> None:
        if refused.reason in (_BUSY, _STOPPING):
            self.error = f"the collector at {self._socket} refuses for now: {refused.message}"
            self.lost()
            return
        self._fail(
            f"the collector at {self._socket} refuses: {refused.message}",
            "nothing of this process is stored",
        )
        self.has_given_up = True
        self._close_lock()

    def take_warning(self, *, is_last: bool) -> str | None:
        """What the user is to be told, once."""
        now = time.monotonic()
        lasts = self._wanted_since is not None and now - self._wanted_since > _PATIENCE_S
        is_for_good = (
            self.has_given_up or self._short_lived >= _TOO_OFTEN or (self.is_failing and self._mode == "auto")
        )
        if self._has_warned or not self.error or not (lasts or is_for_good or is_last):
            return None
        self._has_warned = True
        advice = f"; {self._advice}" if self._advice else ""
        end = (
            "What the program recorded is lost."
            if is_last
            else "The program goes on; what it records is kept as far as it fits."
        )
        return f"kolo-probe: {self.error}{advice}. {end}\n"

    def close(self) -> None:
        """In a forked child: nothing but the descriptor."""
        self._close_lock()

    def _fail(self, what: str, advice: str) -> None:
        self.is_failing = True
        self.error = what
        self._advice = advice

    def _back_off(self, now: float) -> None:
        # Half to one and a half of the delay: workers that lost one collector come back one by one.
        self.next_try = now + self._delay * (0.5 + random.SystemRandom().random())
        self._delay = min(self._delay * 2, _LONGEST_DELAY_S)

    def _close_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def connected(path: str) -> Any:
    """A socket that does not block, connected to `path`. OSError; EPERM when another user listens there."""
    socket = _socket.socket(
        _socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
    )
    folder = -1
    try:
        address = path
        if len(os.fsencode(path)) > _LONGEST_PATH:  # through its folder's descriptor
            folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            address = f"/proc/self/fd/{folder}/{os.path.basename(path)}"
        socket.connect(os.fsencode(address))
        peer = socket.getsockopt(_socket.SOL_SOCKET, _PEERCRED, 12)
        _, uid, _ = struct.unpack("iII", peer)
        if uid not in (os.geteuid(), 0):
            raise PermissionError(errno.EPERM, "another user's")
    except BaseException:
        socket.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return socket

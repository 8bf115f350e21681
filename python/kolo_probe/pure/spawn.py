"""Starts the daemon: in a session of its own, without the program's descriptors, its output in a log."""

from __future__ import annotations

import fcntl
import os
import signal

_KEPT = frozenset({
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TZDIR", "LOGNAME",
    "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR",
})  # fmt: skip


class Daemon:
    """`program` is None where there is none to start."""

    def __init__(self, program: str | None, socket: str, folder: str) -> None:
        self.program = program
        self.log = os.path.join(folder, "collectord.log")
        self._socket = socket
        self._folder = folder

    def lock(self) -> int:
        """A descriptor that holds the right to start it. BlockingIOError when another process has it."""
        _make_folder(os.path.dirname(self._socket))
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(f"{self._socket}.spawn", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def start(self) -> None:
        """OSError when it cannot be. Not os.fork(), which would run the program's own handlers: what
        subprocess does runs none."""
        import shutil
        import subprocess

        assert self.program is not None
        _make_folder(self._folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        log = os.open(self.log, flags, 0o600)
        setsid = shutil.which("setsid")  # forks once more, so that the daemon is no child of the program's
        words = [self.program, "--spawned", "--socket", self._socket]
        environment = {name: value for name, value in os.environ.items() if name in _KEPT}
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, [])  # of this thread; it would be inherited
        try:
            child = subprocess.Popen(
                words if setsid is None else [setsid, "--fork", *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, cwd="/", close_fds=True,
                env={**environment, "KOLO_PATH": os.path.dirname(self._folder) or "."},
                start_new_session=setsid is None,
            )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            os.close(log)
        if setsid is not None:
            child.wait()


def _make_folder(folder: str) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise

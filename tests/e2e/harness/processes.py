"""Starting programs, waiting for conditions, and ending what was started by its process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

BIN = Path(sys.executable).parent
START_S = 30.0
POLL_S = 0.01

Answer = TypeVar("Answer")


def program(name: str) -> str:
    """The program as this environment installed it."""
    path = BIN / name
    assert path.exists(), f"{name} is not installed beside {sys.executable}"
    return str(path)


def wait_until(what: str, ready: Callable[[], Answer], seconds: float = START_S) -> Answer:
    """Polls `ready` until it is true and returns what it returned; fails when `seconds` are over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"within {seconds:.0f} s it did not become true that {what}"
        time.sleep(POLL_S)


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change how Python or the probe behave."""
    dropped = ("PYTHON", "KOLO", "COV", "DJANGO", "SHOP", "GUNICORN", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, **more}


class Running:
    """A program that runs, with its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str],
        folder: Path,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.log = log
        self.name = Path(command[0]).name
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=before,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def wait_for(
        self, what: str, ready: Callable[[], Answer], seconds: float = START_S, alive: bool = True
    ) -> Answer:
        """As wait_until; fails at once, with the program's output, when it ends before that."""

        def checked() -> Answer:
            answer = ready()
            if not answer and alive:
                assert self.is_running(), f"{self.name} ended before {what}:\n{self.output()}"
            return answer

        try:
            return wait_until(what, checked, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.name} said:\n{self.output()}") from None

    def terminate(self, seconds: float = 30.0) -> int:
        """SIGTERM, and the exit code it ends with."""
        if self.is_running():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 30.0) -> int:
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds:.0f} s:\n{self.output()}") from None

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        if self.is_running():
            self.popen.kill()
        self.popen.wait()


def command_line(pid: int) -> list[str]:
    """The arguments of a process that runs; [] when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def has_ended(pid: int) -> bool:
    """No such process, or a zombie of one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def collectors_of(folder: Path) -> list[int]:
    """Process ids of the kolo-collectord that were started for a project in `folder`, by whomever."""
    found = []
    for entry in os.listdir("/proc"):
        words = command_line(int(entry)) if entry.isdecimal() else []
        is_daemon = words and Path(words[0]).name == "kolo-collectord" and "status" not in words
        if is_daemon and any(word.startswith(f"{folder}/") for word in words[1:]):
            found.append(int(entry))
    return sorted(found)


def kill_and_wait(pid: int, number: int = signal.SIGKILL, seconds: float = 10.0) -> None:
    """Sends a signal to one process and waits until it has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    wait_until(f"process {pid} has ended", lambda: has_ended(pid), seconds)


def children_of(pid: int) -> list[int]:
    """Process ids of the direct children of a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants_of(pid: int) -> list[int]:
    """Children, their children and so on: the deepest first."""
    found = []
    for child in children_of(pid):
        found += [*descendants_of(child), child]
    return found


def resident_bytes(pid: int, kind: str = "VmRSS") -> int:
    """Memory of a process that is in RAM: all, or "RssAnon", "RssFile", "RssShmem" (the arena) alone."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    return 0

"""A project folder with its own `.kolo`, and everything that runs for it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.processes import (
    Running,
    children_of,
    clean_environment,
    collectors_of,
    descendants_of,
    kill_and_wait,
    program,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[3]
SHOP = ROOT / "examples" / "shop"
APPS = Path(__file__).resolve().parents[1] / "apps"


class Project:
    """A folder that KOLO_PATH names. `close()` ends what runs for it, daemons that a probe started too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kolo = folder / ".kolo"
        self.database = self.kolo / "db.sqlite3"
        self.socket = self.kolo / "collector.sock"
        self._running: list[Running] = []
        self._logs = 0
        self.configure("")

    def configure(self, text: str) -> None:
        """Writes pyproject.toml with these lines under [tool.kolo]."""
        # 100 µs an event are over at once where a machine is busy, and values then left out.
        limits = "limits = { max_event_us = 1_000_000 }\n"
        (self.folder / "pyproject.toml").write_text(f"[tool.kolo]\n{limits}{text}")

    def environment(self, **more: str) -> dict[str, str]:
        # HOME: newer gunicorns keep a control socket there.
        return clean_environment(
            KOLO_PATH=str(self.folder),
            HOME=str(self.folder),
            SHOP_DATABASE=str(self.folder / "shop.sqlite3"),
            **more,
        )

    def start(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Running:
        self._logs += 1
        log = self.folder / f"{self._logs}-{Path(command[0]).name}.log"
        running = Running(
            command,
            log,
            environment=self.environment() if environment is None else environment,
            folder=folder or self.folder,
            before=before,
        )
        self._running.append(running)
        return running

    def run(
        self, name: str, *words: str, timeout: float = 120, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of our commands in the project's folder to its end, and returns what it said."""
        options = {"env": self.environment(), "cwd": self.folder, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(
            [program(name), *words], capture_output=True, text=True, timeout=timeout, check=False, **options
        )

    # --- the collector ----------------------------------------------------------------------------

    def start_collector(self, *words: str, before: Callable[[], None] | None = None) -> Running:
        """Starts kolo-collectord for this project and waits until it listens."""
        daemon = self.launch_collector(*words, before=before)
        daemon.wait_for("the collector listens", self.status)
        return daemon

    def launch_collector(self, *words: str, before: Callable[[], None] | None = None) -> Running:
        return self.start([program("kolo-collectord"), "--db", str(self.database), *words], before=before)

    def status(self) -> dict[str, Any] | None:
        """What `kolo-collectord status --json` tells; None when nobody listens."""
        done = self.run("kolo-collectord", "status", "--db", str(self.database), "--json")
        if done.returncode == 1:
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def connected(self) -> list[dict[str, Any]]:
        """The processes that are connected to the collector now."""
        status = self.status()
        return [] if status is None else [p for p in status["processes"] if p["state"] == "connected"]

    def collectors(self) -> list[int]:
        return collectors_of(self.folder)

    def stop_collectors(self) -> None:
        """SIGTERM to the daemon that a probe started: it finishes as after its last process has gone."""
        for pid in self.collectors():
            kill_and_wait(pid, signal.SIGTERM, 30)

    def wait_for_no_collector(self, seconds: float = 30) -> None:
        """Until the daemon that a probe started has left: everything is in the database then."""
        wait_until("the collector has left", lambda: not self.collectors(), seconds)

    # --- servers ----------------------------------------------------------------------------------

    def start_server(
        self,
        application: str = "shop.wsgi",
        *words: str,
        folder: Path = SHOP,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """Starts gunicorn on a free port and waits until it listens."""
        command = [program("gunicorn"), "--bind", "127.0.0.1:0", "--timeout", "300", *words, application]
        server = Server(self.start(command, folder=folder, environment=environment))
        server.address = server.running.wait_for("gunicorn listens", server.find_address)
        return server

    # --- kolo-trace -------------------------------------------------------------------------------

    def traces(self) -> list[dict[str, Any]]:
        """What `kolo-trace list --json` tells of all traces."""
        done = self.run("kolo-trace", "list", "--db", str(self.database), "--json", "--count", "0")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def show(self, trace_id: str) -> dict[str, Any]:
        """What `kolo-trace show --json` tells of one trace."""
        done = self.run("kolo-trace", "show", trace_id, "--db", str(self.database), "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def close(self) -> None:
        """Ends all that runs for this project, by process id."""
        for running in reversed(self._running):
            if running.is_running() and running.name == "gunicorn":
                running.popen.terminate()
                with suppress(subprocess.TimeoutExpired):
                    running.popen.wait(15)
            # The parent first, as gunicorn starts its workers anew.
            children = descendants_of(running.pid) if running.is_running() else []
            running.kill()
            for pid in children:
                kill_and_wait(pid)
        for pid in self.collectors():
            kill_and_wait(pid)


class Server:
    """A gunicorn that listens."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.address = ""

    def find_address(self) -> str | None:
        found = re.search(r"Listening at: http://(\S+)", self.running.output())
        return found.group(1) if found else None

    def workers(self) -> list[int]:
        """Process ids of the workers that gunicorn has booted and that still run, oldest first."""
        booted = [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.running.output())]
        alive = set(children_of(self.running.pid))
        return [pid for pid in booted if pid in alive]

    def stop(self) -> None:
        """SIGTERM: finishes what it serves, and ends with exit code 0."""
        code = self.running.terminate(60)
        assert code == 0, f"gunicorn ended with {code}:\n{self.running.output()}"

    def warnings(self) -> list[str]:
        """The lines in which the probe told the user something."""
        return [line for line in self.running.output().splitlines() if "kolo-probe:" in line]

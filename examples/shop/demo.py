"""Serves the shop under the probe, sends it traffic, and checks that every request has become a whole trace.

`./dev demo` runs it; by hand, where kolo-probe and requirements.txt are installed: ``python demo.py``.
Exits with 1 when a request has no trace, a trace is not whole, or a part did not start or stop cleanly.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from traffic import Exchange, send_all, summary

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".kolo"
DATABASE = FOLDER / "db.sqlite3"
START_S = 20.0
STOP_S = 30.0
SHOWN_TRACES = 15
SHOWN_LINES = 40
SHOWN_COMPLAINTS = 10

Answer = TypeVar("Answer")


class DemoError(Exception):
    """Something did not go as it must; the message is what the user reads."""


def say(text: str) -> None:
    print(f"» {text}", flush=True)


def program(name: str) -> str:
    """The program as this environment installed it, else the one on the PATH."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise DemoError(
            f"{name} is not installed in this environment: run ./dev demo in the repository's root"
        )
    return found


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=HERE, check=True)


def log_tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command`, its output in `log`; ends it by SIGTERM, which it must answer with exit code 0."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=HERE, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
    if code != 0:
        ended = (
            f"did not stop within {STOP_S:.0f} s of SIGTERM"
            if code is None
            else f"ended with exit code {code}"
        )
        raise DemoError(f"{Path(command[0]).name} {ended}. The end of {log}:\n{log_tail(log)}")


def wait_until(what: str, process: subprocess.Popen[bytes], log: Path, ready: Callable[[], Answer]) -> Answer:
    """Waits until `ready()` is true and returns it; fails when the process has ended or START_S are over."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise DemoError(f"{what} did not start. The end of {log}:\n{log_tail(log)}")


def collector_listens(status: list[str]) -> bool:
    return subprocess.run(status, cwd=HERE, capture_output=True).returncode == 0


def address_in(log: Path) -> str | None:
    """Where gunicorn says that it listens: it was told to take any free port."""
    found = re.search(r"Listening at: http://(\S+)", log.read_text(errors="replace"))
    return found.group(1) if found else None


def serve_and_visit() -> list[Exchange]:
    """Starts collector and server, sends the traffic, stops both; returns what was exchanged."""
    collectord = program("kolo-collectord")
    collector_log, server_log = FOLDER / "demo-collectord.log", FOLDER / "demo-gunicorn.log"
    say(f"starting kolo-collectord --db {DATABASE.relative_to(HERE)}")
    with running([collectord, "--db", str(DATABASE)], collector_log) as collector:
        status = [collectord, "status", "--db", str(DATABASE)]
        wait_until("kolo-collectord", collector, collector_log, lambda: collector_listens(status))
        say("starting gunicorn -w 2 on a free port")
        serve = [program("gunicorn"), "-w", "2", "--bind", "127.0.0.1:0", "shop.wsgi"]
        with running(serve, server_log) as server:
            address = wait_until("gunicorn", server, server_log, lambda: address_in(server_log))
            say(f"sending requests to http://{address}, ten visitors at once")
            exchanges = send_all(address)
            say(f"{len(exchanges)} requests answered: {summary(exchanges)}; stopping gunicorn")
        say("stopping kolo-collectord")
    return exchanges


def list_traces() -> list[dict[str, Any]]:
    """What `kolo-trace list --json` tells of every trace in the database."""
    if not DATABASE.exists():
        return []
    command = [program("kolo-trace"), "list", "--db", str(DATABASE), "--json"]
    listed = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in listed.stdout.splitlines()]


def complaints(exchanges: list[Exchange], traces: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the traces of these exchanges: one line each, none when all is well.

    The echo views tell how many calls they made; what is stored is compared with that.
    """
    wrong = []
    sent = Counter(exchange.name for exchange in exchanges)
    found = Counter(trace["name"] for trace in traces if trace["kind"] == "request")
    for name, count in (sent - found).items():
        wrong.append(f"{count} of {sent[name]} requests “{name}” have no trace")
    for name, count in (found - sent).items():
        wrong.append(f"{count} traces “{name}” belong to no request that was sent")
    for trace in traces:
        if trace["status"] != "complete" or trace["lost"] != 0:
            wrong.append(f"{trace['id']} “{trace['name']}” is {trace['status']}, {trace['lost']} events lost")
    activations = {trace["name"]: trace["activations"] for trace in traces}
    for exchange in exchanges:
        if exchange.path.startswith("/echo/") and exchange.name in activations:
            calls = json.loads(exchange.answer)["calls"]
            if activations[exchange.name] != calls:
                wrong.append(f"“{exchange.name}” made {calls} calls, {activations[exchange.name]} are stored")
    return wrong


def missing_spans(trace: dict[str, Any]) -> list[str]:
    """What an order's trace does not tell of all that an order does: one line for each kind of span."""
    command = [program("kolo-trace"), "show", trace["id"], "--db", str(DATABASE), "--json"]
    shown = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    kinds = {span["kind"] for span in json.loads(shown.stdout)["spans"]}
    wanted = ("request", "middleware", "sql")
    return [
        f"{trace['id']} “{trace['name']}” has no span of kind {kind}" for kind in wanted if kind not in kinds
    ]


def explain(wrong: list[str]) -> str:
    """The first of many complaints, and what the probe itself said in the server's log."""
    log = (FOLDER / "demo-gunicorn.log").read_text(errors="replace")
    said = sorted({line for line in log.splitlines() if line.startswith("kolo-probe:")})
    more = [f"… and {len(wrong) - SHOWN_COMPLAINTS} more like these"] if len(wrong) > SHOWN_COMPLAINTS else []
    return "\n  ".join(["the traces are not what they must be:", *wrong[:SHOWN_COMPLAINTS], *more, *said])


def show(traces: list[dict[str, Any]]) -> None:
    """Prints the list, the tree of the first order that was placed, and what to try next."""
    kolo_trace = program("kolo-trace")
    order = next(trace for trace in traces if trace["name"] == "201 POST /orders/")
    for title, arguments, lines in (
        ("kolo-trace list", ["list"], SHOWN_TRACES),
        (f"kolo-trace show {order['id']}", ["show", order["id"]], SHOWN_LINES),
    ):
        say(title)
        command = [kolo_trace, *arguments, "--db", str(DATABASE)]
        printed = subprocess.run(
            command, cwd=HERE, check=True, capture_output=True, text=True
        ).stdout.splitlines()
        print("\n".join(printed[:lines]))
        if len(printed) > lines:
            print(f"… {len(printed) - lines} more lines")
    scripts = os.path.relpath(Path(kolo_trace).parent)
    broken = next(trace for trace in traces if trace["name"].startswith("500 "))
    say("what to try next")
    print(f"  . {scripts}/activate && cd {os.path.relpath(HERE)}")
    print(f"  kolo-trace show {broken['id']}        # a request that failed, with the exception's way up")
    print(f"  kolo-trace show {order['id']} --json | python -m json.tool | less")
    print("  sqlite3 .kolo/db.sqlite3 'SELECT id, name, version, git_sha, argv FROM trace LIMIT 5'")
    print("  kolo-probe run manage.py check        # trace a script")


def main() -> int:
    # Everything of the demo is beside this file, whatever folder the user's own traces go to.
    os.environ["KOLO_PATH"] = str(HERE)
    os.environ.pop("KOLO_DISABLE", None)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    try:
        say("migrating and filling the shop's database")
        manage("migrate", "--verbosity", "0")
        manage("seed")
        before = {trace["id"] for trace in list_traces()}
        exchanges = serve_and_visit()
        traces = [trace for trace in list_traces() if trace["id"] not in before]
        wrong = complaints(exchanges, traces)
        for trace in traces:
            if trace["name"] == "201 POST /orders/":
                wrong += missing_spans(trace)
        if wrong:
            raise DemoError(explain(wrong))
        show(traces)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"demo: {error}\n{error.stderr or ''}", file=sys.stderr)
        return 1
    say(f"{len(exchanges)} requests, {len(traces)} traces, each whole, no event lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())

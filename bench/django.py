"""The example shop under gunicorn -w 2, asked by wrk over four connections: requests/s, p99, and CPU per
request in the workers and in the collector.

Arms: plain, a hook that does nothing, kolo-probe at its defaults, without values and without spans; and Kolo,
where it is installed, with its own middleware and DEBUG on, without which it does nothing, beside plain with
DEBUG.

Budgets (default settings): 0.95 of the requests/s (0.9 before Python 3.12), 1.1 of the p99, 0.3 ms of CPU
more per request in the worker, 0.2 ms in the collector. A profile hook cannot meet the first three: it is
entered for every call of every library.

All servers run all the time and are asked in turn, each when the one before has nothing left to do; what that
did after its last answer is part of its CPU time. wrk runs on the same cores, for all alike.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from arms import Measures, interleaved, least, machine, medians, parsed, project, write
from harness.accounting import check_accounting
from harness.processes import Running, wait_until
from harness.project import SHOP, Project, Server
from harness.visits import get_all
from table import print_server

SECONDS = 2
IN_FLIGHT = 4
QUIET_SECONDS = 0.5
PAGES = ("/", "/categories/ferns/", "/products/boston-ferns-small/", "/search/?q=fern", "/reports/sales/")
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
MEASURED = Path(__file__).resolve().parent / "measured"
NULL_HOOK = """
def post_worker_init(worker):
    from kolo_probe import _probe
    from kolo_probe._session import session
    session()
    _probe.register_noop_profiler()
"""


@dataclass(frozen=True)
class Arm:
    """One server, with the project that its traces go to."""

    where: Project
    server: Server
    collector: Running | None


def cpu_ms(pids: list[int]) -> float:
    """CPU time of these processes so far, user and system."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK_MS


def visited(address: str) -> dict[str, float]:
    """What wrk found in one round."""
    command = ["wrk", "-t", "1", "-c", str(IN_FLIGHT), "-d", f"{SECONDS}s", "--timeout", "30s"]
    command += ["-s", str(MEASURED / "visits.lua"), f"http://{address}/", "--", *PAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert found["failed"] == 0, done.stdout
    return found


def settle(pids: list[int]) -> None:
    """Until these processes have nothing to do: what an arm leaves for later is its own, and would slow the
    next one down."""
    last, quiet_since = cpu_ms(pids), time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        time.sleep(0.05)
        now = cpu_ms(pids)
        if now - last > TICK_MS:  # a tick now and then is a timer's
            last, quiet_since = now, time.monotonic()


def measured(arm: Arm) -> Measures:
    workers, collectors = arm.server.workers(), [arm.collector.pid] if arm.collector else []
    before = cpu_ms(workers), cpu_ms(collectors)
    found = visited(arm.server.address)
    settle(workers + collectors)
    after = cpu_ms(workers), cpu_ms(collectors)
    requests = found["requests"]
    return {
        "ms per request": found["seconds"] / requests * 1e3,
        "p50 ms": found["p50 ms"],
        "p99 ms": found["p99 ms"],
        "worker CPU ms": (after[0] - before[0]) / requests,
        "collector CPU ms": (after[1] - before[1]) / requests,
    }


def started(where: Project, collector: Running | None, *words: str, **environment: str) -> Arm:
    """Serves the shop out of the project's folder."""
    off = where.environment(KOLO_DISABLE="1")
    for command in (("migrate", "--verbosity", "0"), ("seed",)):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=SHOP, env=off, check=True, capture_output=True
        )
    server = where.start_server(
        "shop.wsgi", "-w", "2", *words, environment=where.environment(PYTHONPATH=str(MEASURED), **environment)
    )
    wait_until("both workers run", lambda: len(server.workers()) == 2)
    # Every worker's first requests load templates and code.
    answers = get_all(server.address, list(PAGES) * 8, 2)
    assert {answer.status for answer in answers} == {200}
    return Arm(where, server, collector)


def probed(stack: ExitStack, config: str) -> Arm:
    where = stack.enter_context(project('collector = "require"\n' + config))
    return started(where, where.start_collector())


def unprobed(stack: ExitStack, *words: str, **environment: str) -> Arm:
    where = stack.enter_context(project())
    return started(where, None, *words, DJANGO_SETTINGS_MODULE="shop_settings", **environment)


def null_hook(stack: ExitStack) -> Arm:
    where = stack.enter_context(project())
    config = where.folder / "gunicorn.conf.py"
    config.write_text(NULL_HOOK)
    return started(where, None, "-c", str(config), DJANGO_SETTINGS_MODULE="shop_settings")


def kolo(stack: ExitStack) -> Arm:
    where = stack.enter_context(project())
    (where.folder / "pyproject.toml").write_text("")  # as installed
    environment = {"SHOP_DEBUG": "1", "SHOP_FIRST_MIDDLEWARE": "kolo.middleware.KoloMiddleware"}
    return started(where, None, DJANGO_SETTINGS_MODULE="shop_settings", **environment)


def summary(results: Mapping[str, list[Measures]]) -> dict[str, Any]:
    """What is shown: rates and CPU times at their best; of tails the medians, as the least says nothing."""
    best, middle = least(results), medians(results)
    for measures in best.values():
        measures["requests/s"] = 1e3 / measures["ms per request"]
    ours, plain = best["kolo-probe"], best["plain"]
    compared = {
        "requests": ours["requests/s"] / plain["requests/s"],
        "p99": middle["kolo-probe"]["p99 ms"] / middle["plain"]["p99 ms"],
        "worker CPU ms": ours["worker CPU ms"] - plain["worker CPU ms"],
        "collector CPU ms": ours["collector CPU ms"],
    }
    return {"best": best, "middle": middle, "measured": compared}


def main() -> None:
    options = parsed(__doc__)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (packaging/debian-packages-bench.txt)")
    with ExitStack() as stack:
        arms = {
            "plain": unprobed(stack),
            "null hook": null_hook(stack),
            "kolo-probe": probed(stack, ""),
            "kolo-probe, no values": probed(stack, "values = false\n"),
            "kolo-probe, no spans": probed(stack, "spans.enabled = false\n"),
        }
        if importlib.util.find_spec("kolo") is not None:
            arms["plain, DEBUG"] = unprobed(stack, SHOP_DEBUG="1")
            arms["Kolo, DEBUG"] = kolo(stack)
        results = interleaved(
            {name: partial(measured, arm) for name, arm in arms.items()}, options.repetitions
        )
        for arm in arms.values():
            arm.server.stop()
            if arm.collector is not None:
                arm.collector.terminate()
                check_accounting(arm.where.database)
    facts = summary(results)
    write(options.json, "django", results, **facts)
    if options.json is None:  # else table.py shows it
        print_server({"machine": machine(), **facts}, markdown=False)


if __name__ == "__main__":
    main()

"""The example shop under gunicorn -w 2, with and without the probe: requests/s, p99, and CPU per request in
the workers and in the collector.

Budgets (default settings): 0.95 of the requests/s (0.9 before Python 3.12), 1.1 of the p99, 0.3 ms of CPU
more per request in the worker, 0.2 ms in the collector. A profile hook cannot meet the first three: it is
entered for every call of every library.

Both servers run all the time and are asked in turn; the visitors run on the same cores, for both alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from arms import Measures, interleaved, least, medians, parsed, project, report, write
from harness.accounting import check_accounting
from harness.processes import Running, wait_until
from harness.project import SHOP, Project, Server
from harness.visits import get_all

REQUESTS = 400
IN_FLIGHT = 4
PAGES = ("/", "/categories/ferns/", "/products/boston-ferns-small/", "/search/?q=fern", "/reports/sales/")
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pids: list[int]) -> float:
    """CPU time of these processes so far, user and system."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK_MS


def measured(server: Server, collector: Running | None) -> Measures:
    """One round: every visitor's requests, and what they cost."""
    workers = server.workers()
    daemon = [collector.pid] if collector else []
    targets = [PAGES[n % len(PAGES)] for n in range(REQUESTS)]
    before = cpu_ms(workers), cpu_ms(daemon)
    started = time.perf_counter()
    answers = get_all(server.address, targets, IN_FLIGHT)
    seconds = time.perf_counter() - started
    after = cpu_ms(workers), cpu_ms(daemon)
    assert {answer.status for answer in answers} == {200}
    latencies = sorted(answer.seconds for answer in answers)
    return {
        "ms per request": seconds / REQUESTS * 1e3,
        "p99 ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "worker CPU ms": (after[0] - before[0]) / REQUESTS,
        "collector CPU ms": (after[1] - before[1]) / REQUESTS,
    }


def started(where: Project, **environment: str) -> Server:
    words = ("-w", "2")
    server = where.start_server("shop.wsgi", *words, environment=where.environment(**environment))
    wait_until("both workers run", lambda: len(server.workers()) == 2)
    # Every worker's first requests load templates and code.
    get_all(server.address, list(PAGES) * 8, 2)
    return server


def fill(where: Project) -> None:
    off = where.environment(KOLO_DISABLE="1")
    for words in (("migrate", "--verbosity", "0"), ("seed",)):
        subprocess.run(
            [sys.executable, "manage.py", *words], cwd=SHOP, env=off, check=True, capture_output=True
        )


def main() -> None:
    options = parsed(__doc__)
    with project('collector = "require"\n') as where:
        fill(where)
        collector = where.start_collector()
        plain, probed = started(where, KOLO_DISABLE="1"), started(where)
        arms = {
            "without the probe": partial(measured, plain, None),
            "with the probe": partial(measured, probed, collector),
        }
        results = interleaved(arms, options.repetitions)
        plain.stop()
        probed.stop()
        collector.terminate()
        check_accounting(where.database)
    best, middle = least(results), medians(results)
    names = ["ms per request", "p99 ms", "worker CPU ms", "collector CPU ms"]
    rows = {arm: [best[arm][name] for name in names] for arm in arms}
    without, with_probe = best["without the probe"], best["with the probe"]
    report(f"the shop, {REQUESTS} requests a round, least of {options.repetitions}", names, rows)
    report("medians", names, {arm: [middle[arm][name] for name in names] for arm in arms})
    # The least of a tail says nothing.
    p99 = middle["with the probe"]["p99 ms"] / middle["without the probe"]["p99 ms"]
    print(
        f"\nrequests/s: {without['ms per request'] / with_probe['ms per request']:.2f} of plain"
        f"   p99 (medians): {p99:.2f} of plain"
        f"   CPU: {with_probe['worker CPU ms'] - without['worker CPU ms']:+.2f} ms in the worker,"
        f" {with_probe['collector CPU ms']:.2f} ms in the collector"
    )
    write(options.json, "django", results)


if __name__ == "__main__":
    main()

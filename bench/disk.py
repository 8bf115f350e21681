"""File bytes per event, after the daemon has folded in its log: what a store costs on disk.

Budgets: 5 bytes per value-less event, 16 per event with 3 small values in a large trace, 20 in traces of 300
events, 9 KB per request of the example shop (a mix of its pages).
"""

from __future__ import annotations

import subprocess
import sys

from arms import medians, parsed, project, report, write
from harness.accounting import check_accounting, rows
from harness.project import SHOP, Project
from harness.visits import get_all

CALLS = 300_000
SMALL_TRACES, SMALL_CALLS = 2_000, 150
PAGES = ("/", "/categories/ferns/", "/products/boston-ferns-small/", "/search/?q=fern", "/reports/sales/")
REQUESTS = 500

LARGE = f"""
def f(a, b, c):
    pass
for n in range({CALLS}):
    f(n, "item-" + str(n % 100), n * 0.5)
"""
SMALL = f"""
import kolo_probe
from kolo_probe import _probe
def f(a, b, c):
    pass
def work(first):
    for n in range({SMALL_CALLS - 1}):
        f(first + n, "item-" + str(n % 100), n * 0.5)
for number in range({SMALL_TRACES}):
    with kolo_probe.enable(name="small"):
        work(number)
    if number % 100 == 99:
        _probe.flush(30)
"""


def size(where: Project) -> tuple[int, int]:
    """Bytes of the store and events in it, once the daemon has left."""
    where.wait_for_no_collector()
    check_accounting(where.database)
    (row,) = rows(where.database, "SELECT sum(stored) AS stored FROM trace")
    return where.database.stat().st_size, row["stored"]


def script_bytes(text: str, config: str, *runner: str) -> dict[str, float]:
    with project(config) as where:
        script = where.folder / "script.py"
        script.write_text(text)
        command = [sys.executable, *runner, str(script)]
        subprocess.run(command, cwd=where.folder, env=where.environment(), check=True)
        file_bytes, events = size(where)
        return {"bytes per event": file_bytes / events, "events": events, "file bytes": file_bytes}


def django_bytes() -> dict[str, float]:
    with project() as where:
        off = where.environment(KOLO_DISABLE="1")
        for words in (("migrate", "--verbosity", "0"), ("seed",)):
            command = [sys.executable, "manage.py", *words]
            subprocess.run(command, cwd=SHOP, env=off, check=True, capture_output=True)
        server = where.start_server("shop.wsgi", "-w", "2")
        answers = get_all(server.address, [PAGES[n % len(PAGES)] for n in range(REQUESTS)], 4)
        assert {answer.status for answer in answers} == {200}
        server.stop()
        file_bytes, events = size(where)
        return {
            "bytes per event": file_bytes / events,
            "events": events,
            "file bytes": file_bytes,
            "bytes per request": file_bytes / REQUESTS,
            "events per request": events / REQUESTS,
        }


def main() -> None:
    options = parsed(__doc__)
    run = ("-m", "kolo_probe", "run")
    # Sizes do not vary as times do: twice shows that.
    results = {
        "value-less (budget 5)": [script_bytes(LARGE, "values = false\n", *run) for _ in range(2)],
        "3 small values, one large trace (16)": [script_bytes(LARGE, "", *run) for _ in range(2)],
        "3 small values, traces of 300 (20)": [script_bytes(SMALL, 'when_full = "wait"\n') for _ in range(2)],
        "the shop's pages": [django_bytes()],
    }
    middle = medians(results)
    report(
        "file bytes per event",
        ["bytes per event", "events"],
        {name: [row["bytes per event"], row["events"]] for name, row in middle.items()},
    )
    django = middle["the shop's pages"]
    print(
        f"\na request of the shop: {django['bytes per request']:.0f} bytes, "
        f"{django['events per request']:.0f} events (budget 9 216 for one that costs Kolo 90 KB)"
    )
    write(options.json, "disk", results)


if __name__ == "__main__":
    main()

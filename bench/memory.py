"""Memory of a gunicorn worker with and without the probe, over 10 000 requests.

Budget: 8 MB and what of the arena is resident, and flat, whatever is recorded.
"""

from __future__ import annotations

from arms import parsed, project, report, write
from harness.processes import resident_bytes, wait_until
from harness.project import Project
from harness.visits import get_all

STEPS = (500, 1_000, 2_500, 5_000, 7_500, 10_000)
IN_FLIGHT = 4
MB = 1 << 20


def sizes(where: Project, **environment: str) -> dict[str, float]:
    """Resident memory of the worker, in MB, after so many requests."""
    server = where.start_server("shop.wsgi", "-w", "1", environment=where.environment(**environment))
    (worker,) = wait_until("the worker runs", server.workers)
    found, sent = {}, 0
    for step in STEPS:
        get_all(server.address, [f"/echo/m-{n}/?hops=30" for n in range(sent, step)], IN_FLIGHT)
        sent = step
        found[str(step)] = resident_bytes(worker) / MB
    assert server.workers() == [worker]
    server.stop()
    return found


def main() -> None:
    options = parsed(__doc__)
    with project('collector = "require"\n') as where:
        collector = where.start_collector()
        results = {"without the probe": [sizes(where, KOLO_DISABLE="1")], "with the probe": [sizes(where)]}
        daemon_mb = resident_bytes(collector.pid) / MB
        collector.terminate()
    plain, probed = results["without the probe"][0], results["with the probe"][0]
    columns = [f"{step} requests" for step in STEPS]
    table = {
        "without the probe": list(plain.values()),
        "with the probe": list(probed.values()),
        "more": [probed[step] - plain[step] for step in plain],
    }
    report("MB resident in the worker", columns, table, 1)
    print(f"\nthe collector, at the end: {daemon_mb:.1f} MB (budget 200)")
    write(options.json, "memory", results, collector_mb=daemon_mb)


if __name__ == "__main__":
    main()

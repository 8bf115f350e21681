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
    """Memory of the worker, in MB, after so many requests; the arena is the shared memory in it."""
    server = where.start_server("shop.wsgi", "-w", "1", environment=where.environment(**environment))
    (worker,) = wait_until("the worker runs", server.workers)
    found, sent = {}, 0
    for step in STEPS:
        get_all(server.address, [f"/echo/m-{n}/?hops=30" for n in range(sent, step)], IN_FLIGHT)
        sent = step
        shared = resident_bytes(worker, "RssShmem") / MB
        found[str(step)] = resident_bytes(worker) / MB - shared
        found[f"{step}, arena"] = shared
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
    steps = [str(step) for step in STEPS]
    table = {
        "without the probe": [plain[step] for step in steps],
        "with the probe": [probed[step] for step in steps],
        "more (budget 8)": [probed[step] - plain[step] for step in steps],
        "the arena": [probed[f"{step}, arena"] for step in steps],
    }
    report("MB resident in the worker, the arena apart, after so many requests", steps, table, 1)
    print(f"\nthe collector, at the end: {daemon_mb:.1f} MB (budget 200)")
    write(options.json, "memory", results, collector_mb=daemon_mb)


if __name__ == "__main__":
    main()

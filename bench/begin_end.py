"""What beginning and ending a trace costs in the application, in microseconds: natively, and with `enable()`.

Budget: 30 µs for both together. The collector runs and takes everything away meanwhile.
"""

from __future__ import annotations

from arms import interleaved, least, medians, parsed, project, python, report, write

SCRIPT = """
import json, sys, time
import kolo_probe
from kolo_probe._session import session

native = session().native
BATCH, BATCHES = 100, 30     # a batch's slots are free again before the next one begins

def natively():
    for _ in range(BATCH):
        native.end_trace(native.begin_trace("block", "measured"), "200 measured")

def with_enable():
    for _ in range(BATCH):
        with kolo_probe.enable(name="measured"):
            pass

def nothing():
    for _ in range(BATCH):
        pass

with kolo_probe.enable(name="first"):
    native.wait_connected(5)
best = {}
for measured in (nothing, natively, with_enable):
    times = []
    for _ in range(BATCHES):
        started = time.perf_counter()
        measured()
        times.append(time.perf_counter() - started)
        assert native.flush(5)
    best[measured.__name__] = min(times) / BATCH * 1e6
assert native.status()["traces_refused"] == 0
print(json.dumps(best))
"""


def main() -> None:
    options = parsed(__doc__)
    with project('collector = "require"\n') as where:
        where.start_collector()
        results = interleaved({"begin + end": lambda: python(where, SCRIPT)}, options.repetitions)
    best, middle = least(results)["begin + end"], medians(results)["begin + end"]
    table = {
        "begin_trace + end_trace": [best["natively"], middle["natively"]],
        "with enable(): pass": [best["with_enable"], middle["with_enable"]],
    }
    report("µs for beginning and ending one trace (budget 30)", ["least", "median"], table)
    write(options.json, "begin_end", results, budget_us=30)


if __name__ == "__main__":
    main()

"""What the probe in Python costs, in nanoseconds a call, beside the native module and no probe at all: calls
with three small arguments, values recorded.
"""

from __future__ import annotations

from arms import interleaved, least, medians, parsed, project, python, report, write

SCRIPT = """
import json, sys, time
CALLS, BATCHES = 5_000, 20

def call(a, b, c):
    pass

def calls():
    for n in range(CALLS):
        call(n, "small", 2.5)

def least(flush):
    times = []
    for _ in range(BATCHES):
        started = time.perf_counter()
        calls()
        times.append(time.perf_counter() - started)
        flush(5)
    return min(times) / CALLS * 1e9

hook = sys.argv[1]
if hook == "none":
    cost = least(lambda seconds: None)
else:
    import kolo_probe
    from kolo_probe._session import session
    native = session({"hook": hook, "limits": {"max_event_us": 100_000}}).native
    with kolo_probe.enable(name="measured"):
        native.wait_connected(5)
        cost = least(native.flush)
    assert not native.status()["lost"], native.status()
print(json.dumps({"ns": cost}))
"""


def main() -> None:
    options = parsed(__doc__)
    with project() as where:
        where.start_collector()

        arms = {
            "no probe": lambda: python(where, SCRIPT, "none"),
            "native": lambda: python(where, SCRIPT, "auto"),
            "pure": lambda: python(where, SCRIPT, "pure"),
        }
        results = interleaved(arms, options.repetitions)
    best, middle = least(results), medians(results)
    table = {name: [best[name]["ns"], middle[name]["ns"]] for name in arms}
    report("ns for a call with three small arguments", ["least", "median"], table, digits=0)
    write(options.json, "pure", results)


if __name__ == "__main__":
    main()

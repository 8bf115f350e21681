"""What recording a call costs: ns per event over the untraced program, with 0 and with 3 small arguments.

Budgets (DESIGN.md): 35 ns an event without values, 150 ns for both events of a call with 3 small arguments;
up to Python 3.11 with a profile hook, values at most 60 ns an event over a hook that does nothing. Every
hook that this Python has is measured, and beside them the profile hook that does nothing.
"""

from __future__ import annotations

from functools import partial

from arms import Measures, interleaved, least, parsed, project, python, report, write
from harness.project import Project

# Bursts that fit the arena, each taken away before the next one: what is measured is the application's side.
SCRIPT = """
import json, sys, time

hook, values = sys.argv[1:]
CALLS, BURSTS = 20_000, 15

def call_0():
    pass

def call_3(a, b, c):
    pass

def burst_0():
    for _ in range(CALLS):
        call_0()

def burst_3():
    for n in range(CALLS):
        call_3(n, "small", 2.5)

def measure(burst, rest):
    times = []
    for _ in range(BURSTS):
        started = time.perf_counter()
        burst()
        times.append(time.perf_counter() - started)
        rest()
    return min(times) / CALLS / 2 * 1e9

def both(rest):
    return {"0 arguments": measure(burst_0, rest), "3 arguments": measure(burst_3, rest)}

if hook == "none":
    found = both(lambda: None)
elif values == "nothing":
    from kolo_probe import _probe
    from kolo_probe._session import session
    session({"hook": hook})
    _probe.register_noop_profiler()
    found = both(lambda: None)
else:
    import kolo_probe
    from kolo_probe import _probe
    with kolo_probe.enable({"values": values == "values", "hook": hook}):
        assert _probe.wait_connected(5)
        found = both(lambda: _probe.flush(30))
    status = _probe.status()
    assert not any(status["lost"].values()), status
    assert status["emitted"] >= 2 * 2 * CALLS * BURSTS
    assert hook == "auto" or status["hook"] == hook, status
print(json.dumps(found))
"""
ARMS = {
    "untraced": ("none", ""),
    "profile hook that does nothing": ("profile", "nothing"),
    "profile hook, no values": ("profile", "no values"),
    "profile hook, values": ("profile", "values"),
    "default hook, no values": ("auto", "no values"),
    "default hook, values": ("auto", "values"),
}


def measured(where: Project, arm: str) -> Measures:
    return python(where, SCRIPT, *ARMS[arm])


def main() -> None:
    options = parsed(__doc__)
    with project('collector = "require"\n') as where:
        where.start_collector()
        results = interleaved({arm: partial(measured, where, arm) for arm in ARMS}, options.repetitions)
    best = least(results)
    plain, hook = best["untraced"], best["profile hook that does nothing"]
    for key in plain:
        table = {
            arm: [best[arm][key], best[arm][key] - plain[key], best[arm][key] - hook[key]] for arm in ARMS
        }
        report(f"ns per event, calls with {key}", ["in all", "over untraced", "over that hook"], table, 1)
    write(options.json, "capture", results, budget_ns={"0 arguments": 35, "3 arguments": 75})


if __name__ == "__main__":
    main()

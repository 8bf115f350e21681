"""A process that is left on: its memory while it records everything that a program can do, again and again.

    python bench/soak.py [--seconds 60] [--hook auto] [--json FILE]

The same program runs at once without and with the probe: threads that come and go, generators that are
used up and abandoned, exceptions, code that is compiled, run and dropped, asyncio tasks, traces that begin
and end. Budget: flat. Over the second half the recorded process may grow by 1 MB more than the other one
does, no further; the arena and the collector are shown beside it. Afterwards what was emitted must be what is
stored and what is counted as lost.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from arms import project, report, write
from harness.accounting import check_accounting, losses, rows
from harness.processes import Running, resident_bytes, wait_until
from harness.project import Project

from kolo_probe._options import HOOKS

SAMPLES = 10
MOST_GROWTH_MB = 1.0
PAUSE_S = 0.004  # between rounds: without it the database would be what is measured
MB = 1 << 20

PROGRAM = """
import asyncio, gc, json, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import kolo_probe

ends, pause = time.monotonic() + float(sys.argv[1]), float(sys.argv[2])

class Order:
    def __init__(self, number):
        self.number, self.lines, self.password = number, [number] * 5, "hunter2"

    def total(self, rate=2.0, *more, **options):
        return sum(self.lines) * rate

def numbers(n):
    for i in range(n):
        yield i

def raises(depth):
    if depth == 0:
        raise ValueError("no", Order(1))
    raises(depth - 1)

def catches():
    try:
        raises(8)
    except ValueError as error:
        return str(error)

def recurses(n):
    return n and recurses(n - 1)

async def step(n):
    await asyncio.sleep(0)
    return n

async def cancelled():
    await asyncio.sleep(60)

async def tasks(n):
    waiting = asyncio.ensure_future(cancelled())
    done = await asyncio.gather(*(step(i) for i in range(n)))
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        pass
    return done

def compiled(round):
    name = f"made_{round % 1000}"
    text = f"def {name}(a):\\n    return [a for _ in range(3)]\\n{name}({round})"
    exec(compile(text, f"{name}.py", "exec"), {})

def in_thread(round):
    return Order(round).total()

@kolo_probe.enable
def decorated(n):
    yield from numbers(n)

def one_round(round, pool):
    list(numbers(5))
    abandoned = numbers(5)
    next(abandoned)
    del abandoned
    catches()
    recurses(50)
    Order(round).total(3.0, 1, key="value")
    compiled(round)
    pool.submit(in_thread, round).result()
    if round % 5 == 0:
        thread = threading.Thread(target=in_thread, args=(round,))
        thread.start()
        thread.join()
    if round % 10 == 0:
        asyncio.run(tasks(5))
        list(decorated(3))

rounds = 0
with ThreadPoolExecutor(2) as pool:
    while time.monotonic() < ends:
        with kolo_probe.enable(name=f"round {rounds % 100}"):
            one_round(rounds, pool)
        one_round(rounds, pool)  # outside of any trace
        rounds += 1
        time.sleep(pause)
print(json.dumps({"rounds": rounds}))
"""


def start(where: Project, seconds: float, **environment: str) -> Running:
    path = where.folder / "soak.py"
    path.write_text(PROGRAM)
    words = [sys.executable, str(path), str(seconds), str(PAUSE_S)]
    return where.start(words, environment=where.environment(**environment))


def private_mb(pid: int) -> float:
    return (resident_bytes(pid) - resident_bytes(pid, "RssShmem")) / MB


def rounds_of(running: Running) -> int:
    assert running.wait(120) == 0, running.output()
    found: dict[str, int] = json.loads(running.output().splitlines()[-1])
    return found["rounds"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--hook", choices=HOOKS, default="auto")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with project(f'collector = "require"\nhook = "{options.hook}"\n') as where:
        collector = where.start_collector()
        plain = start(where, options.seconds, KOLO_DISABLE="1")
        probed = start(where, options.seconds)
        wait_until("the recorded program is connected", where.connected)
        begun, times = time.monotonic(), []
        table: dict[str, list[float]] = {
            "without the probe": [],
            "with the probe": [],
            "the arena": [],
            "the collector": [],
        }
        for sample in range(1, SAMPLES + 1):
            # The last one a little before the programs end.
            time.sleep(max(0.0, begun + (options.seconds - 2) * sample / SAMPLES - time.monotonic()))
            times.append(f"{time.monotonic() - begun:.0f} s")
            table["without the probe"].append(private_mb(plain.pid))
            table["with the probe"].append(private_mb(probed.pid))
            table["the arena"].append(resident_bytes(probed.pid, "RssShmem") / MB)
            table["the collector"].append(resident_bytes(collector.pid) / MB)
        rounds = {"without the probe": rounds_of(plain), "with the probe": rounds_of(probed)}
        assert collector.terminate() == 0, collector.output()
        check_accounting(where.database, lossless=False)
        (process,) = rows(where.database, "SELECT emitted, stored, codes_lost FROM process")
        facts = {"rounds": rounds, **dict(process), "lost": losses(where.database)}
        facts["database_mb"] = round(where.database.stat().st_size / MB, 1)
    report("MB resident (of the arena and the collector: beside it)", times, table, 1)
    print(f"\n{facts}")
    half = SAMPLES // 2 - 1
    growth = {name: values[-1] - values[half] for name, values in table.items()}
    print("growth over the second half:", {name: round(mb, 2) for name, mb in growth.items()})
    write(options.json, "soak", table, times=times, growth_mb=growth, **facts)
    more = growth["with the probe"] - max(0.0, growth["without the probe"])
    if more > MOST_GROWTH_MB:
        raise SystemExit(f"not flat: {more:.1f} MB more in the second half than without the probe")


if __name__ == "__main__":
    main()

"""Work whose number of calls is known by construction, independent of who watches it.

Every function takes the request's marker along as its argument `marker`, and returns a tally: how many calls
of this project's functions it made, itself included, and how many times one of them was suspended. A tally
adds up what the functions below returned; nothing global is counted, so threads and tasks cannot disturb it.
No comprehension and no lambda stands here: before Python 3.12 each would be a call of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from threading import Thread

# (calls, suspensions)
Tally = tuple[int, int]


class DeadEndError(Exception):
    """Raised by `dead_end`, caught by `detour`."""


def relay(marker: str, hops: int, pause_s: float) -> Tally:
    """Calls itself `hops` times, and pauses at the end: hops + 1 calls."""
    if hops == 0:
        time.sleep(pause_s)
        return (1, 0)
    calls, suspensions = relay(marker, hops - 1, pause_s)
    return (calls + 1, suspensions)


def steps(marker: str, count: int) -> Iterator[int]:
    """A generator: one call, suspended `count` times when it is used up."""
    yield from range(count)


def staircase(marker: str, count: int) -> Tally:
    """Uses up a generator of `count` steps: 2 calls, `count` suspensions."""
    suspensions = 0
    for _ in steps(marker, count):
        suspensions += 1
    return (2, suspensions)


def dead_end(marker: str) -> Tally:
    raise DeadEndError(marker)


def detour(marker: str) -> Tally:
    """Survives an exception: 2 calls."""
    try:
        return dead_end(marker)
    except DeadEndError:
        return (2, 0)


def walk(marker: str, hops: int, pause_s: float) -> Tally:
    """One of each: plain calls, a generator, an exception."""
    calls, suspensions = 1, 0
    for part in (relay(marker, hops, pause_s), staircase(marker, hops), detour(marker)):
        calls += part[0]
        suspensions += part[1]
    return (calls, suspensions)


async def relay_async(marker: str, hops: int, pause_s: float) -> Tally:
    """As `relay`; the pause suspends every coroutine of the chain: hops + 1 calls, as many suspensions."""
    if hops == 0:
        await asyncio.sleep(pause_s)
        return (1, 1)
    calls, suspensions = await relay_async(marker, hops - 1, pause_s)
    return (calls + 1, suspensions + 1)


async def walk_async(marker: str, hops: int, pause_s: float) -> Tally:
    """A chain of coroutines, awaited here, beside the work that `walk` does without a pause."""
    calls, suspensions = await relay_async(marker, hops, pause_s)
    more_calls, more_suspensions = walk(marker, hops, 0)
    return (1 + calls + more_calls, 1 + suspensions + more_suspensions)


def in_thread(tallies: list[Tally], marker: str, hops: int, pause_s: float) -> None:
    """What a thread runs: `walk`, its tally left in `tallies`."""
    calls, suspensions = walk(marker, hops, pause_s)
    tallies.append((calls + 1, suspensions))


def walk_threads(marker: str, hops: int, pause_s: float, count: int) -> Tally:
    """`walk` in `count` threads at once, waited for."""
    tallies: list[Tally] = []
    threads = []
    for _ in range(count):
        threads.append(Thread(target=in_thread, args=(tallies, marker, hops, pause_s)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls, suspensions = 1, 0
    for tally in tallies:
        calls += tally[0]
        suspensions += tally[1]
    return (calls, suspensions)

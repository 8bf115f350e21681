"""Calls, steps, awaits and exceptions, each kind by itself, in code that is recorded.

A burst stays small enough for the arena, and is itself a recorded call: two events more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from workload import Workload

FIB, FIB_CALLS = 19, 13_529
CALLS = 10_000
AWAITS = 5_000
SUSPENSIONS = 1_000
RAISES, DEPTH = 500, 20


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def recurse() -> None:
    fib(FIB)


def call_0() -> None:
    pass


def calls_0() -> None:
    for _ in range(CALLS):
        call_0()


def call_3(a: int, b: str, c: float) -> None:
    pass


def calls_3() -> None:
    for n in range(CALLS):
        call_3(n, "small", 2.5)


class Order:
    def __init__(self) -> None:
        self.number = 7
        self.customer = "small"
        self.price = 2.5

    def add(self, a: int, b: str, c: float) -> None:
        pass


ORDER = Order()


def methods() -> None:
    add = ORDER.add
    for n in range(CALLS):
        add(n, "small", 2.5)


def steps() -> Generator[int, None, None]:
    n = 0
    while n < CALLS:
        yield n
        n += 1


def generator() -> None:
    for _ in steps():
        pass


async def answer() -> int:
    return 1


async def await_answers() -> None:
    for _ in range(AWAITS):
        await answer()


def awaits() -> None:
    asyncio.run(await_answers())


async def give_way() -> None:
    await asyncio.sleep(0)


async def give_ways() -> None:
    for _ in range(SUSPENSIONS):
        await give_way()


def suspensions() -> None:
    asyncio.run(give_ways())


def fall(depth: int) -> None:
    if depth == 1:
        raise ValueError("from the depth")
    fall(depth - 1)


def exceptions() -> None:
    for _ in range(RAISES):
        try:
            fall(DEPTH)
        except ValueError:
            continue


BURST = 2  # events of the burst's own call
WORKLOADS = [
    Workload("recursion (fib)", recurse, events=2 * FIB_CALLS + BURST),
    Workload("call, no arguments", calls_0, events=2 * CALLS + BURST),
    Workload("call, 3 arguments", calls_3, events=2 * CALLS + BURST),
    Workload("method, 3 attributes + 3 arguments", methods, events=2 * CALLS + BURST),
    # Started, then a yield and a resumption for each step, and returned.
    Workload("generator step", generator, events=2 * CALLS + 2 + BURST),
    Workload("await", awaits, events=2 * AWAITS + 2 + BURST),
    # The coroutine and its caller each yield and go on.
    Workload("await that suspends", suspensions, events=6 * SUSPENSIONS + 2 + BURST),
    Workload("exception through a frame", exceptions, events=2 * DEPTH * RAISES + BURST),
]

"""Programs put together at random from calls, exceptions and generators; they do the same on every Python.

Left out is what two hooks or versions may not agree on: generators that are never begun, StopIteration
raised by hand, comprehensions.
"""

from __future__ import annotations

import random

_FUNCTIONS = 7
_PRELUDE = """
import sys
sys.unraisablehook = id  # C code that takes one argument: many generators refuse to be closed
class E0(Exception): pass
class E1(E0): pass
class E2(Exception): pass
class Manager:
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self): return self
    def __exit__(self, *error): return self.swallows
kept = []
"""


class _Writer:
    """Writes one program. A function only calls those behind it, so that all of them end."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.generators = [self.chance.random() < 0.5 for _ in range(_FUNCTIONS)]

    def program(self) -> str:
        parts = [_PRELUDE]
        for n in range(_FUNCTIONS):
            kind = "generator" if self.generators[n] else "function"
            parts.append(f"def f{n}(x):  # {kind}\n" + self.block(n, 4, 2, self.generators[n]))
            if self.generators[n]:
                parts.append("    yield 'last'\n")
        parts.append("for n in range(2):\n    try:\n" + self.block(-1, 8, 1, False))
        parts.append("    except Exception: pass\n")
        return "".join(parts)

    def block(self, n: int, indent: int, depth: int, is_generator: bool) -> str:
        lines = [self.statement(n, indent, depth, is_generator) for _ in range(self.chance.randint(1, 3))]
        return "".join(lines) + " " * indent + "pass\n"

    def statement(self, n: int, indent: int, depth: int, is_generator: bool) -> str:
        margin = " " * indent
        later = range(n + 1, _FUNCTIONS)
        kinds = ["call"] * 4 * bool(later) + ["raise", "return"] * (n >= 0)
        kinds += ["yield"] * 4 * is_generator + ["try", "finally", "with"] * 2 * (depth > 0)
        kind = self.chance.choice(kinds or ["pass"])

        def inner() -> str:
            return self.block(n, indent + 4, depth - 1, is_generator)

        if kind == "call":
            return self.call(margin, self.chance.choice(later), is_generator)
        if kind == "raise":
            return f"{margin}if x % {self.chance.randint(2, 4)} == 0: raise E{self.chance.randint(0, 2)}(x)\n"
        if kind == "return":
            return f"{margin}if x % 5 == {self.chance.randint(0, 4)}: return x\n"
        if kind == "yield":
            return f"{margin}x = (yield x) or x + 1\n"
        if kind == "try":
            return f"{margin}try:\n{inner()}{margin}except E{self.chance.randint(0, 2)}:\n{inner()}"
        if kind == "finally":
            return f"{margin}try:\n{inner()}{margin}finally:\n{inner()}"
        if kind == "with":
            return f"{margin}with Manager({self.chance.random() < 0.3}):\n{inner()}"
        return f"{margin}pass\n"

    def call(self, margin: str, callee: int, is_generator: bool) -> str:
        made = f"f{callee}(len(kept))"
        if not self.generators[callee]:
            return f"{margin}{made}\n"
        act = self.chance.choice(["list", "yield from", "send", "throw", "close", "keep", "resume kept"])
        if act == "yield from" and is_generator:
            return f"{margin}yield from {made}\n"
        begin = f"{margin}g = {made}\n{margin}next(g, None)\n"
        if act == "send":
            value = self.chance.randint(1, 9)
            return f"{begin}{margin}try: g.send({value})\n{margin}except StopIteration: pass\n"
        if act == "throw":
            error = f"E{self.chance.randint(0, 2)}(0)"
            return f"{begin}{margin}try: g.throw({error})\n{margin}except (StopIteration, E0, E2): pass\n"
        if act == "close":
            return f"{begin}{margin}try: g.close()\n{margin}except RuntimeError: pass\n"
        if act == "keep":
            return f"{begin}{margin}kept.append(g)\n"
        if act == "resume kept":
            return f"{margin}if kept: next(kept[-1], None)\n{begin}"
        return f"{margin}for _ in {made}: pass\n"


def random_program(seed: int) -> str:
    return _Writer(seed).program()

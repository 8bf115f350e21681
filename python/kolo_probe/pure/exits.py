"""How a frame is left, and how it goes on: what sys.setprofile does not say, told by the instruction.

The function is called with None for an exception, for `yield` and for `return None` alike. Opcodes are looked
up by name, so that one table serves CPython and PyPy.
"""

from __future__ import annotations

import opcode
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

RETURN, YIELD, UNWIND = "return", "yield", "unwind"

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
_SUSPENDS = _GENERATOR | _COROUTINE | _ASYNC_GENERATOR

_RETURNS = {opcode.opmap[name] for name in ("RETURN_VALUE", "RETURN_CONST") if name in opcode.opmap}
_YIELD_VALUE = opcode.opmap["YIELD_VALUE"]
_YIELD_FROM = opcode.opmap.get("YIELD_FROM", -1)
_RESUME = opcode.opmap.get("RESUME", -1)
_IS_PYPY = sys.implementation.name == "pypy"
# CPython 3.9 and 3.10 stand before YIELD_FROM, to repeat it; PyPy stands at it.
_STANDS_BEFORE_YIELD_FROM = not _IS_PYPY
# 3.13 stands at the instruction to go on with.
_STANDS_BEHIND_YIELD = sys.version_info >= (3, 13)


class Exits:
    """Of one code object: which instructions return, and at which it is suspended."""

    __slots__ = ("can_suspend", "delegates", "first", "returns", "yields")

    def __init__(self, code: CodeType) -> None:
        units = code.co_code
        self.can_suspend = bool(code.co_flags & _SUSPENDS)
        self.first = -1  # where a start is seen
        returns, yields = set(), set()
        delegates: set[int] = set()
        for at in range(0, len(units) - 1, 2):
            kind = units[at]
            if kind in _RETURNS:
                returns.add(at)
            elif kind == _YIELD_VALUE:
                yields.add(at + 2 if _STANDS_BEHIND_YIELD else at)
                if _STANDS_BEHIND_YIELD:
                    yields.add(at)
                if _is_in_send(units, at):
                    delegates.update((at, at + 2))
            elif kind == _YIELD_FROM:
                place = at - 2 if _STANDS_BEFORE_YIELD_FROM else at
                yields.add(place)
                delegates.add(place)
            elif kind == _RESUME and self.first < 0:
                self.first = at
        self.returns = frozenset(returns)
        self.yields = frozenset(yields)
        self.delegates = frozenset(delegates)  # of these, those of `yield from` and `await`

    def of(
        self, last: int, arg: object, resumed_at: int | None, *, was_thrown: bool, inner_yielded: bool
    ) -> str:
        """How a frame is left that stands at instruction `last`. `resumed_at`: where it stood when it went
        on; `was_thrown`: by an exception, as far as that is known; `inner_yielded`: what it last called was
        suspended the moment before."""
        if arg is not None:
            return YIELD if last in self.yields else RETURN
        if last in self.returns:
            return RETURN
        if last not in self.yields:
            return UNWIND
        if last in self.delegates:
            return YIELD if inner_yielded else UNWIND
        return UNWIND if was_thrown and last == resumed_at else YIELD


# What gives up an object, and steps no generator.
_GIVES_UP = {
    number
    for name, number in opcode.opmap.items()
    if name.startswith(("POP_", "STORE_FAST", "DELETE_"))
    or name in ("STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "RETURN_VALUE", "RETURN_CONST", "END_FOR")
}


def drops(frame: FrameType | None) -> bool:
    """Whether a generator that goes on above `frame` is being closed, as its last reference went there."""
    if frame is None or frame.f_lasti < 0:
        return False
    return frame.f_code.co_code[frame.f_lasti] in _GIVES_UP


def _is_in_send(units: bytes, at: int) -> bool:
    """Whether a YIELD_VALUE passes on what an inner one yields (3.11 and later): SEND stands before it."""
    send = opcode.opmap.get("SEND", -1)
    before = at - 2
    while before >= 0 and units[before] == 0:  # CACHE
        before -= 2
    return send >= 0 and before >= 0 and units[before] == send

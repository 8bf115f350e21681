"""What a trace test says: a program, and the activations that it must give."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """`program` runs as a module named `case`, in a trace of its own; `gives` is what must be recorded.

    A line of `gives` is an activation, indented below its parent: its qualified name without the module, how
    it ended, and what it returned or raised; `abandoned` is by GeneratorExit, `cut off` without any event.
    Behind two blanks and a "#" stands what differs by version and
    hook:

        # before 3.12             this line is there only in these places
        # profile: raised         there it ended so
        # 3.13: cut off [gap]     either of them, as the interpreter withholds something: the row `gap` of
                                  docs/capture.md says what

    A place is a hook, versions (`3.13`, `3.12+`, `before 3.12`), or both (`profile before 3.12`), a word
    behind "not" the others; several places are joined by "or", several remarks by ";". That the profile hook
    is not told exceptions is known for each line.
    """

    name: str
    program: str
    gives: str
    # Also compared: "arguments", "locals" (as they were at the end), "steps" (yield, resume, throw), "trace"
    # (of which trace each is), "exceptions" (their args too).
    shows: Sequence[str] = ()
    raises: str | None = None  # the exception that leaves the program
    since: tuple[int, int] = (3, 9)
    needs: str | None = None  # a package
    # Where something else may come out, of which only the account is looked at: places and the row of the
    # gap, as in a remark ("pypy [collected later]"); several are joined by ";".
    unlike: str = ""
    stderr: str | None = None  # what it writes there, as a regular expression

    @property
    def source(self) -> str:
        return textwrap.dedent(self.program)

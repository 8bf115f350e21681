"""Work that happens in code which the default filters reject, called from code that is recorded."""

from __future__ import annotations

import configparser
import json
import sys
import textwrap
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "site-packages"))

import library
from workload import COUNTED, Workload

CALLS = 10_000
RAISES, DEPTH = 500, 20
C_CALLS = 10_000

INI = "\n".join(f"[section-{n}]\nname = value {n}\nanother = %(name)s" for n in range(60))
TEXT = "the quick brown fox jumps over the lazy dog and runs away " * 60
TREE = {"orders": [{"number": n, "lines": [{"sku": f"sku-{n}", "count": n % 7}] * 3} for n in range(60)]}


def library_calls() -> None:
    call = library.call_3
    for n in range(CALLS):
        call(n, "small", 2.5)


def library_exceptions() -> None:
    for _ in range(RAISES):
        try:
            library.fall(DEPTH)
        except ValueError:
            continue


def standard_library() -> None:
    """Pure Python of the standard library: a parser, text wrapping, indented JSON."""
    parser = configparser.ConfigParser()
    parser.read_string(INI)
    for name in parser.sections():
        parser.get(name, "another")
    textwrap.fill(TEXT, 60)
    json.dumps(TREE, indent=1)


def builtins() -> None:
    seen: list[int] = []
    for n in range(C_CALLS // 5):
        seen.append(len("word"))
        abs(n)
        isinstance(n, int)
        "word".upper()


WORKLOADS = [
    Workload("library call", library_calls, events=2, filtered=CALLS),
    Workload("library-heavy (standard library)", standard_library, events=2, filtered=COUNTED),
    Workload("exception through a library frame", library_exceptions, events=2, filtered=RAISES * DEPTH),
    Workload("builtin call", builtins, events=2, filtered=C_CALLS),
]

"""The cases, by subject."""

from __future__ import annotations

from cases import calls, coroutines, exceptions, generators
from cases.case import Case

CASES = [*calls.CASES, *exceptions.CASES, *generators.CASES, *coroutines.CASES]

__all__ = ["CASES", "Case"]

"""The cases, by subject."""

from __future__ import annotations

from cases import calls, coroutines, exceptions, generators, greenlets, objects, threads
from cases.case import Case

_SUBJECTS = (calls, exceptions, objects, generators, coroutines, threads, greenlets)

CASES = [case for subject in _SUBJECTS for case in subject.CASES]

__all__ = ["CASES", "Case"]

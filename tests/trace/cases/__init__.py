"""The cases, by subject."""

from __future__ import annotations

from cases import (
    async_corners,
    calls,
    coroutines,
    exceptions,
    generator_corners,
    generators,
    greenlets,
    objects,
    threads,
)
from cases.case import Case

_SUBJECTS = (
    calls,
    exceptions,
    objects,
    generators,
    generator_corners,
    coroutines,
    async_corners,
    threads,
    greenlets,
)

CASES = [case for subject in _SUBJECTS for case in subject.CASES]

__all__ = ["CASES", "Case"]

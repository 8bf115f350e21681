"""`one_trace_per_test` for unittest, and with it for Django's test runner: each run of a TestCase is a trace.

It begins and ends around `TestCase.run`, which catches what a test raises: no traceback can tell. What comes
before (setUpClass, Django's fixtures) belongs to the trace of the process, which goes on beside.
"""

from __future__ import annotations

import functools

from kolo_probe._session import begin
from kolo_probe.processors.unittest import is_of_pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from unittest import TestCase, TestResult

    from kolo_probe._native import Native
    from kolo_probe._session import Session


def follow_unittest(here: Session, native: Native) -> None:
    """Make each test a trace of kind `test`, named as unittest names it: "module.Class.method"."""
    from unittest import case  # the user asks for tests: it would be loaded all the same

    original = case.TestCase.run

    @functools.wraps(original)
    def run(self: TestCase, result: TestResult | None = None) -> TestResult | None:
        if is_of_pytest(result):  # which has a trace for it already
            return original(self, result)
        token = begin(here, "test", _name(self))
        try:
            return original(self, result)
        finally:
            native.end_trace(token)

    case.TestCase.run = run  # type: ignore[method-assign]


def _name(test: Any) -> str:
    kind = type(test)
    return f"{kind.__module__}.{kind.__qualname__}.{getattr(test, '_testMethodName', '')}"

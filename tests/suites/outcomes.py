"""Runs one of CPython's own test modules in this process and writes what became of each test as JSON.

    python outcomes.py test.test_generators outcomes.json

A program of its own, so that `kolo-probe run` can take python's place.
"""

from __future__ import annotations

import importlib
import json
import sys
import unittest


class Outcomes(unittest.TestResult):
    """What became of each test, by its id: subtests and class-level failures under names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}

    def _note(self, test, outcome: str) -> None:
        self.outcomes[test.id()] = outcome

    def addSuccess(self, test) -> None:  # noqa: N802
        self.outcomes.setdefault(test.id(), "passed")

    def addFailure(self, test, err) -> None:  # noqa: N802
        self._note(test, f"failed: {err[0].__name__}")

    def addError(self, test, err) -> None:  # noqa: N802
        self._note(test, f"error: {err[0].__name__}")

    def addSkip(self, test, reason: str) -> None:  # noqa: N802
        self._note(test, "skipped")

    def addExpectedFailure(self, test, err) -> None:  # noqa: N802
        self._note(test, "failed as expected")

    def addUnexpectedSuccess(self, test) -> None:  # noqa: N802
        self._note(test, "passed unexpectedly")

    def addSubTest(self, test, subtest, err) -> None:  # noqa: N802
        if err is not None:
            self._note(subtest, f"failed: {err[0].__name__}")
            self._note(test, "failed in a subtest")


PROFILE_TOOL = 6  # what sys.setprofile and PyEval_SetProfile are to sys.monitoring


def leave_the_probe_out(module: str) -> None:
    """test_monitoring asks before each test that tool ids 2 to 4 are free and that no tool has events on.

    With the probe neither holds, and nothing else would be tested: id 5 takes the place of 4, and what the
    probe has on is not told. Without the probe this changes nothing.
    """
    monitoring = sys.monitoring
    importlib.import_module(module).TEST_TOOL3 = 5
    ours = {tool for tool in range(PROFILE_TOOL) if monitoring.get_tool(tool) == "kolo_probe"}
    hidden = sum(1 << tool for tool in {*ours, PROFILE_TOOL})
    all_events, get_events = monitoring._all_events, monitoring.get_events

    def others_events() -> dict[str, int]:
        return {event: bits & ~hidden for event, bits in all_events().items() if bits & ~hidden}

    monitoring._all_events = others_events
    monitoring.get_events = lambda tool: 0 if tool in ours else get_events(tool)


def main() -> None:
    module, target = sys.argv[1:]
    from test import support

    support.use_resources = []  # as regrtest does when nothing is asked for: no network, no audio
    # A test may look at what it was started with.
    sys.argv[1:] = []
    if module == "test.test_monitoring":
        leave_the_probe_out(module)
    result = Outcomes()
    unittest.defaultTestLoader.loadTestsFromName(module).run(result)
    with open(target, "w") as file:
        json.dump(result.outcomes, file, indent=1)


if __name__ == "__main__":
    main()

"""Each run of a unittest.TestCase, from before setUp to after its cleanups.

Kolo tells its beginning and end where the result is told of them; the run between those is one activation,
`TestCase.run`. A TestCase that pytest runs is pytest's to tell.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

# Where a TestResult notes what did not simply pass; a test may be in several.
_NOTES = (
    ("errors", "error"),
    ("failures", "failed"),
    ("unexpectedSuccesses", "unexpected_success"),
    ("expectedFailures", "expected_failure"),
    ("skipped", "skipped"),
)
# How django.test.runner.RemoteTestResult notes it in the processes of `test --parallel`.
_EVENTS = {
    "addError": "error",
    "addFailure": "failed",
    "addSubTest": "failed",
    "addUnexpectedSuccess": "unexpected_success",
    "addExpectedFailure": "expected_failure",
    "addSkip": "skipped",
    "addSuccess": "passed",
}


def is_of_pytest(result: object) -> bool:
    """pytest runs a TestCase with an object of its own as the result."""
    return type(result).__module__.startswith("_pytest.")


def _is_ours(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    return not is_of_pytest(frame.f_locals.get("result"))


def _process(frame: FrameType, event: str, _arg: Any, _context: Any) -> dict[str, Any]:
    test = frame.f_locals["self"]
    kind = type(test)
    data: dict[str, Any] = {
        "test_name": getattr(test, "_testMethodName", None),
        "test_class": kind.__qualname__,
        "test_module": kind.__module__,
    }
    if event == "return":
        data["outcome"] = _outcome(test, frame.f_locals.get("result"))
    elif event == "unwind":
        data["outcome"] = "interrupted"
    return data


def _outcome(test: object, result: object) -> str | None:
    """What the result holds of the test that it was last told of; None for a result of another make."""
    events = getattr(result, "events", None)
    if type(events) is list:
        # startTest, addFailure, …, stopTest
        names = [one[0] for one in events[-_MOST_EVENTS:] if type(one) is tuple and one]
        since = len(names) - names[::-1].index("startTest") if "startTest" in names else 0
        told = [_EVENTS[name] for name in names[since:] if name in _EVENTS]
        return min(told, key=_SEVERITY.index, default=None)
    found: str | None = None
    for attribute, outcome in _NOTES:
        noted = getattr(result, attribute, None)
        if type(noted) is not list:
            return None
        if noted and found is None and _is_about(noted[-1], test):
            found = outcome
    return found or "passed"


_MOST_EVENTS = 1_000
_SEVERITY = [*(outcome for _, outcome in _NOTES), "passed"]


def _is_about(note: Any, test: object) -> bool:
    """A note is (test or part of a test, text), or in one list the test alone."""
    about = note[0] if type(note) is tuple and note else note
    return about is test or getattr(about, "test_case", None) is test


def _name(data: dict[str, Any]) -> str:
    return f"{data['test_module']}.{data['test_class']}.{data['test_name']}"


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ["run"],
        "path_fragment": "unittest/case.py",
        "call_type": "start_test",
        "return_type": "end_test",
        "subtype": "unittest",
        "call": _is_ours,
        "process": _process,
        "kind": "test",
        "span_name": _name,
    }
]

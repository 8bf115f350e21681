"""Each test that pytest runs, with the set-up and teardown of fixtures that it causes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def _process(frame: FrameType, event: str, arg: Any, _context: Any) -> dict[str, Any]:
    item = frame.f_locals["item"]
    # ("tests/test_shop.py", 41, "TestCart.test_add[0.5]"): what pytest's own reports go by.
    path, bracket, parameters = item.location[2].partition("[")
    classes, _, name = path.rpartition(".")
    data: dict[str, Any] = {
        "test_name": name + bracket + parameters,
        "test_class": classes or None,
        "nodeid": item.nodeid,
    }
    if event == "return":
        data["outcome"] = _outcome(arg)
    elif event == "unwind":
        data["outcome"] = "interrupted"
    return data


def _outcome(reports: Any) -> str | None:
    """One word for the reports of set-up, call and teardown; None where the hook cannot see them."""
    if type(reports) is not list:
        return None
    worst = "passed"
    for report in reports:
        if report.outcome == "failed":
            return "failed" if report.when == "call" else "error"
        is_expected = getattr(report, "wasxfail", None) is not None
        if report.outcome == "skipped":
            worst = "xfailed" if is_expected else "skipped"
        elif is_expected and report.when == "call":
            worst = "xpassed"
    return worst


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ["runtestprotocol"],
        "path_fragment": "_pytest/runner.py",
        "call_type": "start_test",
        "return_type": "end_test",
        "subtype": "pytest",
        "process": _process,
        "kind": "test",
        "span_name": "nodeid",
    }
]

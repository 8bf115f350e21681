"""Tests of the foreign suites that may end differently under the probe, each with its reason.

A test that is not named here and differs fails the comparison. docs/harmless.md tells the same for readers.
"""

from __future__ import annotations

import re

# (a pattern of the test's id, the hooks it concerns, why)
DIFFERENCES: list[tuple[str, set[str], str]] = [
    (
        r"^test\.test_monitoring\.",
        {"profile"},
        "under any profile function: a test waits for bytecode that is not specialised then, fails, and "
        "leaves its events on, at which those after it stop",
    ),
]


def reason_of(test: str, hook: str) -> str | None:
    """Why this test may differ with this hook; None when it may not."""
    for pattern, hooks, why in DIFFERENCES:
        if hook in hooks and re.search(pattern, test):
            return why
    return None

"""Fixtures of the trace tests."""

from __future__ import annotations

import pytest
from arms import PROGRAMS


@pytest.fixture(scope="session")
def installed():
    """The wheel's programs are what is tested: a failure, and no skip, where they are missing."""
    for name in ("kolo-probe", "kolo-collectord", "kolo-trace"):
        assert (PROGRAMS / name).exists(), f"{PROGRAMS / name} is not installed"

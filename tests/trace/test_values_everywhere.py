"""The tests of the encoder on every Python found: what it reads lies elsewhere in each version."""

from __future__ import annotations

import sys

import pytest
from arms import ROOT, has, pythons

pytestmark = pytest.mark.usefixtures("installed")


@pytest.mark.parametrize("python", [one for one in pythons() if one.path != sys.executable], ids=str)
def test_values_are_encoded_as_they_are_elsewhere(python):
    if not has(python, "pytest") or not has(python, "msgpack"):
        pytest.skip("pytest or msgpack is not there")
    # Not as part of this run: its configuration and fixtures are this Python's.
    files = sorted(str(path) for path in (ROOT / "tests/python").glob("test_values*.py"))
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    done = python.run(*words, folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr

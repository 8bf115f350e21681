"""Fixtures of the end-to-end tests: each test has a project folder of its own, and leaves no process
behind."""

from __future__ import annotations

import os

import pytest
from harness.project import Project

# The long form asks for more of the same: it takes minutes instead of seconds.
LONG = os.environ.get("KOLO_LONG") == "1"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder)
    yield made
    made.close()


@pytest.fixture(scope="session")
def is_long() -> bool:
    return LONG


@pytest.fixture(scope="session", autouse=True)
def _installed():
    """These tests are about the installed package, and fail where there is none."""
    from harness.processes import program

    for name in ("kolo-probe", "kolo-collectord", "kolo-trace", "gunicorn"):
        program(name)

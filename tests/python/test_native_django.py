"""A Django project with the real probe and a real collector: what its traces say when all is over."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_native_run import command, environment, only_trace, outcome
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

MANAGE = """
    import sys

    from django.conf import settings

    settings.configure(SECRET_KEY="for tests", DATABASES={})
    if __name__ == "__main__":
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
"""


@pytest.mark.parametrize("way", ["run", "variable"])
def test_a_management_command_is_a_trace_of_its_name(tmp_path, way):
    script(tmp_path, MANAGE, name="manage.py")
    words = ["manage.py", "check", "--no-color"]
    if way == "run":
        done = command("kolo-probe", "run", *words, folder=tmp_path)
    else:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment(KOLO_PROBE="1"),
            capture_output=True,
            timeout=120,
        )
    assert outcome(done) == (0, "System check identified no issues (0 silenced).\n", "")
    trace = only_trace(tmp_path)
    assert (trace["kind"], trace["name"], trace["status"]) == ("command", "manage.py check", "complete")


def test_a_name_of_the_users_wins(tmp_path):
    script(tmp_path, MANAGE, name="manage.py")
    command("kolo-probe", "run", "--name", "nightly", "manage.py", "check", folder=tmp_path)
    trace = only_trace(tmp_path)
    assert (trace["kind"], trace["name"]) == ("command", "nightly")

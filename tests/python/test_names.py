"""What the trace of a whole process is called."""

from __future__ import annotations

import pytest

from kolo_probe._names import program_name


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["import.py", "--token", "x"], ("script", "import.py")),
        (["./jobs/import.py"], ("script", "./jobs/import.py")),
        (["-m", "shop.jobs", "x"], ("script", "-m shop.jobs")),
        (["-c", "print()"], ("script", "python -c")),
        ([""], ("script", "python")),
        (["manage.py", "migrate"], ("command", "manage.py migrate")),
        (["/srv/shop/manage.py", "create-admin", "--password", "x"], ("command", "manage.py create-admin")),
        (["/venv/bin/django-admin", "check"], ("command", "django-admin check")),
        (["-m", "django", "check", "--deploy"], ("command", "-m django check")),
        (["-m", "django"], ("script", "-m django")),
        (["manage.py"], ("script", "manage.py")),
        (["manage.py", "--help"], ("script", "manage.py")),
        (["manage.py", "postgres://me:pw@host"], ("script", "manage.py")),
        (["migrate.py", "migrate"], ("script", "migrate.py")),
    ],
)
def test_a_program_is_called_as_it_was_typed_and_djangos_commands_by_their_names(words, named):
    assert program_name(words) == named

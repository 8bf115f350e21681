"""What is told of setting Django up, of checks, test databases and commands."""

from __future__ import annotations

import io

import django
import pytest
from django.core.checks import Error, register, run_checks
from django.core.checks.registry import registry
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django_project import databases, project
from driving import driven

from kolo_probe.processors.django_process import PROCESSORS


@pytest.fixture(scope="module", autouse=True)
def settings():
    with project(), databases():
        yield


def of(kind, spans):
    return [span for span in spans if span.kind == kind]


def test_django_setup():
    with driven(PROCESSORS) as spans:
        django.setup()
    (span,) = of("setup", spans)
    assert (span.type, span.end_type, span.start) == ("django_setup_start", "django_setup_end", {})
    assert "settings_module" in span.end


def test_checks_tell_what_they_found():
    def check(app_configs, **options):
        return [Error("no key", id="shop.E001")]

    register(check, "mine")
    try:
        with driven(PROCESSORS) as spans:
            found = run_checks(tags=["mine"])
    finally:
        registry.registered_checks.discard(check)
    (span,) = of("checks", spans)
    assert span.start == {"tags": ["mine"]}
    assert span.end == {"messages": [{"id": "shop.E001", "level": 40, "msg": "no key"}], "count": len(found)}


def test_checks_that_raise():
    with driven(PROCESSORS) as spans, pytest.raises(TypeError):
        run_checks(tags=[[]])
    assert of("checks", spans)[0].outcome == "raised"


def test_a_test_database_is_made_and_destroyed(monkeypatch):
    creation = connection.creation
    monkeypatch.setattr(creation, "_create_test_db", lambda *_: None)
    monkeypatch.setattr(creation, "_destroy_test_db", lambda *_: None)
    monkeypatch.setattr("django.core.management.call_command", lambda *_, **__: None)
    monkeypatch.setattr(creation, "serialize_db_to_string", lambda *_: "", raising=False)
    monkeypatch.setattr(connection, "settings_dict", dict(connection.settings_dict))
    with driven(PROCESSORS) as spans:
        name = creation.create_test_db(verbosity=0)
        creation.destroy_test_db("old", verbosity=0)
    made, destroyed = of("test_database", spans)
    assert (made.type, made.name) == ("django_create_test_db_start", "default")
    assert made.end == {"alias": "default", "database": "sqlite", "name": name}
    assert destroyed.type == "django_destroy_test_db_start"


class Command(BaseCommand):
    """A command, of a module called as the command."""

    def add_arguments(self, parser):
        parser.add_argument("--fail", action="store_true")

    def handle(self, *args, **options):
        if options["fail"]:
            raise CommandError("no")
        return "done"


def test_a_command_is_told_by_its_name_and_options():
    with driven(PROCESSORS) as spans:
        assert call_command(Command(), stdout=io.StringIO()) == "done"
    (span,) = of("command", spans)
    assert (span.name, span.outcome) == (__name__.rpartition(".")[2], "returned")
    assert span.start["options"]["fail"] is False
    assert span.end == {"command": span.name}


def test_a_command_that_fails():
    with driven(PROCESSORS) as spans, pytest.raises(CommandError):
        call_command(Command(), fail=True)
    (span,) = of("command", spans)
    assert span.outcome == "raised"
    assert isinstance(span.end["exception"], CommandError)

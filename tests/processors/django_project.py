"""A small Django project for the tests of processors: settings, templates, tables in memory.

Settings are a process's, and other tests may have configured them: the project's lie over them while its
tests run, and are taken away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import django
from asgiref.local import Local
from django.conf import settings
from django.test import override_settings

if not settings.configured:
    settings.configure(SECRET_KEY="for tests")
    django.setup()

TEMPLATES = {
    "page.html": "{% extends 'base.html' %}"
    "{% block body %}{% include 'part.html' with price=3 %} {{ title }}{% endblock %}",
    "base.html": "<html>{% block body %}{% endblock %}</html>",
    "part.html": "part {{ price }}",
    "broken.html": "{% include 'part.html' %}{% include 'missing.html' %}",
}
SETTINGS = {
    "ALLOWED_HOSTS": ["*"],
    "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    "SECRET_KEY": "for tests",
    "USE_TZ": True,
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", TEMPLATES)],
                "context_processors": ["django.template.context_processors.request"],
            },
        }
    ],
}
# Shared by the threads of this process, gone with its last connection.
DATABASES = {
    alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"file:{alias}?mode=memory&cache=shared"}
    for alias in ("default", "archive")
}


@contextmanager
def project(**more: object) -> Iterator[None]:
    """The project's settings, with `more` over them."""
    with override_settings(**{**SETTINGS, **more}):
        yield


@contextmanager
def databases() -> Iterator[None]:
    """Two empty databases, `default` and `archive`, with the tables of django.contrib.auth."""
    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.db import connections

    before, open_before = connections.settings, connections._connections
    connections.settings = connections.configure_settings(DATABASES)
    connections._connections = Local(connections.thread_critical)
    try:
        for alias in DATABASES:
            with connections[alias].schema_editor() as editor:
                for model in (ContentType, Permission, Group, User):
                    editor.create_model(model)
        yield
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None:
                connection.connection.close()  # as Django leaves one in memory open
        connections.settings, connections._connections = before, open_before

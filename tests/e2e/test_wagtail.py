"""An application that is not ours: a site made by Wagtail's project template (long form: KOLO_LONG=1)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from harness.accounting import check_accounting, check_tree, rows
from harness.processes import program
from harness.visits import get_all

pytestmark = pytest.mark.skipif(os.environ.get("KOLO_LONG") != "1", reason="long form only (KOLO_LONG=1)")

IN_FLIGHT = 8
ROUNDS = 40
PATHS = ("/", "/admin/login/", "/search/?query=welcome", "/no-such-page/")

WORKERS = {
    "sync": ("mysite.wsgi", ["-w", "2", "-k", "sync"]),
    "gthread": ("mysite.wsgi", ["-w", "1", "-k", "gthread", "--threads", "8"]),
    "uvicorn": ("mysite.asgi", ["-w", "1", "-k", "uvicorn.workers.UvicornWorker"]),
}

OWN_SETTINGS = """
from .dev import *
MIDDLEWARE = ["kolo_probe.middleware.KoloMiddleware"] + MIDDLEWARE
"""
# The template has none.
ASGI = """
from django.core.asgi import get_asgi_application
application = get_asgi_application()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site as `wagtail start` makes it, migrated, with the middleware added."""
    folder = tmp_path_factory.mktemp("wagtail")
    environment = {**os.environ, "KOLO_DISABLE": "1", "DJANGO_SETTINGS_MODULE": "mysite.settings.probed"}
    subprocess.run([program("wagtail"), "start", "mysite", str(folder)], check=True, capture_output=True)
    (folder / "mysite" / "settings" / "probed.py").write_text(OWN_SETTINGS)
    (folder / "mysite" / "asgi.py").write_text(ASGI)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=folder, env=environment, check=True)
    return folder


@pytest.mark.parametrize("filtered", ["own code", "wagtail too"])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_site_made_by_wagtail(project, site, workers, filtered):
    """Contract: home page, admin login, search and a page that is not there, 8 in flight: each request is
    answered as without the probe and is one whole trace; nothing is lost. With Wagtail's own code recorded
    too, traces are thousands of events, and the same holds."""
    application, words = WORKERS[workers]
    if filtered == "wagtail too":
        project.configure('[tool.kolo.filters]\ninclude_frames = ["/wagtail/"]\n')
    environment = project.environment(DJANGO_SETTINGS_MODULE="mysite.settings.probed")
    plain_environment = {**environment, "KOLO_DISABLE": "1"}
    plain = project.start_server(
        application, "-w", "1", *words[2:], folder=site, environment=plain_environment
    )
    expected = {path: answer.status for path, answer in zip(PATHS, get_all(plain.address, PATHS, 1))}
    plain.stop()

    daemon = project.start_collector()
    server = project.start_server(application, *words, folder=site, environment=environment)
    targets = PATHS * (ROUNDS // len(PATHS) * IN_FLIGHT)
    answers = get_all(server.address, targets, IN_FLIGHT)
    server.stop()
    assert daemon.terminate() == 0
    assert server.warnings() == []
    assert [answer.status for answer in answers] == [expected[target] for target in targets]
    traces = rows(project.database, "SELECT * FROM trace")
    assert Counter(trace["name"] for trace in traces) == Counter(answer.trace_name for answer in answers)
    assert {trace["status"] for trace in traces} == {"complete"}
    assert set(check_accounting(project.database)) == {"ended"}
    if filtered == "wagtail too":
        assert max(trace["activations"] for trace in traces) > 200
    for trace in traces[::20]:
        activations = project.show(trace["id"])["activations"]
        assert len(activations) == trace["activations"]
        check_tree(activations)

"""What a trace is called, whatever makes it: the table of names, each as `kolo-trace list` shows it."""

from __future__ import annotations

import os
import sys

import pytest
from test_native_run import command, traces
from test_pth import python
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

WSGI = """
    from kolo_probe.wsgi import KoloMiddleware
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b""]
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/checkout/", "QUERY_STRING": "token=secret"}
    KoloMiddleware(app)(environ, lambda status, headers: None)
"""
ASGI = """
    import asyncio
    from kolo_probe.asgi import KoloMiddleware
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body"})
    async def send(message): pass
    asyncio.run(KoloMiddleware(app)({"type": "http", "method": "GET", "path": "/x"}, None, send))
"""
DJANGO = """
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path
    def fails(request): raise ValueError
    urlpatterns = [path("fails/", fails)]
    settings.configure(
        ALLOWED_HOSTS=["*"], MIDDLEWARE=["kolo_probe.middleware.KoloMiddleware"], ROOT_URLCONF=__name__,
        LOGGING_CONFIG=None,
    )
    django.setup()
    Client(raise_request_exception=False).get("/fails/?a=b")
"""
BLOCK = """
    import kolo_probe
    with kolo_probe.enable({name}):
        with kolo_probe.enable(name="inside"):
            pass
"""
DECORATED = """
    import kolo_probe
    class Cart:
        @kolo_probe.enable{how}
        def total(self): pass
    Cart().total()
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (WSGI, ("request", "200 POST /checkout/")),
        (ASGI, ("request", "404 GET /x")),
        (DJANGO, ("request", "500 GET /fails/")),
        (BLOCK.format(name=r'name="\u2713 done"'), ("block", "✓ done")),
        (BLOCK.format(name=""), ("block", None)),
        (DECORATED.format(how=""), ("block", "Cart.total")),
        (DECORATED.format(how="(name='totals')"), ("block", "totals")),
    ],
)
def test_what_a_program_traces_itself(tmp_path, text, named):
    script(tmp_path, text)
    done = python(tmp_path, "program.py", probe=None)
    assert done.returncode == 0, done.stderr
    (trace,) = traces(tmp_path)
    assert (trace["kind"], trace["name"]) == named


TEST = "def test_price(): pass"
MANAGE = "print('what a project does')"
RUN = [os.path.join(os.path.dirname(sys.executable), "kolo-probe"), "run"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["test_shop.py"], ("script", "test_shop.py")),
        (["-m", "test_shop"], ("script", "-m test_shop")),
        (["-m", "pytest", "-q", "test_shop.py"], ("script", "-m pytest")),
        (["manage.py", "migrate", "--password", "hunter2"], ("command", "manage.py migrate")),
    ],
)
def test_a_whole_process_is_called_the_same_by_run_and_by_the_variable(tmp_path, words, named):
    script(tmp_path, TEST, "test_shop.py")
    script(tmp_path, MANAGE, "manage.py")
    runs = [
        python(tmp_path, *words),
        python(tmp_path, *RUN, *words, probe=None),
        python(tmp_path, *RUN, "--name", "mine", *words, probe=None),
    ]
    assert [done.returncode for done in runs] == [0, 0, 0], runs
    kind, name = named
    found = sorted((trace["kind"], trace["name"]) for trace in traces(tmp_path))
    assert found == sorted([(kind, name), (kind, name), (kind, "mine")])


def test_a_test_by_itself_is_called_as_pytest_calls_it(tmp_path):
    script(tmp_path, TEST, "test_shop.py")
    done = command(
        "kolo-probe", "run", "--one-trace-per-test", "-m", "pytest", "-q", "test_shop.py", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout
    found = {(trace["kind"], trace["name"]) for trace in traces(tmp_path)}
    assert found == {("script", "-m pytest"), ("test", "test_shop.py::test_price")}


def test_a_request_in_a_traced_process_is_a_trace_beside_it(tmp_path):
    script(tmp_path, WSGI)
    assert python(tmp_path, "program.py").returncode == 0
    found = {(trace["kind"], trace["name"]) for trace in traces(tmp_path)}
    assert found == {("script", "program.py"), ("request", "200 POST /checkout/")}

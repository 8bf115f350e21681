"""Flask and FastAPI under real servers, and a server under KOLO_PROBE=1.

As test_concurrent_requests.py has it for Django: each answer says how many calls and events a complete trace
of its request has, and its marker goes through all of them.
"""

from __future__ import annotations

import http.client
import itertools
import json

import pytest
from harness.accounting import (
    check_accounting,
    check_answers,
    check_whole,
    events_of,
    most_at_once,
    name_of,
    rows,
)
from harness.project import APPS, ROOT, SHOP
from harness.visits import get_all

IN_FLIGHT = 8
REQUESTS = 40

SERVED = {
    "Flask": ("echo_flask:app", ["-k", "gthread", "--threads", "8"], ("echo",)),
    "FastAPI": ("echo_fastapi:app", ["-k", "uvicorn.workers.UvicornWorker"], ("echo", "thread")),
}


@pytest.mark.parametrize("framework", SERVED)
def test_each_request_is_one_whole_trace_of_its_own(project, framework):
    """Contract: with 8 requests in flight in one process, each has exactly one complete trace that holds all
    its events and no event of another; nothing is lost."""
    application, words, forms = SERVED[framework]
    daemon = project.start_collector()
    environment = project.environment(PYTHONPATH=str(SHOP))
    server = project.start_server(application, "-w", "1", *words, folder=APPS, environment=environment)
    turns = itertools.cycle(forms)
    # A first wave that is in flight at once for sure, as each request pauses, then a mix.
    targets = [
        f"/{next(turns)}/{n}?hops={n % 7}&pause_ms={500 if n < IN_FLIGHT else n % 4}" for n in range(REQUESTS)
    ]
    answers = get_all(server.address, targets, IN_FLIGHT)
    server.stop()
    assert server.warnings() == []
    assert daemon.terminate() == 0

    by_name = check_answers(project.database, answers)
    check_accounting(project.database, emitted=events_of(answers))
    assert most_at_once(by_name.values()) == IN_FLIGHT
    for answer in answers:
        check_whole(project, by_name[answer.trace_name], answer)


def post(server, path, body, content_type):
    connection = http.client.HTTPConnection(server.address, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def names_in(project, trace_name):
    (trace,) = rows(project.database, "SELECT id FROM trace WHERE name = ?", trace_name)
    return [name_of(activation) for activation in project.show(trace["id"])["activations"]]


def request_of(project, trace_name):
    """The span that tells of a request: what it began with, and what it ended with."""
    (trace,) = rows(project.database, "SELECT id FROM trace WHERE name = ?", trace_name)
    (span,) = [span for span in project.show(trace["id"])["spans"] if span["kind"] == "request"]
    assert (span["name"], span["outcome"]) == (trace_name, "returned")
    return span["data"], span["end_data"]


REDACTED = {"$type": "omitted", "$omitted": {"reason": "redacted"}}


def check_secret_stays(project, secret):
    for path in project.kolo.iterdir():
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), f"{secret} is in {path}"


def test_the_flask_example(project):
    """Contract: what examples/flask_app/README.md says."""
    daemon = project.start_collector()
    server = project.start_server("app:app", "-w", "1", folder=ROOT / "examples" / "flask_app")
    form = "tea=sencha&cups=2&voucher_token=TEA-hunter2"
    assert post(server, "/orders", form, "application/x-www-form-urlencoded") == (201, {"total": "6.84"})
    answers = get_all(server.address, ["/teas/assam", "/teas/coffee", "/broken"], 1)
    assert [answer.status for answer in answers] == [200, 404, 404]
    server.stop()
    assert daemon.terminate() == 0
    assert names_in(project, "201 POST /orders") == ["order", "price", "is_valid", "discounted"]
    begun, ended = request_of(project, "201 POST /orders")
    assert (begun["method"], begun["path_info"]) == ("POST", "/orders")
    assert ended["url_pattern"]["view_qualname"] == "app.order"
    assert ended["post_data"] == {"tea": ["sencha"], "cups": ["2"], "voucher_token": REDACTED}
    assert json.loads(ended["content"]) == {"total": "6.84"}
    assert names_in(project, "200 GET /teas/assam") == ["tea", "price"]
    assert names_in(project, "404 GET /teas/coffee") == ["tea", "price"]
    check_secret_stays(project, "hunter2")


def test_the_fastapi_example(project):
    """Contract: what examples/fastapi_app/README.md says."""
    daemon = project.start_collector()
    words = ("-w", "1", "-k", "uvicorn.workers.UvicornWorker")
    server = project.start_server("app:app", *words, folder=ROOT / "examples" / "fastapi_app")
    loan = json.dumps({"name": "chard", "count": 2, "card_token": "hunter2"})
    assert post(server, "/loans", loan, "application/json") == (201, {"left": 10})
    answers = get_all(server.address, ["/seeds/chard", "/seeds/oak"], 1)
    assert [answer.status for answer in answers] == [200, 404]
    server.stop()
    assert daemon.terminate() == 0
    lent = names_in(project, "201 POST /loans")
    assert sorted(lent) == sorted(["shelf", "lend", "on_shelf", "write_down", "tidy"])
    begun, ended = request_of(project, "201 POST /loans")
    assert begun["headers"]["content-type"] == "application/json"
    assert (ended["url_pattern"]["route"], ended["url_pattern"]["view_qualname"]) == ("/loans", "app.lend")
    assert ended["body"] == '{"name": "chard", "count": 2, "card_token": "[redacted]"}'
    assert json.loads(ended["content"]) == {"left": 10}
    assert sorted(names_in(project, "200 GET /seeds/chard")) == sorted(["shelf", "seed", "on_shelf", "tidy"])
    check_secret_stays(project, "hunter2")


def test_a_server_under_kolo_probe(project):
    """Contract: with KOLO_PROBE=1 gunicorn's master is a trace, each worker goes on in one of its own that is
    linked to it, and each request is one beside these, which holds the request's calls and no other."""
    daemon = project.start_collector()
    environment = project.environment(PYTHONPATH=str(SHOP), KOLO_PROBE="1")
    server = project.start_server("echo_flask:app", "-w", "2", folder=APPS, environment=environment)
    answers = get_all(server.address, [f"/echo/{n}?hops=2&pause_ms=0" for n in range(8)], 4)
    server.stop()
    assert server.warnings() == []
    assert daemon.terminate() == 0
    found = rows(project.database, "SELECT * FROM trace")
    by_name = {trace["name"]: trace for trace in found if trace["kind"] == "request"}
    (master,) = [trace for trace in found if trace["kind"] == "script"]
    workers = [trace for trace in found if trace["kind"] == "fork"]
    assert {trace["status"] for trace in found} == {"complete"}
    assert len(workers) == 2
    assert len(found) == 3 + len(answers)
    assert {trace["parent_id"] for trace in workers} == {master["id"]}
    assert {trace["parent_id"] for trace in by_name.values()} <= {trace["id"] for trace in workers}
    for answer in answers:
        check_whole(project, by_name[answer.trace_name], answer)

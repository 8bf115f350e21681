"""What is told of urllib3 where the program uses it itself; below requests it is silent."""

from __future__ import annotations

import pytest
import urllib3
from driving import driven

from kolo_probe.processors import http_client
from kolo_probe.processors import urllib3 as ours
from kolo_probe.processors.urllib3 import _full_url

ALL = [*ours.PROCESSORS, *http_client.PROCESSORS]


@pytest.fixture
def pool():
    with urllib3.PoolManager() as one:
        yield one


def test_a_request_is_one_span_with_kolos_fields(server, pool):
    url = f"{server.url}/order?page=2"
    with driven(ALL) as spans:
        response = pool.request("POST", url, body=b"tea", headers={"X-Mine": "1"})
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "http",
        "outbound_http_request",
        "outbound_http_response",
        "urllib3",
        "returned",
    )
    assert span.name == f"200 POST {server.url}/order"
    asked = {"method": "POST", "method_and_full_url": f"POST {url}", "url": url}
    assert span.start == {**asked, "body": "tea", "headers": {"X-Mine": "1"}}
    assert span.end.pop("headers")["Content-Type"] == "application/json"
    assert span.end == {**asked, "body": response.data.decode(), "status_code": 200}


def test_a_body_that_the_program_is_going_to_read_is_left_to_it(server, pool):
    with driven(ALL) as spans:
        response = pool.request("GET", f"{server.url}/long", preload_content=False)
    assert spans[0].end["body"] is None
    assert len(response.read()) == 100_000


def test_a_redirect_is_a_request_of_its_own(server, pool):
    with driven(ALL) as spans:
        pool.request("GET", f"{server.url}/moved")
    assert [span.end["status_code"] for span in spans] == [302, 200]


def test_what_is_tried_again_is_one_span(refusing, pool):
    with driven(ALL) as spans, pytest.raises(urllib3.exceptions.MaxRetryError) as raised:
        pool.request("GET", refusing, retries=2)
    (span,) = spans
    assert (span.outcome, span.end["status_code"]) == ("raised", None)
    assert span.end["exception"] is raised.value


def test_a_timeout_is_told_with_its_exception(server, pool):
    with driven(ALL) as spans, pytest.raises(urllib3.exceptions.ReadTimeoutError):
        pool.request("GET", f"{server.url}/silent", timeout=0.05, retries=False)
    assert type(spans[0].end["exception"]) is urllib3.exceptions.ReadTimeoutError


def test_a_wrapper_of_another_tool_around_it_changes_nothing(server, monkeypatch):
    import requests

    real = urllib3.HTTPConnectionPool.urlopen

    def wrapped(*args, **kwargs):
        return real(*args, **kwargs)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", wrapped)
    with driven(ALL) as spans:
        requests.get(server.url)
    assert spans == []


def test_inside_a_trace_its_headers_are_sent(server, pool, inside_a_trace):
    with driven(ALL):
        pool.request("GET", server.url)
    headers = server.headers()
    assert (headers["traceparent"], headers["tracestate"]) == inside_a_trace


def test_a_header_of_the_program_stays(server, pool, inside_a_trace):
    with driven(ALL):
        pool.request("GET", server.url, headers={"TRACEPARENT": "mine"})
    assert server.headers()["traceparent"] == "mine"


@pytest.mark.parametrize(
    ("pool", "path", "url"),
    [
        (urllib3.HTTPConnectionPool("shop.example"), "/a?next=http://x/", "http://shop.example/a?next=http://x/"),
        (urllib3.HTTPSConnectionPool("shop.example"), "/", "https://shop.example/"),
        (urllib3.HTTPSConnectionPool("shop.example", 444), "/", "https://shop.example:444/"),
        (urllib3.HTTPConnectionPool("[::1]", 80), "/", "http://[::1]/"),
        (urllib3.HTTPConnectionPool("proxy", 3128), "http://shop.example/a", "http://shop.example/a"),
    ],
)  # fmt: skip
def test_the_url_is_the_whole_one(pool, path, url):
    assert _full_url(pool, path) == url

"""What is told of requests: every call of the program once, bodies that have been read, nothing changed."""

from __future__ import annotations

import io

import pytest
import requests
from driving import driven

from kolo_probe.processors import http_client
from kolo_probe.processors import requests as ours
from kolo_probe.processors import urllib3 as below

ALL = [*ours.PROCESSORS, *below.PROCESSORS, *http_client.PROCESSORS]


def test_a_request_is_one_span_with_kolos_fields(server):
    with driven(ALL) as spans:
        response = requests.post(f"{server.url}/order?page=2", json={"name": "tea"}, headers={"X-Mine": "1"})
    (span,) = spans
    url = f"{server.url}/order?page=2"
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "http",
        "outbound_http_request",
        "outbound_http_response",
        "requests",
    )
    assert span.name == f"200 POST {server.url}/order"
    assert span.outcome == "returned"
    headers = span.start.pop("headers")
    assert type(headers) is dict
    assert (headers["X-Mine"], headers["Content-Type"]) == ("1", "application/json")
    assert span.start == {
        "body": '{"name": "tea"}',
        "method": "POST",
        "method_and_full_url": f"POST {url}",
        "url": url,
    }
    assert span.end["headers"]["Content-Type"] == "application/json"
    assert span.end["body"] == response.text
    assert (span.end["status_code"], span.end["url"], span.end["method"]) == (200, url, "POST")
    assert span.end["method_and_full_url"] == f"POST {url}"


def test_a_status_that_is_an_error_is_an_answer(server):
    with driven(ALL) as spans:
        requests.get(f"{server.url}/missing")
    assert (spans[0].end["status_code"], spans[0].end["body"]) == (404, "no such thing")


def test_a_redirect_is_a_request_of_its_own_inside_the_first(server):
    with driven(ALL) as spans:
        requests.get(f"{server.url}/moved")
    first, second = spans
    assert [first.name, second.name] == [f"200 GET {server.url}/moved", f"200 GET {server.url}/here"]
    assert first.end["redirects"] == [{"status_code": 302, "url": f"{server.url}/moved"}]
    assert "redirects" not in second.end


def test_a_refused_connection_is_told_with_its_exception(refusing):
    with driven(ALL) as spans, pytest.raises(requests.ConnectionError) as raised:
        requests.get(refusing)
    (span,) = spans
    assert (span.outcome, span.name) == ("raised", f"GET {refusing}")
    assert span.end["exception"] is raised.value
    assert (span.end["status_code"], span.end["headers"], span.end["body"]) == (None, None, None)


def test_a_timeout_is_told_with_its_exception(server):
    with driven(ALL) as spans, pytest.raises(requests.Timeout):
        requests.get(f"{server.url}/silent", timeout=0.05)
    assert type(spans[0].end["exception"]) is requests.ReadTimeout


def test_a_stream_is_left_to_the_program(server):
    with driven(ALL) as spans:
        response = requests.get(f"{server.url}/long", stream=True)
    assert spans[0].end["body"] == "<Streaming Response>"
    assert sum(len(piece) for piece in response.iter_content(1000)) == 100_000


@pytest.mark.parametrize(
    ("data", "told", "sent"),
    [
        (None, None, b""),
        ("plain", "plain", b"plain"),
        ({"a": "1"}, "a=1", b"a=1"),
        ("é".encode(), "é", b"\xc3\xa9"),
        (b"\xff\x00", "<Binary request body>", b"\xff\x00"),
    ],
)
def test_a_body_is_told_as_text(server, data, told, sent):
    with driven(ALL) as spans:
        requests.post(server.url, data=data)
    assert spans[0].start["body"] == told
    assert server.got[0][3] == sent


def test_a_file_is_not_read(server):
    file = io.BytesIO(b"content")
    with driven(ALL) as spans:
        requests.post(server.url, data=file)
    assert spans[0].start["body"] == "<Streaming request body>"
    assert server.got[0][3] == b"content"


def test_a_form_with_files_is_not_told(server):
    with driven(ALL) as spans:
        requests.post(server.url, data={"password": "hunter2"}, files={"f": b"x"})
    assert spans[0].start["body"] == "<Multipart request body>"


def test_binary_and_long_answers(server):
    with driven(ALL, {"spans.max_text": 100}) as spans:
        requests.get(f"{server.url}/binary")
        requests.get(f"{server.url}/long")
    assert spans[0].end["body"] == "<Binary response body>"
    assert (
        100 < len(spans[1].end["body"]) <= 404
    )  # more than may be recorded, so that the encoder sees the cut
    assert set(spans[1].end["body"]) == {"é"}


def test_the_name_has_neither_query_nor_user(server):
    with driven(ALL) as spans:
        requests.get(server.url.replace("//", "//me:hunter2@") + "/?token=hunter2#part")
    assert spans[0].name == f"200 GET {server.url}/"


def test_inside_a_trace_its_headers_are_sent_and_the_program_sees_none(server, inside_a_trace):
    with driven(ALL):
        response = requests.get(server.url)
    headers = server.headers()
    assert (headers["traceparent"], headers["tracestate"]) == inside_a_trace
    assert "traceparent" not in response.request.headers


def test_a_header_of_the_program_stays(server, inside_a_trace):
    with driven(ALL):
        requests.get(server.url, headers={"TraceParent": "mine"})
    assert server.headers()["traceparent"] == "mine"
    assert "tracestate" not in server.headers()


@pytest.mark.parametrize("config", [{"spans.propagate": False}, None])
def test_without_the_option_or_a_trace_nothing_is_sent(server, request, config):
    if config:
        request.getfixturevalue("inside_a_trace")
    with driven(ALL, config):
        requests.get(server.url)
    assert "traceparent" not in server.headers()


def test_what_a_hook_sends_meanwhile_is_told_too(server):
    def again(response, *args, **kwargs):
        if len(server.got) == 1:
            requests.get(f"{server.url}/second")

    with driven(ALL) as spans:
        requests.get(f"{server.url}/first", hooks={"response": again})
    assert [span.start["url"] for span in spans] == [f"{server.url}/first", f"{server.url}/second"]

"""What is told of aiohttp's client: each call with its redirects, up to the headers of the answer."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from driving import driven

from kolo_probe.processors import aiohttp as ours

ALL = ours.PROCESSORS


def send(method, url, session=None, **more):
    """Sends, reads, and gives (response, body)."""

    async def main():
        async with (
            aiohttp.ClientSession(**(session or {})) as client,
            client.request(method, url, **more) as response,
        ):
            return response, await response.read()

    return asyncio.run(main())


def test_a_request_is_one_span_with_kolos_fields(server):
    with driven(ALL) as spans:
        _, body = send(
            "post", f"{server.url}/order", json={"a": 1}, params={"page": "2"}, headers={"X-Mine": "1"}
        )
    (span,) = spans
    assert b"ok" in body
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "http",
        "outbound_http_request",
        "outbound_http_response",
        "aiohttp",
        "returned",
    )
    assert span.name == f"200 POST {server.url}/order"
    assert span.start == {
        "body": {"a": 1},
        "headers": {"X-Mine": "1"},
        "method": "POST",
        "method_and_full_url": f"POST {server.url}/order",
        "url": f"{server.url}/order",
        "params": {"page": "2"},
    }
    url = f"{server.url}/order?page=2"
    assert span.end.pop("headers")["Content-Type"] == "application/json"
    assert span.end == {
        "body": None,
        "method": "POST",
        "method_and_full_url": f"POST {url}",
        "url": url,
        "status_code": 200,
    }


def test_a_session_has_a_base_and_headers(server):
    with driven(ALL) as spans:
        send("GET", "/order", session={"base_url": server.url, "headers": {"X-Mine": "1"}})
    assert spans[0].start["url"] == f"{server.url}/order"
    assert spans[0].start["headers"] == {"X-Mine": "1"}


def test_redirects_are_told_with_the_call_that_followed_them(server):
    with driven(ALL) as spans:
        send("POST", f"{server.url}/moved", data=b"x")
    (span,) = spans
    assert span.name == f"200 POST {server.url}/moved"
    assert span.end["redirects"] == [{"status_code": 302, "url": f"{server.url}/moved"}]


def test_a_refused_connection_is_told_with_its_exception(refusing):
    with driven(ALL) as spans, pytest.raises(aiohttp.ClientConnectorError) as raised:
        send("GET", refusing)
    assert (spans[0].outcome, spans[0].end["status_code"]) == ("raised", None)
    assert spans[0].end["exception"] is raised.value


def test_a_timeout_is_told_with_its_exception(server):
    with driven(ALL) as spans, pytest.raises(asyncio.TimeoutError):
        send("GET", f"{server.url}/silent", timeout=aiohttp.ClientTimeout(total=0.05))
    assert isinstance(spans[0].end["exception"], asyncio.TimeoutError)


def test_an_address_that_is_none_fails_as_ever():
    with driven(ALL) as spans, pytest.raises(aiohttp.InvalidURL):
        send("GET", "nowhere")
    assert (spans[0].outcome, spans[0].end["url"]) == ("raised", "nowhere")


@pytest.mark.parametrize(
    ("data", "told", "sent"),
    [
        ("plain", "plain", b"plain"),
        (b"\xff\x00", "<Binary request body>", b"\xff\x00"),
        ({"a": "1"}, {"a": "1"}, b"a=1"),
    ],
)
def test_a_body_is_told_as_text_or_as_the_form_it_is(server, data, told, sent):
    with driven(ALL) as spans:
        send("POST", server.url, data=data)
    assert spans[0].start["body"] == told
    assert server.got[0][3] == sent


def test_a_stream_is_left_to_aiohttp(server):
    async def pieces():
        yield b"ab"
        yield b"c"

    with driven(ALL) as spans:
        send("POST", server.url, data=pieces(), headers={"Content-Length": "3"})
    assert spans[0].start["body"] == "<Streaming request body>"
    assert server.got[0][3] == b"abc"


def test_inside_a_trace_its_headers_are_sent(server, inside_a_trace):
    mine = {"X-Mine": "1"}
    with driven(ALL):
        send("GET", f"{server.url}/moved", headers=mine)
    sent = [(headers["traceparent"], headers["tracestate"]) for _, _, headers, _ in server.got]
    assert sent == [inside_a_trace] * 2
    assert mine == {"X-Mine": "1"}


def test_a_header_of_the_program_stays(server, inside_a_trace):
    with driven(ALL):
        send("GET", server.url, headers={"TraceParent": "mine"})
    assert server.headers()["traceparent"] == "mine"
    assert "tracestate" not in server.headers()

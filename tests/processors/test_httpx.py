"""What is told of httpx, by its Client and its AsyncClient alike."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from driving import driven

from kolo_probe.processors import httpx as ours

ALL = ours.PROCESSORS


def request_sync(method, url, transport=None, follow_redirects=True, timeout=5, **more):
    with httpx.Client(transport=transport, follow_redirects=follow_redirects, timeout=timeout) as client:
        return client.request(method, url, **more)


def request_async(method, url, transport=None, follow_redirects=True, timeout=5, **more):
    async def main():
        async with httpx.AsyncClient(
            transport=transport, follow_redirects=follow_redirects, timeout=timeout
        ) as client:
            return await client.request(method, url, **more)

    return asyncio.run(main())


@pytest.fixture(params=[request_sync, request_async])
def send(request):
    return request.param


def test_a_request_is_one_span_with_kolos_fields(server, send):
    url = f"{server.url}/order?page=2"
    with driven(ALL) as spans:
        response = send("POST", url, json={"a": 1}, headers={"X-Mine": "1"})
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "http",
        "outbound_http_request",
        "outbound_http_response",
        "httpx",
        "returned",
    )
    assert span.name == f"200 POST {server.url}/order"
    assert span.start.pop("headers")["X-Mine"] == "1"
    asked = {"method": "POST", "method_and_full_url": f"POST {url}", "url": url}
    assert span.start == {**asked, "body": response.request.content.decode()}
    assert span.end.pop("headers")["Content-Type"] == "application/json"
    assert span.end == {**asked, "body": response.text, "status_code": 200}


def test_redirects_are_told_with_the_call_that_followed_them(server, send):
    with driven(ALL) as spans:
        send("GET", f"{server.url}/moved")
    (span,) = spans
    assert span.name == f"200 GET {server.url}/moved"
    assert span.end["redirects"] == [{"status_code": 302, "url": f"{server.url}/moved"}]


def test_a_request_without_a_body_and_a_binary_answer(server, send):
    with driven(ALL) as spans:
        send("GET", f"{server.url}/binary")
    assert (spans[0].start["body"], spans[0].end["body"]) == (None, "<Binary response body>")


def test_a_refused_connection_is_told_with_its_exception(refusing, send):
    with driven(ALL) as spans, pytest.raises(httpx.ConnectError) as raised:
        send("GET", refusing)
    assert (spans[0].outcome, spans[0].end["status_code"]) == ("raised", None)
    assert spans[0].end["exception"] is raised.value


def test_a_timeout_is_told_with_its_exception(server, send):
    with driven(ALL) as spans, pytest.raises(httpx.ReadTimeout):
        send("GET", f"{server.url}/silent", timeout=0.05)
    assert type(spans[0].end["exception"]) is httpx.ReadTimeout


def test_streams_are_left_to_the_program(server):
    with (
        driven(ALL) as spans,
        httpx.Client() as client,
        client.stream("POST", f"{server.url}/long", content=iter([b"ab", b"c"])) as response,
    ):
        assert not response.is_stream_consumed
        assert sum(map(len, response.iter_raw())) == 100_000
    assert spans[0].start["body"] == "<Streaming request body>"
    assert spans[0].end["body"] == "<Streaming Response>"
    assert len(server.got) == 1


def test_an_asynchronous_stream_is_left_to_the_program(server):
    async def main():
        async with httpx.AsyncClient() as client, client.stream("GET", f"{server.url}/long") as response:
            return sum([len(piece) async for piece in response.aiter_raw()])

    with driven(ALL) as spans:
        assert asyncio.run(main()) == 100_000
    assert spans[0].end["body"] == "<Streaming Response>"


def test_inside_a_trace_its_headers_are_sent_and_the_program_sees_none(server, send, inside_a_trace):
    with driven(ALL):
        response = send("GET", f"{server.url}/moved")
    sent = [(headers["traceparent"], headers["tracestate"], len(headers)) for _, _, headers, _ in server.got]
    assert sent == [(*inside_a_trace, len(response.request.headers) + 2)] * 2
    assert "traceparent" not in response.request.headers


def test_a_header_of_the_program_stays(server, send, inside_a_trace):
    with driven(ALL):
        send("GET", server.url, headers={"TraceParent": "mine"})
    assert server.headers()["traceparent"] == "mine"
    assert "tracestate" not in server.headers()


def test_a_transport_without_a_network_gets_what_the_program_sent(send, inside_a_trace):
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(204)

    with driven(ALL) as spans:
        send("GET", "http://shop.example/", transport=httpx.MockTransport(answer))
    assert "traceparent" not in seen[0].headers
    assert spans[0].name == "204 GET http://shop.example/"

"""What is told of urllib.request: each request that is sent, and of its answer no byte of the body."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest
from driving import driven

from kolo_probe.processors import http_client
from kolo_probe.processors import urllib as ours

ALL = [*ours.PROCESSORS, *http_client.PROCESSORS]


def test_a_request_is_one_span_with_kolos_fields(server):
    url = f"{server.url}/order?page=2"
    request = urllib.request.Request(url, data=b"a=1", headers={"X-Mine": "1"})
    with driven(ALL) as spans, urllib.request.urlopen(request) as response:
        assert b"ok" in response.read()
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "http",
        "outbound_http_request",
        "outbound_http_response",
        "urllib",
        "returned",
    )
    assert span.name == f"200 POST {server.url}/order"
    assert span.start.pop("headers")["X-mine"] == "1"
    asked = {"method": "POST", "method_and_full_url": f"POST {url}", "url": url}
    assert span.start == {**asked, "body": "a=1"}
    assert span.end.pop("headers")["Content-Type"] == "application/json"
    assert span.end == {**asked, "body": None, "status_code": 200}


def test_a_redirect_and_an_error_are_answers(server):
    with driven(ALL) as spans:
        urllib.request.urlopen(f"{server.url}/moved").close()
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{server.url}/missing")
    assert [span.end["status_code"] for span in spans] == [302, 200, 404]
    assert raised.value.read() == b"no such thing"


def test_a_refused_connection_is_told_with_its_exception(refusing):
    with driven(ALL) as spans, pytest.raises(urllib.error.URLError) as raised:
        urllib.request.urlopen(refusing)
    assert (spans[0].outcome, spans[0].end["status_code"]) == ("raised", None)
    assert spans[0].end["exception"] is raised.value


def test_a_timeout_is_told_with_its_exception(server):
    with driven(ALL) as spans, pytest.raises(OSError, match="timed out"):
        urllib.request.urlopen(f"{server.url}/silent", timeout=0.05)
    assert str(spans[0].end["exception"]) == "timed out"


def test_an_iterator_is_sent_unread_by_us(server):
    request = urllib.request.Request(server.url, data=iter([b"ab", b"c"]), headers={"Content-Length": "3"})
    with driven(ALL) as spans:
        urllib.request.urlopen(request).close()
    assert spans[0].start["body"] == "<Streaming request body>"
    assert server.got[0][3] == b"abc"


def test_inside_a_trace_its_headers_are_sent_and_the_program_sees_none(server, inside_a_trace):
    request = urllib.request.Request(server.url)
    with driven(ALL):
        urllib.request.urlopen(request).close()
    headers = server.headers()
    assert (headers["traceparent"], headers["tracestate"]) == inside_a_trace
    assert not request.has_header("Traceparent")


def test_a_header_of_the_program_stays(server, inside_a_trace):
    request = urllib.request.Request(server.url, headers={"traceparent": "mine"})
    with driven(ALL):
        urllib.request.urlopen(request).close()
    assert server.headers()["traceparent"] == "mine"


def test_http_client_itself_sends_them_too_on_each_request_of_a_connection(server, inside_a_trace):
    connection = http.client.HTTPConnection(*server.server_address)
    with driven(ALL) as spans:
        for _ in range(2):
            connection.request("POST", "/", body=b"x", headers={"X-Mine": "1"})
            connection.getresponse().read()
    connection.close()
    assert spans == []
    assert [headers["traceparent"] for _, _, headers, _ in server.got] == [inside_a_trace[0]] * 2
    assert [(headers["X-Mine"], body) for _, _, headers, body in server.got] == [("1", b"x")] * 2


def test_a_connection_that_is_used_wrongly_says_so_as_ever(server, inside_a_trace):
    connection = http.client.HTTPConnection(*server.server_address)
    with driven(ALL), pytest.raises(http.client.CannotSendHeader):
        connection.endheaders()
    connection.request("GET", "/")  # nothing of ours lies in its buffer
    assert connection.getresponse().status == 200
    connection.close()
    assert "traceparent" not in server.headers()


def test_a_class_of_the_program_is_not_called_for_our_headers(server, inside_a_trace):
    class Counting(http.client.HTTPConnection):
        put = 0

        def putheader(self, header, *values):
            self.put += 1
            super().putheader(header, *values)

    connection = Counting(*server.server_address)
    with driven(ALL):
        connection.request("GET", "/", headers={"X-Mine": "1"})
        connection.getresponse().read()
    connection.close()
    assert connection.put == 3  # Host, Accept-Encoding and its own
    assert server.headers()["traceparent"] == inside_a_trace[0]


def test_a_proxy_is_not_told_with_connect(server, inside_a_trace):
    """Only the request inside the tunnel carries headers; there is none here, as the proxy refuses."""
    connection = http.client.HTTPConnection(*server.server_address)
    connection.set_tunnel("example.invalid", 443)
    with driven(ALL), pytest.raises(OSError, match="501"):
        connection.request("GET", "/")
    assert server.got == []

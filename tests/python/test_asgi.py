"""The ASGI middleware: what a request's trace is called, when it ends, what is told of it, and that what
application and server say to each other stays as it is. Plain applications here; test_fastapi.py has
frameworks."""

from __future__ import annotations

import asyncio

import pytest

from kolo_probe import asgi
from kolo_probe.asgi import KoloMiddleware

GROUP = "0af7651916cd43dd8448eb211c80319c"


def scope_of(path="/page", **more):
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], **more}


async def ask(application, scope=None, received=(), sent=None):
    """What a server does with one request; the messages that the application has sent."""
    messages = iter([*received, {"type": "http.disconnect"}])
    sent = [] if sent is None else sent

    async def receive():
        await asyncio.sleep(0)
        return next(messages)

    async def send(message):
        await asyncio.sleep(0)
        sent.append(message)

    await application(scope_of() if scope is None else scope, receive, send)
    return sent


def current_trace():
    from kolo_probe import _probe

    return _probe.current_trace()


def start(status=201, headers=()):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(body, more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


async def page(scope, receive, send):
    await send(start(headers=[(b"content-type", b"text/plain")]))
    await send(part(b"page"))


def get(application=page, **more):
    return asyncio.run(ask(KoloMiddleware(application), scope_of(**more)))


def test_a_request_is_a_trace_named_by_method_path_and_status(probe):
    assert get(query_string=b"token=secret") == [
        start(headers=[(b"content-type", b"text/plain")]), part(b"page")
    ]  # fmt: skip
    assert probe.calls == [("begin", 1, "request", "GET /page"), ("end", 1)]
    assert probe.begun() == ["201 GET /page"]


def test_its_span_tells_of_request_and_response(probe):
    get(
        scheme="https",
        query_string=b"page=2&tag=a&tag=b&token=",
        headers=[(b"x-api-key", b"k"), (b"accept", b"a"), (b"accept", b"b")],
    )
    (span,) = probe.spans
    assert (span["kind"], span["name"], span["outcome"]) == ("request", "201 GET /page", "returned")
    assert span["types"] == ["http_request", "http_response"]
    assert span["start"] == {
        "method": "GET",
        "path_info": "/page",
        "query_params": {"page": "2", "tag": ["a", "b"], "token": ""},
        "scheme": "https",
        "headers": {"x-api-key": "k", "accept": "a, b"},
    }
    assert span["end"].pop("ms_duration") > 0
    assert span["end"] == {
        "status_code": 201,
        "headers": {"content-type": "text/plain"},
        "content": "page",
        "body": None,
        "url_pattern": None,
    }


def asking(*bodies, content_type=b"application/json"):
    """A request with a body in parts: its scope and messages."""
    last = len(bodies) - 1
    messages = [
        {"type": "http.request", "body": body, "more_body": at < last} for at, body in enumerate(bodies)
    ]
    return scope_of(method="POST", headers=[(b"content-type", content_type)]), messages


@pytest.mark.parametrize(
    ("reads", "asked", "told"),
    [
        (0, asking(b'{"a": 1}'), None),
        (1, asking(b'{"a": 1}'), '{"a": 1}'),
        (1, asking(b'{"a"', b": 1}"), '{"a"'),
        (2, asking(b'{"a"', b": 1}"), '{"a": 1}'),
        (1, asking(b""), ""),
        (1, asking(b"\x00\x01", content_type=b"image/png"), "<Binary request body>"),
        (1, asking(b"--x", content_type=b"multipart/form-data; boundary=x"), "<Multipart request body>"),
        (1, asking("é".encode() * 20_000), "é" * 16_386),  # more than is told, cut between characters
    ],
)
def test_of_its_body_is_told_what_the_application_has_read(probe, reads, asked, told):
    got = []

    async def app(scope, receive, send):
        for _ in range(reads):
            got.append(await receive())
        await page(scope, receive, send)

    scope, messages = asked
    asyncio.run(ask(KoloMiddleware(app), scope, messages))
    assert got == messages[:reads]
    assert probe.spans[0]["end"]["body"] == told


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([b"\x89PNG\xff"], "<Binary response body>"),
        ([b""], ""),
        ([b"whole", b""], "whole"),  # as Starlette's BaseHTTPMiddleware sends every response
        ([b"one", b"two"], "<Streaming Response>"),
    ],
)
def test_an_answer_is_told_where_it_is_one_piece(probe, parts, content):
    async def app(scope, receive, send):
        await send(start())
        for at, body in enumerate(parts):
            await send(part(body, more=at < len(parts) - 1))

    get(app)
    assert probe.spans[0]["end"]["content"] == content


def test_the_span_ends_with_the_response_the_trace_with_what_is_done_behind_it(probe):
    seen = []

    async def app(scope, receive, send):
        await page(scope, receive, send)
        seen.append((probe.spans[0]["end"] is not None, current_trace()))

    get(app)
    assert seen == [(True, 1)]
    assert probe.live == set()


def test_a_stream_is_part_of_it_but_not_for_ever(probe, monkeypatch):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(asgi, "monotonic", lambda: next(clock))
    seen = []

    async def app(scope, receive, send):
        await send(start(200))
        for _ in range(4):
            seen.append(current_trace())
            await send(part(b"event", more=True))
        await send(part(b""))

    get(app)
    assert seen == [1, 1, 0, 0]  # one part after 20 s, one after 40 s
    assert probe.begun() == ["200 GET /page"]
    assert probe.spans[0]["end"]["content"] == "<Streaming Response>"


def test_an_application_that_raises_is_a_500_and_its_exception_goes_on(probe):
    error = ValueError("below")

    async def app(scope, receive, send):
        raise error

    with pytest.raises(ValueError, match="below") as caught:
        get(app)
    assert caught.value is error
    assert probe.begun() == ["500 GET /page"]
    assert (probe.spans[0]["outcome"], probe.spans[0]["end"]["exception"]) == ("raised", error)
    assert probe.spans[0]["end"]["content"] is None
    assert probe.live == set()


def test_what_raises_behind_the_response_keeps_its_status(probe):
    async def app(scope, receive, send):
        await page(scope, receive, send)
        raise ValueError("behind")

    with pytest.raises(ValueError, match="behind"):
        get(app)
    assert probe.begun() == ["201 GET /page"]
    assert probe.spans[0]["outcome"] == "returned"


def test_a_client_that_goes_away_ends_the_trace(probe):
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    async def cancel():
        task = asyncio.ensure_future(ask(KoloMiddleware(app)))
        await asyncio.sleep(0)
        assert len(probe.live) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert probe.begun() == ["GET /page"]
    assert probe.live == set()


def test_an_application_that_learns_of_it_and_answers_nothing(probe):
    async def app(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"

    assert get(app) == []
    assert probe.begun() == ["GET /page"]


def test_a_server_that_refuses_the_answer(probe):
    async def app(scope, receive, send):
        with pytest.raises(OSError, match="gone"):
            await page(scope, receive, send)

    async def send(message):
        raise OSError("gone")

    asyncio.run(KoloMiddleware(app)(scope_of(), None, send))
    assert probe.begun() == ["GET /page"]


def test_requests_at_once_are_traces_apart(probe):
    seen = []

    async def app(scope, receive, send):
        for _ in range(3):
            seen.append((scope["path"], current_trace()))
            await asyncio.sleep(0.001)
        await page(scope, receive, send)

    async def many():
        traced = KoloMiddleware(app)
        await asyncio.gather(*(ask(traced, scope_of(f"/{n}")) for n in range(8)))

    asyncio.run(many())
    assert len(set(seen)) == 8
    assert len({trace for _, trace in seen}) == 8
    assert sorted(probe.begun()) == [f"201 GET /{n}" for n in range(8)]
    assert probe.live == set()


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "of a later version"])
def test_what_is_no_http_request_is_handed_through(probe, kind):
    async def receive(): ...

    async def send(message): ...

    async def app(scope, has_receive, has_send):
        assert (has_receive, has_send) == (receive, send)
        assert current_trace() == 0
        return "what it returns"

    assert asyncio.run(KoloMiddleware(app)({"type": kind, "path": "/"}, receive, send)) == "what it returns"
    assert probe.calls == []


def test_ignored_paths_are_not_traced(probe, tmp_path):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("[filters]\nignore_request_paths = ['/pa', 'other']\n")
    assert len(get()) == 2
    assert len(get(path="/image")) == 2
    assert probe.begun() == ["201 GET /image"]


def test_disabled_it_hands_everything_through(probe, monkeypatch):
    monkeypatch.setenv("KOLO_DISABLE", "1")
    assert len(get()) == 2
    assert probe.calls == []


def test_a_request_that_is_refused_a_trace_is_answered(probe):
    probe.refuse = True
    assert len(get()) == 2
    assert (probe.calls, probe.spans) == ([], [])


def test_the_trace_that_asked_is_its_parent(probe):
    asked = [
        (b"traceparent", f"00-{GROUP}-b7ad6b7169203331-01".encode()),
        (b"tracestate", b"kolo=trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY"),
    ]
    get(headers=asked)
    get(headers=[(b"traceparent", b"nonsense")])
    assert probe.links == [("trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY", GROUP), (None, None)]


@pytest.mark.parametrize(
    "hostile",
    [
        {"query_string": b"&=&%zz&a=%ff\xff&" + b"x=1&" * 5000},
        {"query_string": None},
        {"headers": None},
        {"headers": [(b"\xff", b"\x00")] * 1000},
        {"path": "/\ud800"},
        {"path": None},
        {"method": None},
        {"route": object(), "endpoint": object(), "path_params": 3},
    ],
)
def test_a_request_of_any_form_is_answered(probe, hostile):
    assert len(get(**hostile)) == 2
    assert probe.live == set()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.body", "body": None},
        {"type": "http.response.body", "body": bytearray(b"x")},
        {"type": "http.response.body", "body": memoryview(b"x")},
        {"type": "http.response.start", "status": "fine", "headers": 3},
        {"type": None},
        {},
        None,
    ],
)
def test_messages_of_any_form_reach_the_server(probe, message):
    async def app(scope, receive, send):
        await send(start(200))
        await send(message)

    assert get(app) == [start(200), message]
    assert probe.begun() == ["200 GET /page"]
    assert probe.live == set()

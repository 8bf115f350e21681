"""The WSGI middleware: what a request's trace is called, when it ends, what is told of it, and that
applications, responses and servers go on as without it. Plain applications here; test_flask.py has Flask."""

from __future__ import annotations

import gc
import io
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from kolo_probe.wsgi import KoloMiddleware

GROUP = "0af7651916cd43dd8448eb211c80319c"


def environ_of(path="/page", query="", **more):
    environ = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query, **more}
    setup_testing_defaults(environ)
    return environ


class Server:
    """What a server does: takes the status, asks for the parts, closes."""

    def __init__(self, application):
        self.application = application
        self.status = None

    def start_response(self, status, headers, exc_info=None):
        self.status = status
        return self.written.append

    def begin(self, **environ):
        self.written = []
        return self.application(environ_of(**environ), self.start_response)

    def get(self, **environ):
        body = self.begin(**environ)
        try:
            whole = b"".join(body)
            return self.status, whole
        finally:
            if hasattr(body, "close"):
                body.close()


def page(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/plain")])
    return [b"pa", b"ge"]


def get(application=page, **environ):
    return Server(KoloMiddleware(application)).get(**environ)


def test_a_request_is_a_trace_named_by_method_path_and_status(probe):
    assert get(path="/page", query="token=secret") == ("201 Created", b"page")
    assert probe.calls == [("begin", 1, "request", "GET /page"), ("end", 1)]
    assert probe.begun() == ["201 GET /page"]


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"path": "/a/", "SCRIPT_NAME": "/shop"}, "201 GET /shop/a/"),
        ({"path": ""}, "201 GET /"),
        ({"path": "/caf\xc3\xa9"}, "201 GET /café"),  # UTF-8 in the guise of Latin-1
        ({"path": "/\xff\xfe"}, "201 GET /\ufffd\ufffd"),
        ({"path": "/\ud800"}, "201 GET /?"),
        ({"REQUEST_METHOD": "PROPFIND"}, "201 PROPFIND /page"),
    ],
)
def test_its_name_whatever_the_path(probe, environ, name):
    assert get(**environ)[0] == "201 Created"
    assert probe.begun() == [name]


def test_its_span_tells_of_request_and_response(probe):
    get(
        query="page=2&tag=a&tag=b&token=",
        HTTP_X_API_KEY="k", HTTP_HOST="shop.example", CONTENT_TYPE="text/css",
    )  # fmt: skip
    (span,) = probe.spans
    assert (span["kind"], span["name"], span["outcome"]) == ("request", "201 GET /page", "returned")
    assert span["types"] == ["http_request", "http_response"]
    assert span["start"] == {
        "method": "GET",
        "path_info": "/page",
        "query_params": {"page": "2", "tag": ["a", "b"], "token": ""},
        "scheme": "http",
        "headers": {"X-Api-Key": "k", "Host": "shop.example", "Content-Type": "text/css"},
    }
    assert span["end"].pop("ms_duration") > 0
    assert span["end"] == {
        "status_code": 201,
        "headers": {"Content-Type": "text/plain"},
        "content": "page",
        "body": None,
        "post_data": None,
        "url_pattern": None,
    }


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([b"\x89PNG\xff"], "<Binary response body>"),
        ([b""], ""),
        ((b"a", b"b"), "ab"),
        (iter([b"a"]), "<Streaming Response>"),
        ([b"x" * 100_000], "x" * 32772),  # more than is told: the encoder cuts it, and knows that it does
    ],
)
def test_a_body_is_told_where_it_lies_there(probe, parts, content):
    def app(environ, start_response):
        start_response("200 OK", [])
        return parts

    get(app)
    assert probe.spans[0]["end"]["content"] == content


def test_the_request_is_not_read(probe):
    body = io.BytesIO(b"name=value")

    def app(environ, start_response):
        assert environ["wsgi.input"] is body
        return page(environ, start_response)

    get(app, REQUEST_METHOD="POST", **{"wsgi.input": body})
    assert body.tell() == 0


def test_what_the_application_returns_is_what_the_server_gets(probe):
    """A list of one part, whose length servers ask for; their file wrapper, which they send by sendfile."""
    made = [b"one"]

    def app(environ, start_response):
        start_response("200 OK", [])
        return made

    assert Server(KoloMiddleware(app)).begin() is made
    assert probe.live == set()  # nobody has closed anything


def test_the_environment_is_left_as_it_was(probe):
    environ = environ_of()
    before = dict(environ)
    KoloMiddleware(page)(environ, lambda status, headers: None)
    assert environ == before


def test_write_and_exc_info_come_through(probe):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError as error:
            write = start_response("500 Oops", [], exc_info=(type(error), error, None))
        write(b"written")
        return []

    server = Server(KoloMiddleware(app))
    assert (server.get(), server.written) == (("500 Oops", b""), [b"written"])
    assert probe.begun() == ["500 GET /page"]


def test_an_application_that_raises_is_a_500_and_its_exception_goes_on(probe):
    error = ValueError("below")

    def app(environ, start_response):
        raise error

    with pytest.raises(ValueError, match="below") as caught:
        get(app)
    assert caught.value is error
    assert probe.begun() == ["500 GET /page"]
    assert (probe.spans[0]["outcome"], probe.spans[0]["end"]["exception"]) == ("raised", error)
    assert probe.live == set()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_when_the_worker_is_stopped_the_trace_ends_without_a_status(probe, kind):
    def app(environ, start_response):
        raise kind

    with pytest.raises(kind):
        get(app)
    assert probe.begun() == ["GET /page"]
    assert probe.live == set()


# --- applications that do nothing before they are asked for the first part -------------------------


def late(environ, start_response):
    from kolo_probe import _probe

    environ["seen"].append(_probe.current_trace())
    yield b""  # there is no response yet
    environ["seen"].append(_probe.current_trace())
    start_response("202 Accepted", [])
    yield b"first"
    environ["seen"].append(_probe.current_trace())
    yield b"second"


def test_the_trace_of_a_generator_ends_with_its_first_part_and_the_server_runs_outside_it(probe):
    seen = []
    server = Server(KoloMiddleware(late))
    body = server.begin(seen=seen)
    between = [probe.current_trace()]
    for part in body:
        between.append((part, probe.current_trace()))
    body.close()
    assert seen == [1, 1, 0]
    assert between == [0, (b"", 0), (b"first", 0), (b"second", 0)]
    assert probe.begun() == ["202 GET /page"]
    assert probe.spans[0]["end"]["content"] == "<Streaming Response>"


def test_a_generator_that_raises_first(probe):
    def app(environ, start_response):
        raise ValueError("in the generator")
        yield

    with pytest.raises(ValueError, match="in the generator"):
        get(app)
    assert probe.begun() == ["500 GET /page"]
    assert probe.live == set()


def test_a_generator_that_is_closed_before_its_first_part(probe):
    closed = []

    def app(environ, start_response):
        try:
            yield b""
        finally:
            closed.append(True)

    body = Server(KoloMiddleware(app)).begin()
    assert next(body) == b""
    body.close()
    assert closed == [True]
    assert probe.begun() == ["GET /page"]
    assert probe.live == set()


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_the_trace_ends_though_the_server_never_closes(probe, parts):
    body = Server(KoloMiddleware(late)).begin(seen=[])
    for _ in range(parts):
        next(body)
    del body
    gc.collect()
    assert probe.live == set()
    assert probe.begun() == ["202 GET /page" if parts == 2 else "GET /page"]


def test_requests_at_once_in_one_thread_are_traces_apart(probe):
    """As greenlets are, and servers that ask for parts of several bodies in turn."""
    first, second = [], []
    server = Server(KoloMiddleware(late))
    bodies = [server.begin(seen=first), server.begin(seen=second)]
    for _ in range(3):
        for body in bodies:
            next(body)
    assert (first, second) == ([1, 1, 0], [2, 2, 0])
    assert probe.begun() == ["202 GET /page"] * 2


# --- what is not traced, and links -----------------------------------------------------------------


def test_ignored_paths_are_not_traced(probe, tmp_path):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("[filters]\nignore_request_paths = ['/pa', 'other']\n")
    assert get()[0] == "201 Created"
    assert get(path="/image")[0] == "201 Created"
    assert probe.begun() == ["201 GET /image"]


def test_without_spans_there_is_the_trace(probe, tmp_path):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("spans.enabled = false\n")
    get()
    assert (probe.begun(), probe.spans) == (["201 GET /page"], [])


def test_disabled_it_hands_everything_through(probe, monkeypatch):
    monkeypatch.setenv("KOLO_DISABLE", "1")

    def app(environ, start_response):
        assert start_response.__name__ == "start_response"
        assert not any(key.startswith("kolo") for key in environ)
        return page(environ, start_response)

    assert get(app) == ("201 Created", b"page")
    assert probe.calls == []


def test_a_request_that_is_refused_a_trace_is_answered(probe):
    probe.refuse = True
    assert get() == ("201 Created", b"page")
    assert (probe.calls, probe.spans) == ([], [])


def test_the_trace_that_asked_is_its_parent(probe):
    get(
        HTTP_TRACEPARENT=f"00-{GROUP}-b7ad6b7169203331-01",
        HTTP_TRACESTATE="kolo=trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY",
    )
    get(HTTP_TRACEPARENT="nonsense")
    assert probe.links == [("trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY", GROUP), (None, None)]


@pytest.mark.parametrize(
    "hostile",
    [
        {"QUERY_STRING": "&=&%zz&a=%ff&" + "x=1&" * 5000},
        {"QUERY_STRING": None},
        {"PATH_INFO": None},
        {"REQUEST_METHOD": b"GET"},
        {"CONTENT_TYPE": None},
    ],
)
def test_a_request_of_any_form_is_answered(probe, warned, hostile):
    server = Server(KoloMiddleware(page))
    server.written = []
    body = server.application({**environ_of(), **hostile}, server.start_response)
    assert (server.status, body) == ("201 Created", [b"pa", b"ge"])
    assert probe.live == set()


@pytest.mark.parametrize("status", ["", "abc", "٢٠٠ OK", None])
def test_a_status_that_is_none_is_the_servers_business(probe, status):
    def app(environ, start_response):
        start_response(status, None)
        return [b""]

    assert get(app) == (status, b"")
    assert probe.begun() == ["GET /page"]


def late_by_one(environ, start_response):
    start_response("202 Accepted", [])
    yield b"first"


@pytest.mark.parametrize("application", [page, late_by_one])
def test_it_speaks_wsgi_as_the_specification_has_it(probe, application):
    """PEP 3333's own checker, on both sides of the middleware."""

    def app(environ, start_response):
        def start(status, headers):
            return start_response(status, [("Content-Type", "text/plain")])

        return application(environ, start)

    checked = validator(KoloMiddleware(validator(app)))
    assert Server(checked).get()[0] in ("201 Created", "202 Accepted")
    assert probe.live == set()

"""Flask: what of its own a request's span tells, and that applications behave as without it."""

from __future__ import annotations

import flask
import pytest

import kolo_probe.flask
from kolo_probe.wsgi import KoloMiddleware

GROUP = "0af7651916cd43dd8448eb211c80319c"


def in_trace():
    from kolo_probe import _probe

    return str(_probe.current_trace())


def application():
    app = flask.Flask(__name__)
    api = flask.Blueprint("api", __name__, url_prefix="/api")

    @app.get("/items/<int:number>")
    def item(number):
        return {"number": number, "in trace": in_trace()}

    @api.post("/login")
    def login():
        return flask.request.form.get("user", "nobody")

    @api.post("/json")
    def as_json():
        return {"asked": flask.request.json["ask"]}

    @api.post("/unread")
    def unread():
        assert flask.request.stream is not None
        return "unread"

    @app.get("/fails")
    def fails():
        raise ValueError("in the view")

    @app.get("/stream")
    def stream():
        return flask.Response(flask.stream_with_context(part() for part in [in_trace] * 2))

    app.register_blueprint(api)
    return app


@pytest.fixture
def client(probe):
    app = application()
    kolo_probe.flask.init_app(app)
    return app.test_client()


def test_a_request_is_a_trace_that_its_view_runs_in(probe, client):
    answer = client.get("/items/3?page=2")
    assert (answer.status_code, answer.json) == (200, {"number": 3, "in trace": "1"})
    assert probe.calls == [("begin", 1, "request", "GET /items/3"), ("end", 1)]
    assert probe.begun() == ["200 GET /items/3"]


def test_its_span_tells_the_route_and_the_view(probe, client):
    client.get("/items/3?page=2")
    (span,) = probe.spans
    assert span["start"]["query_params"] == {"page": "2"}
    assert span["end"]["url_pattern"] == {
        "namespace": "",
        "route": "/items/<int:number>",
        "route_params": {"number": 3},
        "url_name": "item",
        "view_qualname": "test_flask.application.<locals>.item",
    }
    assert '"number":3' in span["end"]["content"].replace(" ", "")
    assert (span["end"]["body"], span["end"]["post_data"]) == (None, None)


def test_a_blueprint_is_the_namespace_and_a_form_that_was_read_is_told(probe, client):
    assert client.post("/api/login", data={"user": "ann", "password": "hunter2"}).text == "ann"
    (span,) = probe.spans
    assert span["end"]["url_pattern"]["namespace"] == "api"
    assert span["end"]["url_pattern"]["url_name"] == "api.login"
    # By name, so that the encoder takes the secret out.
    assert span["end"]["post_data"] == {"user": ["ann"], "password": ["hunter2"]}
    assert span["end"]["body"] is None


def test_a_body_that_was_read_is_told(probe, client):
    assert client.post("/api/json", json={"ask": "why"}).json == {"asked": "why"}
    assert probe.spans[0]["end"]["body"].replace(" ", "") == '{"ask":"why"}'


def test_a_body_that_was_not_read_is_not_read_for_us(probe, client):
    assert client.post("/api/unread", data={"user": "ann"}).text == "unread"
    assert (probe.spans[0]["end"]["body"], probe.spans[0]["end"]["post_data"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "name", "route"),
    [
        ("/fails", "500 GET /fails", "/fails"),
        ("/nowhere", "404 GET /nowhere", None),
        ("/api/login", "405 GET /api/login", None),
    ],
)
def test_an_error_is_a_request_too(probe, client, path, name, route):
    client.get(path)
    assert probe.begun() == [name]
    assert (probe.spans[0]["end"]["url_pattern"] or {}).get("route") == route
    assert probe.spans[0]["outcome"] == "returned"
    assert probe.live == set()


def test_an_exception_that_flask_lets_through_goes_on(probe):
    app = application()
    app.testing = True
    kolo_probe.flask.init_app(app)
    with pytest.raises(ValueError, match="in the view"):
        app.test_client().get("/fails")
    assert probe.begun() == ["500 GET /fails"]
    assert probe.spans[0]["outcome"] == "raised"
    assert probe.live == set()


def test_a_stream_is_not_part_of_it(probe, client):
    assert client.get("/stream").text == "00"
    assert probe.begun() == ["200 GET /stream"]
    assert probe.spans[0]["end"]["content"] == "<Streaming Response>"


def test_a_second_call_changes_nothing(probe, client):
    kolo_probe.flask.init_app(client.application)
    client.get("/items/3")
    assert probe.begun() == ["200 GET /items/3"]


def test_the_wsgi_middleware_alone_tells_all_but_the_view_and_the_answer(probe):
    app = application()
    app.wsgi_app = KoloMiddleware(app.wsgi_app)
    app.test_client().post("/api/login", data={"user": "ann"})
    (span,) = probe.spans
    assert span["end"]["url_pattern"]["route"] == "/api/login"
    assert span["end"]["url_pattern"]["view_qualname"] is None
    assert span["end"]["post_data"] == {"user": ["ann"]}
    assert span["end"]["content"] == "<Streaming Response>"


def test_disabled_flask_answers(probe, monkeypatch):
    monkeypatch.setenv("KOLO_DISABLE", "1")
    app = application()
    kolo_probe.flask.init_app(app)
    assert app.test_client().get("/items/3").json["in trace"] == "0"
    assert probe.calls == []

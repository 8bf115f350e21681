"""FastAPI, Starlette and Quart under the ASGI middleware, through the frameworks' own test clients."""

from __future__ import annotations

import asyncio

import pytest
import starlette
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.routing import APIRouter
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kolo_probe.asgi import KoloMiddleware

notes = []  # (what ran, the trace it ran in)


def note(what):
    from kolo_probe import _probe

    notes.append((what, _probe.current_trace()))


@pytest.fixture(autouse=True)
def no_notes():
    notes.clear()


def dependency():
    note("dependency begins")
    yield "connection"
    note("dependency ends")


def application():
    app = FastAPI()
    app.add_middleware(KoloMiddleware)
    router = APIRouter(prefix="/orders")

    @app.get("/items/{number}")
    async def item(number: int):
        note("view")
        return {"number": number}

    @app.get("/in-a-thread")
    def in_a_thread(connection: str = Depends(dependency)):
        note("view")
        return connection

    @router.post("/{kind}")
    async def order(kind: str, request: Request, tasks: BackgroundTasks):
        tasks.add_task(note, "background task")
        return await request.json()

    @app.get("/fails")
    async def fails():
        raise ValueError("in the view")

    @app.get("/stream")
    async def stream():
        async def parts():
            note("first")
            yield "first"
            note("second")
            yield "second"

        return StreamingResponse(parts())

    @app.websocket("/socket")
    async def socket(websocket):
        await websocket.accept()
        note("socket")
        await websocket.close()

    app.include_router(router, prefix="/v1")
    return app


@pytest.fixture
def client(probe):
    return TestClient(application(), raise_server_exceptions=False)


def test_a_request_is_a_trace_that_its_view_runs_in(probe, client):
    assert client.get("/items/3?page=2").json() == {"number": 3}
    assert notes == [("view", 1)]
    assert probe.calls == [("begin", 1, "request", "GET /items/3"), ("end", 1)]
    assert probe.begun() == ["200 GET /items/3"]
    (span,) = probe.spans
    assert span["start"]["query_params"] == {"page": "2"}
    assert span["end"]["content"] == '{"number":3}'
    assert span["end"]["url_pattern"] == {
        "namespace": None,
        "route": "/items/{number}",
        "route_params": {"number": "3"},
        "url_name": "item",
        "view_qualname": "test_fastapi.application.<locals>.item",
    }


def test_a_view_in_a_thread_and_the_exit_of_its_dependencies_are_part_of_it(probe, client):
    assert client.get("/in-a-thread").json() == "connection"
    assert sorted(notes) == [("dependency begins", 1), ("dependency ends", 1), ("view", 1)]
    assert probe.begun() == ["200 GET /in-a-thread"]
    assert probe.live == set()


def test_so_are_background_tasks_and_a_body_that_was_read_is_told(probe, client):
    assert client.post("/v1/orders/new", json={"a": 1}).json() == {"a": 1}
    assert notes == [("background task", 1)]
    (span,) = probe.spans
    assert span["end"]["body"].replace(" ", "") == '{"a":1}'
    # The router's own prefix and the one that it is included with.
    assert span["end"]["url_pattern"]["route"] == "/v1/orders/{kind}"


def test_so_is_a_stream(probe, client):
    assert client.get("/stream").text == "firstsecond"
    assert notes == [("first", 1), ("second", 1)]
    assert probe.spans[0]["end"]["content"] == "<Streaming Response>"
    assert probe.live == set()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/nowhere", "404 GET /nowhere"),
        ("/items/none", "422 GET /items/none"),
        ("/fails", "500 GET /fails"),
        ("/v1/orders/new", "405 GET /v1/orders/new"),
    ],
)
def test_an_error_is_a_request_too(probe, client, path, name):
    client.get(path)
    assert probe.begun() == [name]
    assert probe.spans[0]["outcome"] == ("raised" if path == "/fails" else "returned")
    assert probe.live == set()


def test_a_middleware_of_functions_makes_no_difference(probe):
    app = application()

    @app.middleware("http")
    async def timing(request, call_next):
        note("before")
        response = await call_next(request)
        note("after")
        return response

    app.add_middleware(KoloMiddleware)
    app.user_middleware.pop()  # the one of application(), which is no longer outermost
    assert TestClient(app).get("/items/3").json() == {"number": 3}
    assert notes == [("before", 1), ("view", 1), ("after", 1)]
    assert probe.begun() == ["200 GET /items/3"]
    assert probe.spans[0]["end"]["content"] == '{"number":3}'
    assert probe.spans[0]["end"]["url_pattern"]["route"] == "/items/{number}"


def test_startup_shutdown_and_websockets_are_not_traced(probe):
    from contextlib import asynccontextmanager

    from starlette.routing import WebSocketRoute

    @asynccontextmanager
    async def lifespan(app):
        note("startup")
        yield
        note("shutdown")

    async def socket(websocket):
        await websocket.accept()
        note("socket")
        await websocket.send_text("hello")
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/socket", socket)], lifespan=lifespan)
    app.add_middleware(KoloMiddleware)
    with TestClient(app) as client, client.websocket_connect("/socket") as connection:
        assert connection.receive_text() == "hello"
    assert notes == [("startup", 0), ("socket", 0), ("shutdown", 0)]
    assert probe.calls == []


@pytest.mark.skipif(int(starlette.__version__.partition(".")[0]) < 1, reason="the scope has no route there")
def test_mounted_applications_have_the_whole_route(probe, tmp_path):
    async def page(request):
        return PlainTextResponse("page")

    (tmp_path / "style.css").write_text("css")
    inner = Starlette(routes=[Route("/of/{name:str}", page, name="inner page")])
    routes = [
        Mount("/a/{shop}", app=inner),
        Mount("/b", routes=[Route("/c", page)]),
        Mount("/static", StaticFiles(directory=tmp_path)),
        Route("/d", page),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(KoloMiddleware)
    client = TestClient(app, root_path="/proxied")  # what a proxy has taken the application for
    paths = ("/a/x/of/y", "/b/c", "/static/style.css", "/d")
    for path in paths:
        assert client.get(f"/proxied{path}").status_code == 200
    found = [(span["end"]["url_pattern"] or {}).get("route") for span in probe.spans]
    # The path parameter that a mount matched is part of what Starlette calls the root.
    assert found == ["/a/x/of/{name:str}", "/b/c", "/static", "/d"]
    assert probe.begun() == [f"200 GET /proxied{path}" for path in paths]


def test_requests_at_once_are_traces_apart(probe):
    import httpx

    async def slow(request):
        note(request.path_params["n"])
        await asyncio.sleep(0.001)
        note(request.path_params["n"])
        return JSONResponse(None)

    app = Starlette(routes=[Route("/{n}", slow)])
    app.add_middleware(KoloMiddleware)

    async def many():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            await asyncio.gather(*(client.get(f"/{n}") for n in range(8)))

    asyncio.run(many())
    assert len(notes) == 16
    assert len(set(notes)) == 8
    assert sorted(probe.begun()) == [f"200 GET /{n}" for n in range(8)]


def test_quart(probe):
    import quart

    app = quart.Quart(__name__)
    app.asgi_app = KoloMiddleware(app.asgi_app)

    @app.post("/echo")
    async def echo():
        note("view")
        return await quart.request.get_json()

    @app.get("/thread")
    def thread():
        note("thread")
        return "thread"

    async def both():
        client = app.test_client()
        assert await (await client.post("/echo", json={"a": 1})).get_json() == {"a": 1}
        assert (await client.get("/thread")).status_code == 200

    asyncio.run(both())
    assert notes == [("view", 1), ("thread", 2)]
    assert probe.begun() == ["200 POST /echo", "200 GET /thread"]
    assert probe.spans[0]["end"]["body"].replace(" ", "") == '{"a":1}'
    assert probe.live == set()

"""The Django middleware: what a request's trace is called, when it ends, and that responses stay the same."""

from __future__ import annotations

import asyncio
import sys
import threading

import django
import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import path

from kolo_probe.middleware import KoloMiddleware

if not settings.configured:
    settings.configure(SECRET_KEY="for tests")
    django.setup()

current = []  # the trace that each view ran in


def note():
    from kolo_probe import _probe

    current.append(_probe.current_trace())


def page(request):
    note()
    return HttpResponse("page", status=201)


async def async_page(request):
    note()
    await asyncio.sleep(0.001)
    note()
    return HttpResponse("async page")


def fails(request):
    raise ValueError("in the view")


def stream(request):
    def lines():
        note()
        yield b"line"

    return StreamingHttpResponse(lines())


urlpatterns = [
    path("page/", page),
    path("async/", async_page),
    path("fails/", fails),
    path("stream/", stream),
]


@pytest.fixture(scope="module", autouse=True)
def project():
    middleware = ["kolo_probe.middleware.KoloMiddleware", "django.middleware.common.CommonMiddleware"]
    with override_settings(ALLOWED_HOSTS=["*"], MIDDLEWARE=middleware, ROOT_URLCONF=__name__, USE_TZ=True):
        yield


@pytest.fixture(autouse=True)
def no_notes():
    current.clear()


def get(url):
    """A GET through Django's WSGI handler: status and body."""
    import io

    seen = []
    environ = RequestFactory()._base_environ(
        PATH_INFO=url.partition("?")[0], QUERY_STRING=url.partition("?")[2]
    )
    environ["wsgi.input"] = io.BytesIO()
    response = WSGIHandler()(environ, lambda status, headers: seen.append(int(status.split()[0])))
    return seen[0], b"".join(response)


async def get_async(url):
    """A GET through Django's ASGI handler: status and body."""
    handler, sent = ASGIHandler(), []
    scope = AsyncRequestFactory()._base_scope(path=url)
    done = asyncio.Event()

    async def receive():
        if done.is_set():
            await asyncio.Event().wait()  # for ever: no disconnect comes
        done.set()
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    await handler(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_a_request_is_a_trace_named_by_method_path_and_status(probe):
    assert get("/page/?token=secret") == (201, b"page")
    assert probe.calls == [("begin", 1, "request", "GET /page/"), ("end", 1)]
    assert probe.begun() == ["201 GET /page/"]
    assert current == [1]


@pytest.mark.parametrize("debug", [True, False])
def test_debug_makes_no_difference(probe, debug):
    with override_settings(DEBUG=debug):
        get("/page/")
    assert probe.begun() == ["201 GET /page/"]


def test_a_view_that_raises_is_a_500(probe, caplog):
    assert get("/fails/")[0] == 500
    assert probe.begun() == ["500 GET /fails/"]
    assert probe.live == set()


def test_a_page_that_is_not_there_is_a_404(probe, caplog):
    assert get("/nowhere/")[0] == 404
    assert probe.begun() == ["404 GET /nowhere/"]


def test_an_async_view_under_wsgi(probe):
    assert get("/async/") == (200, b"async page")
    assert probe.begun() == ["200 GET /async/"]
    assert current == [1, 1]


@pytest.mark.parametrize(("url", "answer"), [("/page/", (201, b"page")), ("/async/", (200, b"async page"))])
def test_views_of_both_kinds_under_asgi(probe, url, answer):
    assert asyncio.run(get_async(url)) == answer
    assert probe.begun() == [f"{answer[0]} GET {url}"]
    assert set(current) == {1}


def test_requests_at_once_under_asgi_are_traces_apart(probe):
    async def many():
        return await asyncio.gather(*(get_async("/async/") for _ in range(8)))

    assert asyncio.run(many()) == [(200, b"async page")] * 8
    assert probe.begun() == ["200 GET /async/"] * 8
    assert sorted(current) == sorted([*range(1, 9), *range(1, 9)])
    assert probe.live == set()


def test_requests_at_once_in_threads_are_traces_apart(probe):
    threads = [threading.Thread(target=get, args=("/page/",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(current) == list(range(1, 9))
    assert probe.live == set()


def test_the_trace_ends_with_the_response_not_with_its_stream(probe):
    assert get("/stream/") == (200, b"line")
    assert probe.begun() == ["200 GET /stream/"]
    assert current == [0]


def test_ignored_paths_are_not_traced(probe, tmp_path):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("[filters]\nignore_request_paths = ['/pa', 'other']\n")
    assert get("/page/")[0] == 201
    assert asyncio.run(get_async("/page/"))[0] == 201
    assert get("/stream/")[0] == 200
    assert probe.begun() == ["200 GET /stream/"]


def test_an_exception_that_reaches_the_middleware_goes_on_and_ends_the_trace(probe):
    error = ValueError("below")

    def get_response(request):
        raise error

    with pytest.raises(ValueError, match="below") as caught:
        KoloMiddleware(get_response)(RequestFactory().get("/x/"))
    assert caught.value is error
    assert probe.begun() == ["500 GET /x/"]
    assert probe.live == set()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_when_the_worker_is_stopped_the_trace_ends_without_a_status(probe, kind):
    def get_response(request):
        raise kind

    with pytest.raises(kind):
        KoloMiddleware(get_response)(RequestFactory().get("/x/"))
    assert probe.begun() == ["GET /x/"]
    assert probe.live == set()


def test_a_client_that_goes_away_ends_the_trace(probe):
    async def get_response(request):
        await asyncio.sleep(60)

    async def cancel():
        task = asyncio.ensure_future(KoloMiddleware(get_response)(AsyncRequestFactory().get("/x/")))
        await asyncio.sleep(0)
        assert len(probe.live) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert probe.begun() == ["GET /x/"]
    assert probe.live == set()


def test_what_is_no_response_comes_through(probe):
    assert KoloMiddleware(lambda request: None)(RequestFactory().get("/x/")) is None
    assert probe.live == set()
    assert probe.begun() == ["GET /x/"]


def test_it_is_async_only_when_what_lies_below_is(probe):
    async def get_response(request): ...

    assert iscoroutinefunction(KoloMiddleware(get_response))
    assert not iscoroutinefunction(KoloMiddleware(lambda request: None))
    assert KoloMiddleware.sync_capable
    assert KoloMiddleware.async_capable


def test_disabled_django_leaves_it_out(probe, monkeypatch):
    monkeypatch.setenv("KOLO_DISABLE", "1")
    with pytest.raises(MiddlewareNotUsed):
        KoloMiddleware(page)
    assert get("/page/")[0] == 201
    assert probe.calls == []


def test_without_a_probe_django_leaves_it_out_with_one_warning(monkeypatch, warned):
    import kolo_probe.pure

    for package, module in ((kolo_probe, "_probe"), (kolo_probe.pure, "probe")):
        monkeypatch.delattr(package, module, raising=False)
        monkeypatch.setitem(sys.modules, f"{package.__name__}.{module}", None)
    for _ in range(2):
        with pytest.raises(MiddlewareNotUsed):
            KoloMiddleware(page)
    assert [line for line in warned() if "nothing is recorded" in line] == warned()[-1:]


def test_a_request_that_is_refused_a_trace_is_answered(probe):
    probe.refuse = True
    assert get("/page/") == (201, b"page")
    assert asyncio.run(get_async("/async/")) == (200, b"async page")
    assert probe.calls == []

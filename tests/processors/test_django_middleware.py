"""What is told of middleware, of whatever form."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django_project import project
from driving import driven

from kolo_probe.processors.django_middleware import PROCESSORS


class Old(MiddlewareMixin):
    def process_request(self, request):
        request.seen = True


class Short:
    """Answers itself, and notes which attributes it is asked for that it has not."""

    asked: list[str] = []

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/short/":
            return HttpResponse(status=418)
        return self.get_response(request)

    def __getattr__(self, name):
        self.asked.append(name)
        raise AttributeError(name)


def both(get_response):
    if iscoroutinefunction(get_response):

        async def middleware(request):
            return await get_response(request)

    else:

        def middleware(request):
            return get_response(request)

    return middleware


both.sync_capable = both.async_capable = True


class Async:
    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        return await self.get_response(request)


def page(request):
    return HttpResponse("page")


async def async_page(request):
    await asyncio.sleep(0)
    return HttpResponse("page")


def fails(request):
    raise Http404


urlpatterns = [path("", page), path("async/", async_page), path("fails/", fails)]
MINE = [f"{__name__}.{name}" for name in ("Old", "Short", "both")]


@pytest.fixture(scope="module", autouse=True)
def settings():
    with project(ROOT_URLCONF=__name__, MIDDLEWARE=MINE):
        yield


def get(url):
    return WSGIHandler().get_response(RequestFactory().get(url))


def names(spans):
    return [span.name.removeprefix(f"{__name__}.") for span in spans]


def test_each_is_a_span_within_the_one_above():
    with driven(PROCESSORS) as spans:
        assert get("/").content == b"page"
    assert [span.start for span in spans][:2] == [{"middleware": MINE[0]}, {"middleware": MINE[1]}]
    assert names(spans) == ["Old", "Short", "both.<locals>.middleware"]
    assert {(span.kind, span.type, span.end_type) for span in spans} == {
        ("middleware", "django_middleware_start", "django_middleware_end")
    }
    assert [span.end for span in spans] == [{"status_code": 200}] * 3


def test_one_that_answers_itself_is_the_last():
    with driven(PROCESSORS) as spans:
        get("/short/")
    assert names(spans) == ["Old", "Short"]
    assert [span.end["status_code"] for span in spans] == [418, 418]


def test_an_exception_below_is_the_answer_that_django_makes_of_it():
    with driven(PROCESSORS) as spans:
        assert get("/fails/").status_code == 404
    assert {span.end["status_code"] for span in spans} == {404}
    assert {span.outcome for span in spans} == {"returned"}


def test_asynchronous_ones():
    with project(MIDDLEWARE=[f"{__name__}.both", f"{__name__}.Async"]), driven(PROCESSORS) as spans:
        response = asyncio.run(ASGIHandler().get_response_async(AsyncRequestFactory().get("/async/")))
    assert response.content == b"page"
    assert names(spans) == ["both.<locals>.middleware", "Async"]
    assert [span.end for span in spans] == [{"status_code": 200}] * 2


def test_what_is_told_is_the_class_and_the_object_is_not_asked():
    Short.asked.clear()
    get("/")
    without = list(Short.asked)
    Short.asked.clear()
    with driven(PROCESSORS) as spans:
        get("/")
    assert without == Short.asked
    assert all(type(value) is str for span in spans for value in span.start.values())

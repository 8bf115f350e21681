"""What the middleware tells of a request and its response, and what it does not do to tell it."""

from __future__ import annotations

import asyncio
import gzip
import io

import django
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import include, path
from django.views import View

from kolo_probe.middleware import KoloMiddleware

if not settings.configured:
    settings.configure(SECRET_KEY="for tests")
    django.setup()


def order(request, number, gift=None):
    return HttpResponse(f"order {number}", status=201, headers={"X-Shop": "fern"})


class Cart(View):
    def post(self, request):
        return JsonResponse({"paid": request.POST.get("paid")})


def fails(request):
    raise ValueError("in the view")


def missing(request):
    raise Http404


shop = (
    [path("orders/<int:number>/", order, {"gift": True}, name="order"), path("cart/", Cart.as_view())],
    "shop",
)
urlpatterns = [
    path("shop/", include(shop, namespace="fern")),
    path("fails/", fails),
    path("missing/", missing),
]


@pytest.fixture(scope="module", autouse=True)
def project():
    with override_settings(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        yield


def handled(request):
    """The response of Django's handler, as it is below the middleware."""
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler().get_response(request)


@pytest.fixture
def told(probe):
    """`told(request, get_response)`: the span of one request, whose response has come through as it was."""

    def tell(request, get_response=handled):
        answers = []

        def answer(request):
            answers.append(get_response(request))
            return answers[0]

        assert KoloMiddleware(answer)(request) is answers[0]
        (span,) = probe.spans
        return span

    return tell


def test_a_request_and_its_response(told):
    request = RequestFactory().get(
        "/shop/orders/7/?q=a&q=b&empty=", HTTP_X_ONE="1", HTTP_AUTHORIZATION="Basic x"
    )
    span = told(request)
    assert (span["kind"], span["types"], span["outcome"]) == (
        "request",
        ["django_request", "django_response"],
        "returned",
    )
    assert span["name"] == "201 GET /shop/orders/7/"
    assert span["start"] == {
        "method": "GET",
        "path_info": "/shop/orders/7/",
        "scheme": "http",
        "query_params": {"q": ["a", "b"], "empty": [""]},
        "headers": {"Cookie": "", "X-One": "1", "Authorization": "Basic x"},
    }
    end = span["end"]
    assert (end["status_code"], end["content"]) == (201, "order 7")
    assert end["headers"]["X-Shop"] == "fern"
    assert end["url_pattern"] == {
        "namespace": "fern",
        "route": "shop/orders/<int:number>/",
        "route_params": {"captured": {"number": 7}, "defaults": {"gift": True}},
        "url_name": "order",
        "view_qualname": f"{__name__}.order",
        "view_params": {"positional": (), "keyword": {"number": 7, "gift": True}},
    }
    assert (end["body"], end["post_data"], end["files"]) == (None, {}, {})


def test_a_form_that_the_view_has_read(told):
    span = told(
        RequestFactory().post("/shop/cart/", "paid=yes&password=x", "application/x-www-form-urlencoded")
    )
    end = span["end"]
    assert end["content"] == '{"paid": "yes"}'
    assert end["post_data"] == {"paid": ["yes"], "password": ["x"]}
    assert end["body"] == "paid=yes&password=x"
    assert end["url_pattern"]["view_qualname"] == f"{__name__}.Cart"
    assert span["start"]["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_an_upload_is_told_by_name_and_size(told):
    upload = io.BytesIO(b"binary\0" * 10)
    upload.name = "photo.png"
    span = told(RequestFactory().post("/shop/cart/", {"paid": "yes", "photo": upload}))
    assert span["end"]["post_data"] == {"paid": ["yes"]}
    assert span["end"]["files"] == {"photo": [{"name": "photo.png", "size": 70, "content_type": "image/png"}]}
    assert span["end"]["body"] is None


def test_a_multipart_body_that_the_view_read_whole_is_not_told(told):
    def view(request):
        assert b"secret" in request.body
        return HttpResponse()

    assert (
        told(RequestFactory().post("/", {"a": "secret"}), view)["end"]["body"] == "<Multipart request body>"
    )


class Untouchable(io.BytesIO):
    def read(self, *args):
        raise AssertionError("the body was read")

    readline = readlines = __iter__ = __next__ = read


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"]
)
def test_a_body_that_nobody_reads_is_not_read(told, content_type):
    request = RequestFactory().post("/missing/", b"x" * 10, content_type=content_type)
    request._stream = request.environ["wsgi.input"] = Untouchable()
    end = told(request)["end"]
    assert (end["status_code"], end["body"], end["post_data"]) == (404, None, {})
    assert not request._read_started
    assert not {"_body", "_post"} & set(vars(request))


def test_a_binary_request_body(told):
    def view(request):
        return HttpResponse(str(len(request.body)))

    assert (
        told(RequestFactory().post("/", b"\xff\0", "image/png"), view)["end"]["body"]
        == "<Binary request body>"
    )


def test_a_page_that_is_not_there_has_no_url_pattern(told):
    assert told(RequestFactory().get("/nowhere/"))["end"]["url_pattern"] is None


def test_a_view_that_says_not_found_has_one(told):
    end = told(RequestFactory().get("/missing/"))["end"]
    assert (end["status_code"], end["url_pattern"]["route"]) == (404, "missing/")


def test_a_view_that_raises_is_a_500_as_django_answers_it(told, caplog):
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=False):
        span = told(RequestFactory().get("/fails/"))
    assert (span["name"], span["end"]["status_code"]) == ("500 GET /fails/", 500)
    assert span["end"]["url_pattern"]["view_qualname"] == f"{__name__}.fails"


def test_an_exception_that_reaches_the_middleware(probe):
    error = ValueError("below")

    def get_response(request):
        assert request.body
        raise error

    request = RequestFactory().post("/x/", "a", "text/plain")
    with pytest.raises(ValueError, match="below"):
        KoloMiddleware(get_response)(request)
    (span,) = probe.spans
    assert (span["outcome"], span["name"], span["end"]["exception"]) == ("raised", "500 POST /x/", error)
    assert (span["end"]["status_code"], span["end"]["body"]) == (500, "a")


class Stream:
    """What a streaming response yields: it may be taken once, by the server."""

    def __iter__(self):
        return self

    def __next__(self):
        raise AssertionError("the stream was read")


def test_a_stream_is_left_to_the_server(told):
    assert told(RequestFactory().get("/"), lambda _: StreamingHttpResponse(Stream()))["end"]["content"] == (
        "<Streaming Response>"
    )


def test_a_file_is_left_to_the_server(told, tmp_path):
    (tmp_path / "file.txt").write_text("content")
    with (tmp_path / "file.txt").open("rb") as file:
        end = told(RequestFactory().get("/"), lambda _: FileResponse(file))["end"]
        assert end["content"] == "<Streaming Response>"
        assert file.tell() == 0


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (lambda: HttpResponse(b"\xff\xfe\0"), "<Binary response body>"),
        (lambda: HttpResponse("caf\xe9".encode("latin-1"), "text/plain; charset=latin-1"), "café"),
        (lambda: HttpResponse(gzip.compress(b"zipped"), headers={"Content-Encoding": "gzip"}), "zipped"),
        (lambda: HttpResponse(b"no gzip at all", headers={"Content-Encoding": "gzip"}), "no gzip at all"),
        (lambda: HttpResponse(gzip.compress(b"z" * 9_000_000), headers={"Content-Encoding": "gzip"}), None),
        (lambda: HttpResponse("é" * 100_000), None),
        (lambda: HttpResponse(["a", "b", "c"]), "abc"),
        (HttpResponse, ""),
    ],
)
def test_what_is_told_of_content(told, response, content):
    text = told(RequestFactory().get("/"), lambda _: response())["end"]["content"]
    if content is None:
        assert 8_192 < len(text) < 10_000  # more than is kept, so that the encoder says that it is cut
        assert set(text) in ({"z"}, {"é"})
    else:
        assert text == content


def test_values_of_secret_inputs_are_left_out_of_html(told):
    page = (
        '<form><input type="hidden" name="csrfmiddlewaretoken" value="hunter2">'
        "<input value='hunter2' name=password>"
        '<input name="title" value="plain"><meta name="csrf-token" content="hunter2"></form>'
    )
    text = told(RequestFactory().get("/"), lambda _: HttpResponse(page))["end"]["content"]
    assert "hunter2" not in text
    assert text.count("[redacted]") == 3
    assert 'value="plain"' in text


def test_a_response_that_is_not_rendered_is_not_rendered(probe):
    response = SimpleTemplateResponse("never.html")
    assert KoloMiddleware(lambda _: response)(RequestFactory().get("/")) is response
    assert not response.is_rendered


class Hostile(WSGIRequest):
    """Overrides everything that could be asked."""

    def __getattribute__(self, name):
        if name in ("__dict__", "__class__"):
            return super().__getattribute__(name)
        raise RuntimeError(name)


def test_a_request_of_the_applications_own_kind_is_not_asked(told):
    request = RequestFactory().get("/x/")
    request.__class__ = Hostile
    span = told(request, lambda _: HttpResponse())
    assert (span["name"], span["start"]["path_info"]) == ("200 GET /x/", "/x/")


def test_what_is_no_request_at_all_is_answered(told, warned):
    class Request:
        __slots__ = ()

    span = told(Request(), lambda _: HttpResponse("ok"))
    assert (span["name"], span["start"], span["end"]) == ("200 ? ?", {}, {})
    assert len(warned()) == 2


def test_a_response_of_another_kind(told):
    class Response:
        status_code = 299

    assert told(RequestFactory().get("/"), lambda _: Response())["name"] == "299 GET /"


def test_a_response_that_refuses_every_question_comes_through(told):
    class Response:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    span = told(RequestFactory().get("/"), lambda _: Response())
    assert (span["name"], span["end"], span["outcome"]) == ("GET /", {}, "returned")


def test_asgi(probe):
    async def get_response(request):
        await asyncio.sleep(0)
        return HttpResponse("async", status=202)

    request = AsyncRequestFactory().post(
        "/x/?a=1", b"{}", content_type="application/json", headers={"X-One": "1"}
    )
    response = asyncio.run(KoloMiddleware(get_response)(request))
    assert response.content == b"async"
    (span,) = probe.spans
    assert (span["name"], span["outcome"], span["end"]["content"]) == ("202 POST /x/", "returned", "async")
    start = span["start"]
    assert (start["scheme"], start["query_params"], start["headers"]["X-One"]) == ("http", {"a": ["1"]}, "1")
    assert span["end"]["body"] is None


def test_a_client_that_goes_away(probe):
    async def get_response(request):
        raise asyncio.CancelledError

    async def run():
        await KoloMiddleware(get_response)(AsyncRequestFactory().get("/x/"))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    (span,) = probe.spans
    assert (span["name"], span["outcome"], span["end"]["status_code"]) == ("GET /x/", "raised", None)


TRACE = "trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY"
GROUP = "0af7651916cd43dd8448eb211c80319c"


def test_a_request_is_linked_to_the_trace_that_sent_it(told, probe):
    headers = {"HTTP_TRACEPARENT": f"00-{GROUP}-b7ad6b7169203331-01", "HTTP_TRACESTATE": f"a=b,kolo={TRACE}"}
    told(RequestFactory().get("/", **headers), lambda _: HttpResponse())
    assert probe.links == [(TRACE, GROUP)]


@pytest.mark.parametrize("header", ["", "00-0-0-0", "x" * 10_000])
def test_a_bad_traceparent_is_no_link(told, probe, header):
    told(RequestFactory().get("/", HTTP_TRACEPARENT=header), lambda _: HttpResponse())
    assert probe.links == [(None, None)]


def test_without_spans_there_is_none(probe, tmp_path):
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo/config.toml").write_text("[spans]\nenabled = false\n")
    KoloMiddleware(handled)(RequestFactory().get("/shop/orders/7/"))
    assert (probe.spans, probe.begun()) == ([], ["201 GET /shop/orders/7/"])


def test_an_exception_is_not_kept_alive(probe):
    import gc
    import weakref

    class FailedError(Exception):
        pass

    def get_response(request):
        raise FailedError

    gc.disable()
    try:
        try:
            KoloMiddleware(get_response)(RequestFactory().get("/"))
        except FailedError as error:
            gone = weakref.ref(error)
        probe.spans.clear()
        assert gone() is None
    finally:
        gc.enable()

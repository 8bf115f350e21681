"""The Django middleware: every request a trace.

    MIDDLEWARE = ["kolo_probe.middleware.KoloMiddleware", ...]     # first, so that it sees all the others

Works under WSGI and ASGI, in threads, tasks and greenlets, with DEBUG on and off.
"""

from __future__ import annotations

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import MiddlewareNotUsed  # type: ignore[import-untyped, unused-ignore]

from kolo_probe._links import incoming
from kolo_probe._redact import names_in_force
from kolo_probe._session import begin, session
from kolo_probe._text import encodable
from kolo_probe._warnings import warn
from kolo_probe.processors._django_http import read_fields, request_fields, response_fields, status_of

try:
    from asgiref.sync import markcoroutinefunction
except ImportError:  # asgiref before 3.6

    def markcoroutinefunction(func):  # type: ignore[no-untyped-def, no-redef, unused-ignore]  # noqa: ANN001, ANN201
        """As asgiref did it before."""
        import asyncio

        func._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined, unused-ignore]
        return func


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Union

    from django.http import HttpRequest  # type: ignore[import-untyped, unused-ignore]
    from django.http.response import HttpResponseBase  # type: ignore[import-untyped, unused-ignore]

    from kolo_probe._native import Native

    GetResponse = Callable[[HttpRequest], Union[HttpResponseBase, Awaitable[HttpResponseBase]]]

_KIND = "request"


class KoloMiddleware:
    """Begins a trace named "GET /path/" for each request, and ends it as "200 GET /path/".

    It is linked to the trace that sent the request's `traceparent`, and its span tells request and response:
    no body or stream is read for that. A trace ends when the response object is there: what a streaming
    response yields later is not part of it.
    Requests whose path contains an entry of `filters.ignore_request_paths` are not traced. With KOLO_DISABLE,
    or without a native module, Django leaves the middleware out.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        here = session()
        if here.native is None:
            raise MiddlewareNotUsed("kolo-probe is disabled or its native module cannot be loaded")
        self.get_response: Callable[[HttpRequest], Any] = get_response
        self._here = here
        self._native: Native = here.native
        self._ignored_paths: tuple[str, ...] = tuple(here.options["filters.ignore_request_paths"])
        self._tells: bool = here.options["spans.enabled"]
        self._max_text: int = here.options["spans.max_text"]
        self._secret_names = names_in_force(here.options["redact.add"], here.options["redact.remove"])
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        if self._is_ignored(request):
            return self.get_response(request)
        begun = self._begin(request)
        try:
            response = self.get_response(request)
        except BaseException as error:
            self._end(begun, request, None, error)
            raise
        self._end(begun, request, response, None)
        return response

    async def _call_async(self, request: HttpRequest) -> Any:
        if self._is_ignored(request):
            return await self.get_response(request)
        begun = self._begin(request)
        try:
            response = await self.get_response(request)
        except BaseException as error:
            self._end(begun, request, None, error)
            raise
        self._end(begun, request, response, None)
        return response

    def _is_ignored(self, request: HttpRequest) -> bool:
        if not self._ignored_paths:
            return False
        path = _attribute(request, "path")
        return any(part in path for part in self._ignored_paths)

    def _begin(self, request: HttpRequest) -> tuple[int, int, str]:
        """The tokens of a request's trace and span (0 where there is none), and what both are called."""
        # Without the query string: it may hold secrets, and lists group by name.
        name = encodable(f"{_attribute(request, 'method')} {_attribute(request, 'path')}")
        parent, group = incoming(lambda header: _header(request, header))
        token = begin(self._here, _KIND, name, parent, group)
        if not (token and self._tells):
            return token, 0, name
        data = _told(request_fields, request)
        return token, self._native.begin_span(_KIND, "django_request", None, name, data), name

    def _end(
        self, begun: tuple[int, int, str], request: HttpRequest, response: Any, error: BaseException | None
    ) -> None:
        token, span, name = begun
        # Without a status when the client went away (CancelledError) or the worker is stopped.
        status = 500 if isinstance(error, Exception) else _status(response)  # what the server makes of it
        name = name if status is None else f"{status} {name}"
        if span and error is None:
            data = _told(response_fields, request, response, self._max_text, self._secret_names)
            self._native.end_span(span, "django_response", name, data, "returned")
        elif span:
            data = {"status_code": status, "exception": error, **_told(read_fields, request, self._max_text)}
            self._native.end_span(span, "django_response", name, data, "raised")
        self._native.end_trace(token, name)


def _told(tell: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Fields; none of them when the application's request or response is not as Django makes them."""
    try:
        return tell(*arguments)
    except Exception as error:
        warn(f"a request is told without its details ({tell.__name__}: {type(error).__name__})")
        return {}


def _status(response: Any) -> int | None:
    try:
        return status_of(response)
    except Exception:  # a class of the application's with a __getattribute__ of its own
        return None


def _attribute(request: HttpRequest, name: str) -> str:
    """`method` or `path`. The request's class may be the application's, and have code of its own there."""
    try:
        found = vars(request).get(name)
        return str.__str__(found) if isinstance(found, str) else "?"
    except Exception:  # no __dict__
        return "?"


def _header(request: HttpRequest, name: str) -> str | None:
    value = vars(request)["META"].get(f"HTTP_{name.upper()}")
    return value if type(value) is str else None

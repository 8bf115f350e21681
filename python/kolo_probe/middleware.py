"""The Django middleware: every request a trace.

    MIDDLEWARE = ["kolo_probe.middleware.KoloMiddleware", ...]     # first, so that it sees all the others

Works under WSGI and ASGI, in threads, tasks and greenlets, with DEBUG on and off.
"""

from __future__ import annotations

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import MiddlewareNotUsed  # type: ignore[import-untyped, unused-ignore]

from kolo_probe._session import begin, session
from kolo_probe._text import encodable

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

    A trace ends when the response object is there: what a streaming response yields later is not part of it.
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
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        if self._is_ignored(request):
            return self.get_response(request)
        name = _name(request)
        token = begin(self._here, _KIND, name)
        status: int | None = None
        try:
            response = self.get_response(request)
            status = response.status_code
        except Exception:
            status = 500  # what the server makes of it; the exception goes on its way
            raise
        finally:
            self._native.end_trace(token, _named_by_status(status, name))
        return response

    async def _call_async(self, request: HttpRequest) -> Any:
        if self._is_ignored(request):
            return await self.get_response(request)
        name = _name(request)
        token = begin(self._here, _KIND, name)
        status: int | None = None
        try:
            response = await self.get_response(request)
            status = response.status_code
        except Exception:
            status = 500
            raise
        finally:
            # Without a status when the client went away (CancelledError) or the worker is stopped.
            self._native.end_trace(token, _named_by_status(status, name))
        return response

    def _is_ignored(self, request: HttpRequest) -> bool:
        return any(part in request.path for part in self._ignored_paths)


def _name(request: HttpRequest) -> str:
    # Without the query string: it may hold secrets, and lists group by name.
    return encodable(f"{request.method} {request.path}")


def _named_by_status(status: int | None, name: str) -> str | None:
    return None if status is None else f"{status} {name}"

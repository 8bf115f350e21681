"""The ASGI middleware: every request of a FastAPI, Starlette, Quart … application a trace.

    app = FastAPI()
    app.add_middleware(kolo_probe.asgi.KoloMiddleware)      # last, so that it sees all the others

    app.asgi_app = kolo_probe.asgi.KoloMiddleware(app.asgi_app)      # Quart
    application = kolo_probe.asgi.KoloMiddleware(application)        # any other

For Django use kolo_probe.middleware.
"""

from __future__ import annotations

from time import monotonic

from kolo_probe._request import Requests, query_fields, status_after
from kolo_probe._warnings import warn
from kolo_probe.processors._http import body_of_request, body_of_response, plain_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from kolo_probe._request import Request

    Scope = dict[str, Any]
    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[Any]]

LONGEST_STREAM_S = 30.0  # of a response that is traced; one of events may never end


class KoloMiddleware:
    """Begins a trace named "GET /path" for each request, and ends it as "200 GET /path".

    A trace is all that the application does for its request: streams, background tasks and what dependencies
    do at their exit included; what is done from 30 s after the beginning of a stream on is not. Its span ends
    with the response. WebSockets, which stay open for as long as a page does, and the application's start and
    end (lifespan) are not traced; neither are requests whose path contains an entry of
    `filters.ignore_request_paths`, nor, with KOLO_DISABLE, any.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self._requests = Requests()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = self._requests.begin(
            str(scope.get("method", "")),
            _path(scope),
            lambda name: _header(scope, name),
            lambda: _request_fields(scope),
        )
        if request is None:
            return await self.app(scope, receive, send)
        exchange = _Exchange(request, scope, receive, send, self._requests)
        error: BaseException | None = None
        try:
            return await self.app(scope, exchange.receive, exchange.send)
        except BaseException as caught:
            error = caught
            raise
        finally:
            exchange.end(error)
            error = None  # it knows this frame


class _Exchange:
    """What application and server have said to each other about one request."""

    def __init__(
        self, request: Request, scope: Scope, receive: Receive, send: Send, requests: Requests
    ) -> None:
        self._request = request
        self._scope = scope
        self._root_path: str = scope.get("root_path", "")
        self._receive = receive
        self._send = send
        self._requests = requests
        self._status: int | None = None
        self._headers: Any = ()
        self._asked: bytes | None = None  # what the application has read so far
        self._answered: bytes | None = None
        self._is_stream = False
        self._started_at = 0.0

    async def receive(self) -> Message:
        message = await self._receive()
        self._note(self._note_received, message)
        return message

    async def send(self, message: Message) -> None:
        await self._send(message)
        self._note(self._note_sent, message)

    def _note(self, note: Callable[[Message], None], message: Message) -> None:
        try:
            note(message)
        except Exception as error:  # a message may be anything that this server lets pass
            warn(f"a request is not told in full: a message of it has another form ({type(error).__name__})")

    def _note_received(self, message: Message) -> None:
        if message["type"] == "http.request":
            asked = self._asked or b""
            missing = self._requests.body_bytes - len(asked)
            self._asked = asked + bytes(message.get("body", b"")[:missing]) if missing > 0 else asked

    def _note_sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
            self._headers = message.get("headers", ())
            self._started_at = monotonic()
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            if body and self._answered:
                self._is_stream = True
            elif body:
                self._answered = bytes(body[: self._requests.body_bytes])
            if not message.get("more_body", False):
                self._end_span(None)
            elif monotonic() - self._started_at > LONGEST_STREAM_S:
                self._is_stream = True
                self.end(None)

    def end(self, error: BaseException | None) -> None:
        self._end_span(error)
        self._request.end_trace(self._final_status(error))

    def _end_span(self, error: BaseException | None) -> None:
        self._request.end_span(self._final_status(error), error, self._response_fields)

    def _final_status(self, error: BaseException | None) -> int | None:
        return self._status if error is None else status_after(error, self._status)

    def _response_fields(self) -> dict[str, Any]:
        headers = plain_headers(self._headers)
        answered = None if self._is_stream else self._answered or b""
        typed = {"content-type": _header(self._scope, "content-type") or ""}
        limits = self._requests.limits
        return {
            "headers": headers,
            "content": body_of_response(answered, headers, limits) if self._status is not None else None,
            "body": body_of_request(self._asked, typed, limits),
            "url_pattern": _url_pattern(self._scope, self._root_path),
        }


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key == wanted), None)


def _path(scope: Scope) -> str:
    return str(scope.get("path") or "/")


def _request_fields(scope: Scope) -> dict[str, Any]:
    return {
        "method": scope.get("method"),
        "path_info": _path(scope),
        "query_params": query_fields(scope.get("query_string", b"").decode("latin-1")),
        "scheme": scope.get("scheme"),
        "headers": plain_headers(scope.get("headers", ())),
    }


def _url_pattern(scope: Scope, root_path: str) -> dict[str, Any] | None:
    """What Starlette and FastAPI leave of their routing in the scope."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    module, name = getattr(endpoint, "__module__", None), getattr(endpoint, "__qualname__", None)
    route = scope.get("route")  # Starlette before 1.0 does not say it
    return {
        "namespace": None,
        "route": _whole_route(scope, route, root_path),
        "route_params": scope.get("path_params") or {},
        "url_name": getattr(route, "name", None),
        "view_qualname": f"{module}.{name}" if module and name else None,
    }


def _whole_route(scope: Scope, route: Any, root_path: str) -> str | None:
    """The route from the application's root on: mounted applications and included routers know their part."""
    found = scope.get("fastapi")
    included = found.get("effective_route_context") if isinstance(found, dict) else None
    if getattr(included, "original_route", None) is route and route is not None:
        route = included
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return None
    mounted: str = scope.get("root_path", "")
    if not mounted.startswith(root_path):
        return path
    # What is mounted and no application of Starlette's (static files) has no route below its mount.
    return mounted[len(root_path) :] + (path if hasattr(route, "methods") else "")

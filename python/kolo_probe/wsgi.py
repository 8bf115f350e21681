"""The WSGI middleware: every request of an application a trace.

    application = kolo_probe.wsgi.KoloMiddleware(application)

For Flask kolo_probe.flask says more of a request, for Django kolo_probe.middleware does.
"""

from __future__ import annotations

from kolo_probe._request import Requests, beginning, query_fields, status_after, told
from kolo_probe.processors._http import (
    STREAMING_RESPONSE,
    body_of_request,
    body_of_response,
    plain_headers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from kolo_probe._request import Request

    Environ = dict[str, Any]
    Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


ANSWER = "kolo_probe.answer"  # key of the environment


class KoloMiddleware:
    """Begins a trace named "GET /path" for each request, and ends it as "200 GET /path".

    A trace ends when the response has begun: when the application has returned, or, if it is a generator, has
    given its first part. What a streaming response yields later is not part of it. Requests whose path
    contains an entry of `filters.ignore_request_paths` are not traced, with KOLO_DISABLE none is.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self._requests = Requests()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = self._requests.begin(
            str(environ.get("REQUEST_METHOD", "")),
            _path(environ),
            lambda name: environ.get("HTTP_" + name.upper().replace("-", "_")),
            lambda: _request_fields(environ),
        )
        if request is None:
            return self.app(environ, start_response)
        answer = _Answer(request, environ, start_response, self._requests)
        environ[ANSWER] = answer
        try:
            body = self.app(environ, answer.start_response)
        except BaseException as error:
            answer.end(error)
            raise
        if not answer.has_started:
            return _LateBody(answer, body)
        answer.end(None, body)
        return body  # the server's own file wrapper, a list of one part: as it is, servers look at it


class _Answer:
    """What is known of the response so far."""

    def __init__(
        self, request: Request, environ: Environ, start_response: Callable[..., Any], requests: Requests
    ) -> None:
        self.has_started = False
        self.request = request
        self.body: list[bytes] | None = None  # where the framework says what it answers (kolo_probe.flask)
        self.view: str | None = None
        self._environ = environ
        self._start_response = start_response
        self._requests = requests
        self._status: int | None = None
        self._fields: dict[str, Any] = {}
        self._has_ended = False

    def start_response(self, status: str, headers: Any, *rest: Any, **more: Any) -> Any:
        write = self._start_response(status, headers, *rest, **more)
        if not self._has_ended:
            self.has_started = True
            self._status = _number(status)
            # Here, as Flask takes its request out of the environment before it returns.
            self._fields = told(lambda: self._told(headers))
        return write

    def end(self, error: BaseException | None = None, body: object = None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        status = self._status if error is None else status_after(error, self._status)
        self.request.end_span(status, error, lambda: {**self._fields, "content": self._content(body)})
        self.request.end_trace(status)
        # Server and application may keep this, and each other, for as long as a stream takes.
        self._environ.pop(ANSWER, None)
        self._environ, self._fields, self.body = {}, {}, None

    def _told(self, headers: Any) -> dict[str, Any]:
        environ, requests = self._environ, self._requests
        read = getattr(environ.get("werkzeug.request"), "__dict__", {})
        body = _cached_body(read, requests.body_bytes)
        typed = {"content-type": environ.get("CONTENT_TYPE", "")}
        return {
            "headers": plain_headers(headers),
            "body": body_of_request(body, typed, requests.limits),
            "post_data": _form(read),
            "url_pattern": _url_pattern(read, self.view),
        }

    def _content(self, body: object) -> str | None:
        """A body that lies there whole; an iterator belongs to the server."""
        parts = self.body if self.body is not None else body
        if not isinstance(parts, (list, tuple)):
            return STREAMING_RESPONSE if self.has_started else None
        whole = beginning(parts, self._requests.body_bytes)
        return body_of_response(whole, self._fields.get("headers"), self._requests.limits)


class _LateBody:
    """The body of an application that does nothing before it is asked for the first part, as generators do.

    Between the parts the server runs, which is none of the request's.
    """

    def __init__(self, answer: _Answer, body: Iterable[bytes]) -> None:
        self._answer: _Answer | None = answer
        self._body = body
        self._iterator: Iterator[bytes] | None = None
        answer.request.suspend()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        answer = self._answer
        if answer is None:
            return next(self._iterator or iter(self._body))
        answer.request.resume()
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            part = next(self._iterator)
        except StopIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._end(error)
            raise
        if not answer.has_started:
            answer.request.suspend()  # an empty part: there is no response yet (PEP 3333)
        else:
            self._end(None)
        return part

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        answer = self._answer
        if answer is not None:
            answer.request.resume()
        try:
            if close is not None:
                close()
        finally:
            self._end(None)

    def __del__(self) -> None:
        self._end(None)  # a server that neither asked for a part nor closed it

    def _end(self, error: BaseException | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.end(error)


def _number(status: object) -> int | None:
    """The code of a status line: "404 Not Found"; None for what the server has let pass and is none."""
    digits = status[:3] if isinstance(status, str) else ""
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def _path(environ: Environ) -> str:
    """The whole path of the request, which WSGI gives as bytes in the guise of Latin-1."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}" or "/"
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def _request_fields(environ: Environ) -> dict[str, Any]:
    return {
        "method": environ.get("REQUEST_METHOD"),
        "path_info": _path(environ),
        "query_params": query_fields(environ.get("QUERY_STRING", "")),
        "scheme": environ.get("wsgi.url_scheme"),
        "headers": plain_headers(
            (_header_name(key), value)
            for key, value in environ.items()
            if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        ),
    }


def _header_name(key: str) -> str:
    """As it is written: "HTTP_X_API_KEY" is "X-Api-Key"."""
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _cached_body(read: dict[str, Any], most: int) -> bytes | None:
    """The request's body, where the application has read it through Werkzeug's Request."""
    data = read.get("_cached_data")
    return data[:most] if isinstance(data, bytes) else None


def _form(read: dict[str, Any]) -> dict[str, list[Any]] | None:
    form = read.get("form")
    return {name: list(values) for name, values in dict.items(form)} if isinstance(form, dict) else None


def _url_pattern(read: dict[str, Any], view: str | None) -> dict[str, Any] | None:
    rule = read.get("url_rule")
    if rule is None:
        return None
    namespace, _, _ = rule.endpoint.rpartition(".")
    return {
        "namespace": namespace,
        "route": rule.rule,
        "route_params": read.get("view_args") or {},
        "url_name": rule.endpoint,
        "view_qualname": view,
    }

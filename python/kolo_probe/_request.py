"""One request of a web application as a trace and a span: what the WSGI and the ASGI middleware share.

The fields are Kolo's of a Django request and its response. Nothing is read or consumed for them: what a body
was is told where the application has read or sent it itself.
"""

from __future__ import annotations

from time import perf_counter

from kolo_probe._links import incoming
from kolo_probe._session import begin, session
from kolo_probe._text import encodable
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from kolo_probe._native import Native

    Tell = Callable[[], dict[str, Any]]

KIND = "request"
_MOST_QUERY = 8192  # characters


class Requests:
    """How the requests of one application are traced; made with its middleware, for the life of it.

    `body_bytes` is how much of a body is worth keeping until it is told, `limits` how much of it is told.
    """

    __slots__ = ("_here", "_ignored_paths", "body_bytes", "has_spans", "limits")

    def __init__(self) -> None:
        self._here = session()
        options = self._here.options
        self._ignored_paths: tuple[str, ...] = tuple(options["filters.ignore_request_paths"])
        self.has_spans: bool = options["spans.enabled"]
        self.limits: dict[str, int] = {"max_text": options["spans.max_text"]}
        # More than is going to be told, where there is more, so that it is known as a beginning.
        self.body_bytes: int = 4 * (self.limits["max_text"] + 1) + 1

    def begin(
        self, method: str, path: str, header: Callable[[str], str | None], tell: Tell
    ) -> Request | None:
        """Begin the trace and the span of a request; None when it is not traced. `header` looks a header up
        by its lower-case name, `tell` gives the span's fields."""
        native = self._here.native
        if native is None or any(part in path for part in self._ignored_paths):
            return None
        # Without the query string: it may hold secrets, and lists group by name.
        name = encodable(f"{method} {path}")
        parent, group = incoming(header)
        token = begin(self._here, KIND, name, parent=parent, group=group)
        if not token:
            return None
        span = 0
        if self.has_spans:
            span = native.begin_span(KIND, "http_request", None, name, told(tell))
        return Request(native, token, span, name)


class Request:
    """A request that is being traced. It may be ended on any thread, and more than once."""

    __slots__ = ("_began", "_has_ended", "_name", "_native", "_span", "token")

    def __init__(self, native: Native, token: int, span: int, name: str) -> None:
        self.token = token
        self._native = native
        self._span = span
        self._name = name
        self._began = perf_counter()
        self._has_ended = False

    def end_span(self, status: int | None, error: BaseException | None, tell: Tell) -> None:
        """The response is there, or there will be none; `tell` gives the further fields."""
        span, self._span = self._span, 0
        if not span:
            return
        fields = {"status_code": status, "ms_duration": (perf_counter() - self._began) * 1e3, **told(tell)}
        if error is not None:
            fields["exception"] = error
        outcome = "returned" if error is None else "raised"
        self._native.end_span(span, "http_response", self._named(status), fields, outcome)

    def end_trace(self, status: int | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._native.end_trace(self.token, self._named(status))

    def suspend(self) -> None:
        """What runs from here on is not the request's."""
        if not self._has_ended:
            self._native.suspend_trace(self.token)

    def resume(self) -> None:
        if not self._has_ended:
            self._native.resume_trace(self.token)

    def _named(self, status: int | None) -> str | None:
        return None if status is None else f"{status} {self._name}"


def status_after(error: BaseException, status: int | None) -> int | None:
    """The status of a request that `error` ended: of an Exception the server makes a 500, unless there was a
    status before; none when the client went away or the worker is stopped."""
    return 500 if status is None and isinstance(error, Exception) else status


def told(tell: Tell) -> dict[str, Any]:
    """The fields that `tell` gives; none where it fails, as servers, frameworks and clients send anything."""
    try:
        return tell()
    except Exception as error:
        warn(f"a request's span lacks fields: they cannot be told ({type(error).__name__})")
        return {}


def query_fields(query: str) -> dict[str, Any]:
    """A query string by names, so that secrets are recognised by theirs; a list where a name comes again.

    >>> query_fields("page=2&tag=a&tag=b&token=")
    {'page': '2', 'tag': ['a', 'b'], 'token': ''}
    """
    if not query:
        return {}
    from urllib.parse import parse_qsl

    fields: dict[str, Any] = {}
    for name, value in parse_qsl(query[:_MOST_QUERY], keep_blank_values=True):
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def beginning(parts: Iterable[Any], most: int) -> bytes:
    """The first `most` bytes of a body that is there in parts."""
    found: list[bytes] = []
    for part in parts:
        if most <= 0 or not isinstance(part, bytes):
            break
        found.append(part[:most])
        most -= len(part)
    return b"".join(found)

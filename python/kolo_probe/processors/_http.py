"""What the processors of HTTP clients share: Kolo's fields for a request and its response, and bodies as text
without reading any.

One span is one call of the program: what a library sends below it (requests through urllib3, a retry) is no
second one. A redirect that is a call of its own in the library (requests, urllib, urllib3's PoolManager) is.
"""

from __future__ import annotations

from kolo_probe._links import outgoing_here
from kolo_probe.processors._frames import of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType
    from typing import Any

    Process = Callable[[FrameType, str, Any, dict[str, Any]], dict[str, Any]]

BINARY_REQUEST = "<Binary request body>"
BINARY_RESPONSE = "<Binary response body>"
MULTIPART_REQUEST = "<Multipart request body>"  # its fields cannot be told from secrets by name
STREAMING_REQUEST = "<Streaming request body>"
STREAMING_RESPONSE = "<Streaming Response>"

_MOST_REDIRECTS = 20


def processor(library: str, module: str, co_name: str, process: Process, **more: Any) -> dict[str, Any]:
    """The dictionary for a function of an HTTP client's module: "requests.sessions"."""
    return {
        "co_names": [co_name],
        "path_fragment": f"/{module.replace('.', '/')}.py",
        "call_type": "outbound_http_request",
        "return_type": "outbound_http_response",
        "subtype": library,
        "kind": "http",
        "span_name": span_name,
        "build_context": build_context,
        "call": of_module(module),
        "process": process,
        **more,
    }


def link_processor(
    library: str, module: str, co_name: str, link: Callable[[FrameType, dict[str, str]], None]
) -> dict[str, Any]:
    """The dictionary for a function at whose call `link` puts the headers of _links.py on a request that goes
    out, unless the program has put some there. Such a call is no span."""
    is_ours = of_module(module)

    def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
        if context["propagate"] and is_ours(frame, event, arg, context):
            headers = outgoing_here()
            if headers:
                link(frame, headers)
        return False

    return {
        "co_names": [co_name],
        "path_fragment": f"/{module.replace('.', '/')}.py",
        "call_type": "traceparent",
        "return_type": "traceparent",
        "subtype": f"{library} traceparent",
        "events": ["call"],
        "build_context": build_context,
        "call": call,
    }


def build_context(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"max_text": config["spans.max_text"], "propagate": config["spans.propagate"]}


def span_name(data: Mapping[str, Any]) -> str:
    """The answer's status, the method and the URL without query and user, which may be secret and would keep
    lists from grouping: 200 GET http://host/path."""
    url: str = data["url"].partition("?")[0].partition("#")[0]
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name = f"{data['method']} {scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
    status = data.get("status_code")
    return name if status is None else f"{status} {name}"


def request_fields(method: str, url: str, headers: dict[str, str] | None, body: Any) -> dict[str, Any]:
    """Kolo's fields of a request; `body` as body_of_request() gives it."""
    return {
        "body": body,
        "headers": headers,
        "method": method,
        "method_and_full_url": f"{method} {url}",
        "url": url,
    }


def response_fields(
    method: str, url: str, headers: dict[str, str] | None, body: Any, status: int | None
) -> dict[str, Any]:
    """Kolo's fields of a response, whose method and URL are those of the request."""
    return {**request_fields(method, url, headers, body), "status_code": status}


def failure_fields(method: str, url: str, exception: BaseException | None) -> dict[str, Any]:
    """Kolo's fields of a request that got no response, and why."""
    return {**response_fields(method, url, None, None, None), "exception": exception}


def plain_headers(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Headers as the map that Kolo has; what comes twice is joined, as RFC 9110 section 5.2 allows."""
    headers: dict[str, str] = {}
    for key, value in pairs:
        name, text = _text(key), _text(value)
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def body_of_request(body: Any, headers: Mapping[str, str] | None, context: Mapping[str, Any]) -> str | None:
    """What can be told of a body that is going to be sent, without reading a file or an iterator."""
    if body is None:
        return None
    content_type = _content_type(headers)
    if content_type.startswith("multipart/"):
        return MULTIPART_REQUEST
    if isinstance(body, str):
        return body
    if isinstance(body, (bytes, bytearray)):
        return _decoded(body, content_type, context, BINARY_REQUEST)
    return STREAMING_REQUEST


def body_of_response(body: Any, headers: Mapping[str, str] | None, context: Mapping[str, Any]) -> str:
    """A body that has been read; anything but bytes stands for one that has not."""
    if not isinstance(body, (bytes, bytearray)):
        return STREAMING_RESPONSE
    return _decoded(body, _content_type(headers), context, BINARY_RESPONSE)


def redirects(history: Any, status: Callable[[Any], int], url: Callable[[Any], str]) -> dict[str, Any]:
    """The field for the responses that led to the last one; no field where there were none."""
    if not history:
        return {}
    return {"redirects": [{"status_code": status(one), "url": url(one)} for one in history[:_MOST_REDIRECTS]]}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _content_type(headers: Mapping[str, str] | None) -> str:
    for name, value in (headers or {}).items():
        if name.lower() == "content-type":
            return value.lower()
    return ""


def _decoded(body: bytes | bytearray, content_type: str, context: Mapping[str, Any], binary: str) -> str:
    """The beginning of a body as text. Longer than may be recorded, where there is more: the encoder cuts it,
    and takes care of a secret that lies across the cut."""
    import codecs

    _, _, charset = content_type.partition("charset=")
    charset = charset.partition(";")[0].strip(" \"'") or "utf-8"
    most = 4 * (context["max_text"] + 1)
    try:
        if len(body) <= most:
            text = body.decode(charset)
        else:  # which may end within a character
            text = codecs.getincrementaldecoder(charset)("strict").decode(bytes(body[:most]))
    except (LookupError, ValueError):
        return binary
    return binary if "\0" in text else text

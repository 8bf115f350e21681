"""httpx: `Client.send` and `AsyncClient.send`, redirects included; and httpcore, where it has its headers."""

from __future__ import annotations

from kolo_probe.processors._http import (
    body_of_request,
    body_of_response,
    failure_fields,
    link_processor,
    plain_headers,
    processor,
    redirects,
    request_fields,
    response_fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def process(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    request = frame.f_locals["request"]
    method, url = request.method, str(request.url)
    if event == "call":
        headers = plain_headers(request.headers.raw)
        return request_fields(method, url, headers, _request_body(request, headers, context))
    if event == "unwind":
        return failure_fields(method, url, arg)
    headers = plain_headers(arg.headers.raw)
    # `content` raises where nothing has been read; `_content` is not there then.
    body = body_of_response(arg.__dict__.get("_content"), headers, context)
    return {
        **response_fields(method, url, headers, body, arg.status_code),
        **redirects(arg.history, lambda one: one.status_code, lambda one: str(one.request.url)),
    }


def _request_body(request: Any, headers: dict[str, str], context: dict[str, Any]) -> str | None:
    content = request.__dict__.get("_content", request)  # the request: in place of a stream
    return None if content == b"" else body_of_request(content, headers, context)


def link(frame: FrameType, sent: dict[str, str]) -> None:
    headers = frame.f_locals["request"].headers  # of httpcore's own request: the program sees none of it
    if not any(name.lower() == b"traceparent" for name, _ in headers):
        headers.extend((name.encode(), value.encode()) for name, value in sent.items())


PROCESSORS = [
    processor("httpx", "httpx._client", "send", process),
    link_processor("httpx", "httpcore._sync.connection_pool", "handle_request", link),
    link_processor("httpx", "httpcore._async.connection_pool", "handle_async_request", link),
]

"""requests: `Session.send`, which every request and every redirect goes through."""

from __future__ import annotations

from kolo_probe.processors._http import (
    body_of_request,
    body_of_response,
    failure_fields,
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
    method, url = request.method or "GET", request.url or ""
    if event == "call":
        headers = plain_headers((request.headers or {}).items())
        return request_fields(method, url, headers, body_of_request(request.body, headers, context))
    if event == "unwind":
        return failure_fields(method, url, arg)
    headers = plain_headers(arg.headers.items())
    # `content` would read the body; `_content` is False until somebody has.
    body = body_of_response(arg.__dict__.get("_content"), headers, context)
    return {
        **response_fields(method, url, headers, body, arg.status_code),
        **redirects(arg.history, lambda one: one.status_code, lambda one: one.url),
    }


PROCESSORS = [processor("requests", "requests.sessions", "send", process)]

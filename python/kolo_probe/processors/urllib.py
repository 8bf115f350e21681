"""urllib: `AbstractHTTPHandler.do_open`, once for each request that is sent."""

from __future__ import annotations

from kolo_probe.processors._http import (
    body_of_request,
    failure_fields,
    plain_headers,
    processor,
    request_fields,
    response_fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def process(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    request = frame.f_locals["req"]
    method, url = request.get_method(), request.full_url
    if event == "call":
        headers = plain_headers(request.header_items())
        return request_fields(method, url, headers, body_of_request(request.data, headers, context))
    if event == "unwind":
        return failure_fields(method, url, arg)
    # Nobody has read the body: the program does, from the response it gets.
    return response_fields(method, url, plain_headers(arg.headers.items()), None, arg.status)


PROCESSORS = [processor("urllib", "urllib.request", "do_open", process)]

"""aiohttp's client: `ClientSession._request`, redirects included, up to the response's headers."""

from __future__ import annotations

from kolo_probe.processors._http import (
    body_of_request,
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
    given = frame.f_locals
    method, url = given["method"].upper(), _full_url(given)
    if event == "call":
        headers = {
            **plain_headers(given["self"]._default_headers.items()),
            **plain_headers(_pairs(given["headers"])),
        }
        fields = request_fields(method, url, headers, _body(given, headers, context))
        return fields if given["params"] is None else {**fields, "params": given["params"]}
    if event == "unwind":
        return failure_fields(method, url, arg)
    first = (arg.history[0] if arg.history else arg).request_info
    headers = plain_headers(arg.headers.items())
    return {
        # Nobody has read the body: the program does, from the response it gets.
        **response_fields(first.method, str(first.real_url), headers, None, arg.status),
        **redirects(arg.history, lambda one: one.status, lambda one: str(one.request_info.real_url)),
    }


def _full_url(given: dict[str, Any]) -> str:
    """The URL without `params`, which may be anything that gives pairs."""
    try:
        return str(given["self"]._build_url(given["str_or_url"]))
    except Exception:  # what aiohttp is going to say to the program
        return str(given["str_or_url"])


def _pairs(headers: Any) -> Any:
    if hasattr(headers, "items"):
        return headers.items()
    return headers if isinstance(headers, (list, tuple)) else ()


def _body(given: dict[str, Any], headers: dict[str, str], context: dict[str, Any]) -> Any:
    if given["json"] is not None:
        return given["json"]
    data = given["data"]
    return data if type(data) is dict else body_of_request(data, headers, context)


def link(frame: FrameType, sent: dict[str, str]) -> None:
    headers = frame.f_locals["self"].headers  # a copy of the program's, made for this request
    if "traceparent" not in headers:  # whatever the case
        headers.update(sent)


PROCESSORS = [
    processor("aiohttp", "aiohttp.client", "_request", process),
    link_processor("aiohttp", "aiohttp.client_reqrep", "send", link),
]

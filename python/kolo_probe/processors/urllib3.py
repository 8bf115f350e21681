"""urllib3: `HTTPConnectionPool.urlopen`, where the program called it, not where requests or a retry did."""

from __future__ import annotations

from kolo_probe.processors._frames import is_called_by, of_module
from kolo_probe.processors._http import (
    body_of_request,
    body_of_response,
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

# Who calls urlopen for a request that has its span already. A wrapper of another tool may lie in between.
_OUTER = (("urlopen", "/urllib3/connectionpool.py"), ("send", "/requests/adapters.py"))
_MOST_WRAPPERS = 6

_is_ours = of_module("urllib3.connectionpool")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
    return _is_ours(frame, event, arg, context) and not is_called_by(frame, _OUTER, _MOST_WRAPPERS)


def process(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    given = frame.f_locals
    method, url = given["method"], _full_url(given["self"], given["url"])
    if event == "call":
        sent = given["headers"] if given["headers"] is not None else given["self"].headers
        headers = plain_headers(sent.items())
        return request_fields(method, url, headers, body_of_request(given["body"], headers, context))
    if event == "unwind":
        return failure_fields(method, url, arg)
    headers = plain_headers(arg.headers.items())
    # Bytes when urlopen has read the body itself (preload_content), else the program is going to.
    read = arg.__dict__.get("_body")
    body = body_of_response(read, headers, context) if isinstance(read, bytes) else None
    return response_fields(method, url, headers, body, arg.status)


def _full_url(pool: Any, url: str) -> str:
    if "://" in url.partition("?")[0]:  # for a proxy
        return url
    host = f"[{pool.host}]" if ":" in pool.host and pool.host[:1] != "[" else pool.host
    port = "" if pool.port in (None, _DEFAULT_PORTS.get(pool.scheme)) else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{url}"


PROCESSORS = [processor("urllib3", "urllib3.connectionpool", "urlopen", process, call=call)]

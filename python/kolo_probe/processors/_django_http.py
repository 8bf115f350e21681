"""What is told of a Django request and its response, read from where Django keeps it.

Nothing is asked of a request that could read its body: body, POST and files are told when the application has
read them, as far as Django then holds them. A class of the application's that overrides an attribute is not
asked either: what is read are the instances' own attributes, as Django set them.

Fields are Kolo's, of its types django_request and django_response; `body` and `post_data`, which are known
only at the end, come with the response, and `files`.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret
from kolo_probe.processors._dotted import dotted
from kolo_probe.processors._http import STREAMING_RESPONSE, body_of_request, body_of_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from re import Pattern
    from typing import Any

_MOST_NAMES = 200  # headers, parameters, files
_MOST_QUERY = 8_192  # characters of a query string
_MOST_TAG = 1_024  # characters of an HTML tag

_INPUT = r"<(?:input|meta)\b[^>]*(?:>|$)"
_NAMED = r"""\bname\s*=\s*["']?([^"'\s>]+)"""
_VALUE = r"""(\b(?:value|content)\s*=\s*)("[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s>"']+)"""
_patterns: tuple[Pattern[str], ...] = ()  # of these three, once they are needed


def request_fields(request: Any) -> dict[str, Any]:
    """What is known of a request before the application has seen it."""
    known = vars(request)
    meta = known.get("META")
    return {
        "method": _text(known.get("method")),
        "path_info": _text(known.get("path_info")),
        "scheme": _scheme(known.get("scope"), "scheme") or _scheme(meta, "wsgi.url_scheme"),
        "query_params": _query(meta),
        "headers": _request_headers(meta),
    }


def response_fields(request: Any, response: Any, max_text: int, names: Sequence[str]) -> dict[str, Any]:
    """What is known when the response is there. `max_text` is how much of a text is going to be kept, in
    characters; `names` are those of secrets."""
    headers = _response_headers(response)
    return {
        "status_code": status_of(response),
        "headers": headers,
        "content": _content(response, headers, max_text, names),
        **read_fields(request, max_text),
    }


def read_fields(request: Any, max_text: int) -> dict[str, Any]:
    """What the application has made of a request: the view it was resolved to, and the body as far as it was
    read. Also where there is no response."""
    known = vars(request)
    headers = {"content-type": _text(known.get("content_type")) or ""}
    body = known.get("_body")
    if type(body) is not bytes:
        body = None  # nobody has read it
    return {
        "url_pattern": url_pattern(known.get("resolver_match")),
        "body": body_of_request(body, headers, {"max_text": max_text}),
        "post_data": _lists(known.get("_post")),
        "files": _files(known.get("_files")),
    }


def status_of(response: Any) -> int | None:
    """The status of a response. It stands in the class where the response was given none of its own."""
    found = getattr(response, "__dict__", {}).get("status_code")
    if found is None:
        for kind in type.__dict__["__mro__"].__get__(type(response)):
            if "status_code" in kind.__dict__:
                found = kind.__dict__["status_code"]
                break
    return int(found) if isinstance(found, int) else None


def url_pattern(match: Any) -> dict[str, Any] | None:
    """How a URL was resolved to its view; None where it was not."""
    known = getattr(match, "__dict__", None)
    if known is None or "func" not in known:
        return None
    return {
        "namespace": ":".join(map(str, known.get("namespaces") or ())),
        "route": _text(known.get("route")),
        "route_params": {
            "captured": known.get("captured_kwargs") or {},
            "defaults": known.get("extra_kwargs") or {},
        },
        "url_name": _text(known.get("url_name")),
        "view_qualname": _view(known["func"]),
        "view_params": {"positional": known.get("args"), "keyword": known.get("kwargs")},
    }


def _view(function: Any) -> str:
    # as_view() gives its functions the class.
    kind = getattr(function, "__dict__", {}).get("view_class")
    return dotted(function if kind is None else kind)


def _text(value: Any) -> str | None:
    return str.__str__(value) if isinstance(value, str) else None


def _scheme(where: Any, key: str) -> str | None:
    # Not request.scheme: with SECURE_PROXY_SSL_HEADER it may be a question to the application.
    return _text(where.get(key)) if type(where) is dict else None


def _query(meta: Any) -> dict[str, list[str]]:
    text = _text(meta.get("QUERY_STRING")) if type(meta) is dict else None
    if not text:
        return {}
    from urllib.parse import parse_qs

    try:
        return parse_qs(text[:_MOST_QUERY], keep_blank_values=True, max_num_fields=_MOST_NAMES)
    except ValueError:  # too many fields
        return {}


def _request_headers(meta: Any) -> dict[str, str]:
    if type(meta) is not dict:
        return {}
    found: dict[str, str] = {}
    for key, value in meta.items():
        if type(key) is not str or type(value) is not str:
            continue
        if key.startswith("HTTP_"):
            key = key[5:]
        elif key not in ("CONTENT_TYPE", "CONTENT_LENGTH") or not value:
            continue
        found[key.replace("_", "-").title()] = value
        if len(found) >= _MOST_NAMES:
            break
    return found


def _response_headers(response: Any) -> dict[str, Any]:
    headers = getattr(response, "__dict__", {}).get("headers")  # `_headers` before Django 3.2
    kept = getattr(headers, "__dict__", {}).get("_store")
    if type(kept) is not dict:
        return {}
    return dict(list(kept.values())[:_MOST_NAMES])


def _lists(data: Any) -> dict[Any, list[Any]]:
    """A QueryDict's lists: it is a dictionary of them, below its own methods."""
    return dict(list(dict.items(data))[:_MOST_NAMES]) if isinstance(data, dict) else {}


def _files(data: Any) -> dict[Any, list[dict[str, Any]]]:
    return {name: [_file(one) for one in files] for name, files in _lists(data).items()}


def _file(uploaded: Any) -> dict[str, Any]:
    known = getattr(uploaded, "__dict__", {})
    return {"name": known.get("_name"), "size": known.get("size"), "content_type": known.get("content_type")}


def _content(response: Any, headers: Mapping[str, Any], max_text: int, names: Sequence[str]) -> str | None:
    known = getattr(response, "__dict__", {})
    if "_iterator" in known:
        return STREAMING_RESPONSE
    pieces = known.get("_container")
    if type(pieces) is not list:
        return None
    most = 4 * (max_text + _MOST_TAG)  # bytes; more than is kept, so that a cut shows
    body = b""
    for piece in pieces:
        if type(piece) is bytes:
            body = piece if not body else body + piece[:most]
        if len(body) > most:
            break
    encoding = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    if encoding == "gzip":
        body = _unpacked(body, most)
    text = body_of_response(body, headers, {"max_text": max_text})
    return _without_secret_inputs(text[: max_text + _MOST_TAG], names)


def _unpacked(body: bytes, most: int) -> bytes:
    """The beginning of what was compressed."""
    import zlib

    try:
        return zlib.decompressobj(wbits=31).decompress(body, most)
    except zlib.error:
        return body


def _without_secret_inputs(text: str, names: Sequence[str]) -> str:
    """HTML without the values of inputs that have a secret name. JSON and forms the encoder knows.

    >>> _without_secret_inputs('<input name="csrf" value="a">', ["csrf"])
    '<input name="csrf" value="[redacted]">'
    """
    global _patterns
    if not _patterns:
        import re  # Django has it loaded

        _patterns = tuple(re.compile(one, re.IGNORECASE) for one in (_INPUT, _NAMED, _VALUE))
    tag, named, value = _patterns

    def by_name(match: Any) -> str:
        name = named.search(match[0])
        if name is None or not is_secret(name[1], names):
            return str(match[0])
        return value.sub(rf'\1"{REDACTED}"', match[0])

    return tag.sub(by_name, text)

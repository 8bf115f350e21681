"""Links to traces of other processes: W3C Trace Context (https://www.w3.org/TR/trace-context/) in and out.

`traceparent` carries the group, which all traces that one user action led to share, through services of any
make; `tracestate` carries in our member `kolo` the id of the trace that asked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kolo_probe._native import Native

MEMBER = "kolo"

_HEX = frozenset("0123456789abcdef")  # the specification wants lower case
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_BASE_32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")  # int(…, 32)'s digits
_ID_LENGTH = len("trc_") + 26
_MOST_STATE = 16_384  # characters of a tracestate that are looked at; a sound one has 32 members


def incoming(get: Callable[[str], str | None]) -> tuple[str | None, str | None]:
    """(id of the trace that asked, group) as headers tell them, which `get` looks up by lower-case name.

    The id is None where another tracer asked, both are None where the headers are missing or bad. Anyone may
    have sent them: what comes back has the right form, and is no more than a claim. Raises nothing.

    >>> incoming({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ...           "tracestate": "congo=t61,kolo=trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY"}.get)
    ('trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY', '0af7651916cd43dd8448eb211c80319c')
    """
    try:
        group = _group(get("traceparent"))
        if group is None:
            return None, None
        return _parent(get("tracestate")), group
    except Exception:  # get() is a framework's, its headers a stranger's
        return None, None


def outgoing(native: Native, token: int) -> dict[str, str]:
    """The headers of a request or job that the trace `token` sends; {} when there is no such trace.

    `tracestate` has our member only: where those of others are at hand, put them behind it.
    """
    if not token:
        return {}
    trace, group = native.trace_id(token), native.trace_group(token)
    if trace is None or group is None:  # it has just ended
        return {}
    return {"traceparent": f"00-{group}-{_span_id(trace)}-01", "tracestate": f"{MEMBER}={trace}"}


def outgoing_here() -> dict[str, str]:
    """The headers of what is sent here and now; {} outside a trace."""
    from kolo_probe import _session

    here = _session._session  # session() would begin one
    if here is None or here.native is None:
        return {}
    return outgoing(here.native, here.native.current_trace())


def _group(header: object) -> str | None:
    """The trace-id of a traceparent: version 00 as specified, a later one as far as 00 goes."""
    if type(header) is not str or len(header) > 512:
        return None
    text = header.strip(" \t")
    version, group, parent, flags = text[:2], text[3:35], text[36:52], text[53:55]
    dashes = text[2:3] + text[35:36] + text[52:53]
    is_whole = len(text) == 55 if version == "00" else text[55:56] in ("", "-")
    if dashes != "---" or version == "ff" or not is_whole:
        return None
    for part, length in ((version, 2), (group, 32), (parent, 16), (flags, 2)):
        if len(part) != length or not _HEX.issuperset(part):
            return None
    return None if group == "0" * 32 or parent == "0" * 16 else group


def _parent(header: object) -> str | None:
    """The trace id in our member of a tracestate."""
    if type(header) is not str or len(header) > _MOST_STATE:
        return None
    for member in header.split(","):
        key, _, value = member.strip(" \t").partition("=")
        if key == MEMBER:
            return value if _is_trace_id(value) else None
    return None


def _is_trace_id(text: str) -> bool:
    # A ULID has 128 bits in 26 digits of five: its first digit is at most 7.
    digits = text[4:]
    return (
        len(text) == _ID_LENGTH
        and text.startswith("trc_")
        and digits[0] < "8"
        and all(digit in _CROCKFORD for digit in digits)
    )


def _span_id(trace: str) -> str:
    """The parent-id that stands for a whole trace: 64 of its 80 random bits."""
    number = int(trace[-13:].translate(_TO_BASE_32), 32) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{number or 1:016x}"

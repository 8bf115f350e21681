"""http.client, on which requests, urllib, urllib3 and much else sends: the headers that link traces.

No span: what is sent has its own from the library above.
"""

from __future__ import annotations

from kolo_probe.processors._http import link_processor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def link(frame: FrameType, sent: dict[str, str]) -> None:
    """Called before the first line of endheaders(): the request's lines lie in `_buffer`, without line ends,
    and endheaders() is about to send them. A CONNECT for a proxy does not come this way."""
    from http.client import HTTPConnection

    connection = frame.f_locals["self"]
    state = connection.__dict__.get("_HTTPConnection__state")
    lines = connection.__dict__.get("_buffer")
    if state != "Request-started" or type(lines) is not list:
        return  # endheaders() is about to say so, or this is no http.client that we know
    if any(line[:12].lower() == b"traceparent:" for line in lines):
        return
    for name, value in sent.items():
        # Not the method of a class of the program's, which may count or sign what it is given.
        HTTPConnection.putheader(connection, name, value)


PROCESSORS = [link_processor("http.client", "http.client", "endheaders", link)]

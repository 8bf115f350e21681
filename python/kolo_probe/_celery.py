"""Celery: a job goes out with the trace that enqueued it, and each run of one by a worker is a trace.

Both through Celery's public signals, connected once the program itself has imported them. A worker's jobs
are traced where its whole process is: `kolo-probe run -m celery …`, or KOLO_PROBE=1. Then each run has a
trace of kind `job`, beside the process's own, linked to the trace that enqueued it. An eager job is an
ordinary call of its caller, and stays in that trace; so does one that a process runs which is not traced as a
whole. In each case the run is a span.
"""

from __future__ import annotations

import sys

from kolo_probe._links import MEMBER, incoming, outgoing
from kolo_probe._session import begin, session
from kolo_probe._warnings import warn
from kolo_probe.processors._jobs import secret_names, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kolo_probe._session import Session

_connected: object = None  # the signal that is followed

# Runs that have begun, by id(request): (trace to end or 0, span to end). A run keeps its request alive.
_running: dict[int, tuple[int, int]] = {}

_SUCCEEDED = ("SUCCESS", "IGNORED")


def follow_celery() -> None:
    """Connect to Celery's signals if the program has loaded them. Cheap, at each trace."""
    module = sys.modules.get("celery.signals")
    if module is not None:
        follow(vars(module))


def follow(signals: Mapping[str, Any]) -> None:
    """Connect to these signals, by name: the variables of celery.signals. Again does no harm."""
    global _connected
    receivers = {"before_task_publish": _published, "task_prerun": _begun, "task_postrun": _ended}
    if not all(name in signals for name in receivers) or signals["task_prerun"] is _connected:
        return  # another thread is just importing it: the next trace tries again
    _connected = signals["task_prerun"]
    for name, receiver in receivers.items():
        signals[name].connect(receiver, weak=False, dispatch_uid="kolo_probe")


def _published(headers: Any = None, **_: Any) -> None:
    """A message is about to be sent, with these headers."""
    try:
        here = session()
        if here.native is not None and here.options["spans.propagate"] and type(headers) is dict:
            _link(headers, outgoing(here.native, here.native.current_trace()))
    except Exception as error:
        _failed("sends no traceparent", error)


def _link(headers: dict[str, Any], ours: Mapping[str, str]) -> None:
    """Another tracer's traceparent stays: the two then share a group, and tracestate has the way to us. So
    does that of a job that retries itself, which Celery sends again with the headers that it came with."""
    if not ours:
        return
    theirs = incoming(headers.get)[1] is not None
    state = headers.get("tracestate") if theirs else None
    others = [
        member
        for member in (state.split(",") if type(state) is str else ())
        if member.strip() and member.partition("=")[0].strip() != MEMBER
    ]
    if not theirs:
        headers["traceparent"] = ours["traceparent"]
    headers["tracestate"] = ",".join([ours["tracestate"], *others])


def _begun(task: Any = None, task_id: Any = None, args: Any = None, kwargs: Any = None, **_: Any) -> None:
    """A run of a job begins, on this thread."""
    try:
        here = session()
        native = here.native
        if native is None:
            return
        request = task.request
        token = 0
        if here.is_whole_process and not (_is_eager(request) and native.current_trace()):
            parent, group = incoming(_headers_of(request))
            token = begin(here, "job", task.name, parent, group)
        span = 0
        if here.options["spans.enabled"] and native.current_trace():
            span = native.begin_span(
                "job",
                "background_job",
                "celery",
                task.name,
                _told(here, request, task, task_id, args, kwargs),
            )
        if token or span:
            _running[id(request)] = (token, span)
    except Exception as error:
        _failed("a job is not traced", error)


def _ended(
    task: Any = None, task_id: Any = None, args: Any = None, kwargs: Any = None, retval: Any = None,
    state: Any = None, **_: Any,
) -> None:  # fmt: skip
    """The run has ended, however it did."""
    try:
        request = task.request
        token, span = _running.pop(id(request), (0, 0))
        here = session()
        native = here.native
        if native is None:
            return
        if span:
            data = _told(here, request, task, task_id, args, kwargs)
            data["state"] = state
            # isinstance() would ask a __class__ of the program's.
            data["exception" if issubclass(type(retval), BaseException) else "result"] = retval
            outcome = "returned" if state in _SUCCEEDED else "raised"
            native.end_span(span, "background_job_end", None, data, outcome)
        if token:
            native.end_trace(token)
    except Exception as error:
        _failed("a job's end is not recorded", error)


def _told(here: Session, request: Any, task: Any, task_id: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    delivery = getattr(request, "delivery_info", None)
    return {
        "name": task.name,
        "args": without_secrets(task.run, args, secret_names(here.options)),
        "kwargs": kwargs,
        "task_id": task_id,
        "action": "run",
        "retries": getattr(request, "retries", None),
        "routing_key": delivery.get("routing_key") if type(delivery) is dict else None,
        "is_eager": _is_eager(request),
    }


def _is_eager(request: Any) -> bool:
    return getattr(request, "is_eager", False) is True


def _headers_of(request: Any) -> Any:
    """Looks up a header of the message: Celery has made attributes of them, or left them in `headers`."""
    attributes = vars(request)
    headers = attributes.get("headers")
    more: Mapping[str, Any] = headers if type(headers) is dict else {}
    return lambda name: attributes.get(name) or more.get(name)


def _failed(what: str, error: Exception) -> None:
    warn(f"Celery: {what} ({type(error).__name__})")

"""Celery's jobs: where they are enqueued, and where a worker runs them.

Enqueueing is told by processors. Running is followed through Celery's own signals, as a run begins a trace,
which is not to be done inside a hook: see kolo_probe/_celery.py.
"""

from __future__ import annotations

from kolo_probe.processors._jobs import secret_names, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_OPTIONS = ("countdown", "eta", "expires", "queue", "routing_key", "priority")


_MOST_BETWEEN = 4  # frames of wrappers: sentry_sdk has one around each of the two


def _is_outermost(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    """`Task.apply_async`, and `app.send_task` where that did not call it."""
    if frame.f_code.co_name == "apply_async":
        return True
    back = frame.f_back
    for _ in range(_MOST_BETWEEN):
        if back is None:
            break
        if back.f_code.co_name == "apply_async" and "celery/app/task.py" in back.f_code.co_filename:
            return False
        back = back.f_back
    return True


def _process(frame: FrameType, event: str, arg: Any, names: list[str]) -> dict[str, Any]:
    told = frame.f_locals
    task = told["self"]
    if "name" in told:  # send_task(), of the application
        name = told["name"]
        tasks = getattr(task, "_tasks", None)
        task = dict.get(tasks, name) if isinstance(tasks, dict) else None
    else:
        name = task.name
    data: dict[str, Any] = {
        "name": name,
        "args": without_secrets(getattr(task, "run", None), told.get("args"), names),
        "kwargs": told.get("kwargs"),
        "action": "enqueue",
    }
    if event == "call":
        # Celery draws the id of most jobs later, and tells it with its result.
        options = told.get("options")
        given = {**told, **options} if type(options) is dict else told
        data["task_id"] = told.get("task_id")
        data["options"] = {key: given[key] for key in _OPTIONS if given.get(key) is not None}
    elif event == "unwind":
        data["exception"] = arg
    else:
        data["task_id"] = getattr(arg, "id", None)
    return data


def _follow(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    """The program has just imported Celery, and its jobs are to be followed from the first on."""
    from kolo_probe._celery import follow

    follow(frame.f_globals)
    return False  # an import is nothing to tell


_ENQUEUE: dict[str, Any] = {
    "co_names": ["apply_async"],
    "path_fragment": "celery/app/task.py",
    "call_type": "background_job",
    "return_type": "background_job_end",
    "subtype": "celery",
    "build_context": secret_names,
    "call": _is_outermost,
    "process": _process,
    "kind": "job",
    "span_name": "name",
}

PROCESSORS: list[dict[str, Any]] = [
    _ENQUEUE,
    {**_ENQUEUE, "co_names": ["send_task"], "path_fragment": "celery/app/base.py"},
    {
        "co_names": ["<module>"],
        "path_fragment": "celery/signals.py",
        "call_type": "celery_imported",
        "return_type": "celery_imported",
        "subtype": "celery",
        "events": ["return"],
        "call": _follow,
    },
]

"""huey's jobs: where they are enqueued, and where a consumer (or immediate mode) executes them.

Both have Kolo's types; `action` tells them apart. Each execution by a consumer is a trace, too: see
kolo_probe/_huey.py.
"""

from __future__ import annotations

import sys

from kolo_probe.processors._jobs import secret_names, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def _has_task(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    return _task(frame) is not None


def _task(frame: FrameType) -> Any:
    """The job: `execute(self)` of a Task, or what `enqueue(self, task)` is given. A group or chord is none:
    its jobs come one by one."""
    base = getattr(sys.modules.get("huey.api"), "Task", None)
    if base is None:
        return None
    locals_ = frame.f_locals
    task = locals_.get("self") if frame.f_code.co_name == "execute" else locals_.get("task")
    return task if base in type(task).__mro__ else None


def _function(kind: Any) -> Any:
    """The program's function, which huey keeps in the `execute` that it makes for it."""
    execute: Any = getattr(kind, "execute", None)
    code = getattr(execute, "__code__", None)
    if code is None or "func" not in code.co_freevars:
        return None
    return execute.__closure__[code.co_freevars.index("func")].cell_contents


def _process(frame: FrameType, event: str, arg: Any, names: list[str]) -> dict[str, Any]:
    task = _task(frame)
    kind = type(task)
    is_run = frame.f_code.co_name == "execute"
    data = {
        "name": f"{kind.__module__}.{kind.__name__}",
        "args": without_secrets(_function(kind), task.args, names),
        "kwargs": task.kwargs,
        "task_id": task.id,
        "action": "execute" if is_run else "enqueue",
        "retries": task.retries,
    }
    if event == "unwind":
        data["exception"] = arg
    elif event == "return" and is_run:
        data["result"] = arg
    elif event == "call" and not is_run:
        data["eta"] = task.eta
    return data


def _follow(frame: FrameType, _event: str, _arg: Any, _context: Any) -> bool:
    """The program has just imported huey, and its jobs are to be followed from the first on."""
    from kolo_probe._huey import follow

    follow(frame.f_globals)
    return False  # an import is nothing to tell


PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": ["enqueue", "execute"],
        "path_fragment": "/huey/api.py",
        "call_type": "background_job",
        "return_type": "background_job_end",
        "subtype": "huey",
        "build_context": secret_names,
        "call": _has_task,
        "process": _process,
        "kind": "job",
        "span_name": "name",
    },
    {
        "co_names": ["<module>"],
        "path_fragment": "/huey/api.py",
        "call_type": "huey_imported",
        "return_type": "huey_imported",
        "subtype": "huey",
        "events": ["return"],
        "call": _follow,
    },
]

"""huey: each job that a consumer executes is a trace of kind `job`, where its whole process is traced.

It begins and ends around `Huey._execute`, which catches what a job raises: no traceback can tell. In
immediate mode a job is an ordinary call of whoever enqueues it, and stays in that trace.
"""

from __future__ import annotations

import functools
import sys

from kolo_probe._session import begin, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_MARK = "_kolo_probe_follows"


def follow_huey() -> None:
    """Follow huey's jobs if the program has loaded it. Cheap, at each trace."""
    module = sys.modules.get("huey.api")
    if module is not None:
        follow(vars(module))


def follow(names: Mapping[str, Any]) -> None:
    """Follow the jobs of this module's Huey: the variables of huey.api. Again does no harm."""
    huey = names.get("Huey")
    original = getattr(huey, "_execute", None)
    if original is None or hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def _execute(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        here = session()
        native = here.native
        is_call = getattr(self, "_immediate", False)
        if native is None or not here.is_whole_process or (is_call and native.current_trace()):
            return original(self, task, *args, **kwargs)
        token = begin(here, "job", f"{type(task).__module__}.{type(task).__name__}")
        try:
            return original(self, task, *args, **kwargs)
        finally:
            native.end_trace(token)

    setattr(_execute, _MARK, True)
    huey._execute = _execute  # type: ignore[union-attr]

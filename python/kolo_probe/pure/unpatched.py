"""Functions of the standard library as they were before gevent put its own in their place.

The drain is a thread of the system's, whatever the program's threads are.
"""

from __future__ import annotations

import _thread
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _original(module: Any, name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module.__name__, name)
    return getattr(module, name)


sleep = _original(time, "sleep")
start_new_thread = _original(_thread, "start_new_thread")
poll = _original(select, "poll")

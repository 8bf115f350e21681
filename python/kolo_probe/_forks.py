"""The child of a fork inside a trace: it goes on in a trace of its own, which has to end before it does.

Children leave by `os._exit`, past atexit: multiprocessing's do, and so do most that a program forks itself.
The native module begins the trace, at the first call that is recorded in the child.
"""

from __future__ import annotations

import functools
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from kolo_probe._native import Native


def follow_forks(native: Native, timeout_s: float) -> None:
    """Make children that are forked inside a trace end it when they leave by `os._exit`, waiting at most
    `timeout_s` seconds for the collector. Once per program: children inherit it."""
    original = os._exit

    @functools.wraps(original)
    def _exit(status: int) -> NoReturn:
        native.shutdown(timeout_s)
        original(status)

    def in_child() -> None:
        # Elsewhere os._exit stays what it is: the quickest way out, for whoever wants it.
        if native.is_forked_inside() and os._exit is original:
            os._exit = _exit

    os.register_at_fork(after_in_child=in_child)

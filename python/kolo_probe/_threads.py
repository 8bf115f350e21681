"""Traces follow the work that is handed to other threads.

A new thread belongs to the trace in which it was started, and a ThreadPoolExecutor's work item to the trace
in which it was submitted, whichever request its worker thread was started by; a gevent Greenlet to the trace
in which it was started. Installed at the first trace, for modules that are loaded later at the next one.

What is replaced are methods that never lie between a caught exception and its origin: `Thread._set_ident` has
returned before `run` is called, and `_WorkItem.run` is above the frame that catches. So no traceback, no
excepthook, no subclass and no pickled thread can tell the difference. These names are private but the same
from CPython 3.9 to 3.14; where one is missing, traces stop at that border and all else works.
"""

from __future__ import annotations

import contextvars
import functools
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kolo_probe._native import Native

# Tokens of threads being started, by id(thread): only while `start` runs, which keeps the thread alive.
_starting: dict[int, list[int]] = {}

_ITEM_TOKEN = "_kolo_probe_trace"
_SUBMITTED_UNSEEN = -1  # no token: the item was made before executors were followed


def follow_threads(native: Native) -> None:
    """Make `threading.Thread` and `ThreadPoolExecutor` hand the current trace on."""
    if hasattr(threading.Thread, "_set_ident"):
        _follow_thread_start(native)
        # A thread that another thread is starting does not exist in the child of a fork.
        os.register_at_fork(after_in_child=_starting.clear)
    follow_late_imports(native)


def follow_late_imports(native: Native) -> None:
    """The same for executors and gevent, once they are loaded: loading them for this would cost more than
    all of ours. Cheap, at each trace."""
    _follow_executors(native)
    _follow_greenlets(native)


def _follow_thread_start(native: Native) -> None:
    original_start = threading.Thread.start
    original_set_ident: Any = threading.Thread._set_ident  # type: ignore[attr-defined]

    @functools.wraps(original_start)
    def start(self: threading.Thread) -> None:
        # An executor's module may be imported after the last trace began; its first worker passes here.
        follow_late_imports(native)
        token = native.current_trace()
        if not token:
            return original_start(self)
        key, entry = id(self), [token]
        # A second, forbidden start of the same thread must not disturb the first.
        if _starting.setdefault(key, entry) is not entry:
            return original_start(self)
        try:
            return original_start(self)
        finally:
            _starting.pop(key, None)

    @functools.wraps(original_set_ident)
    def set_ident(self: threading.Thread) -> None:
        original_set_ident(self)
        if _starting:  # the first thing that a new thread does, before `start` returns in the other
            entry = _starting.get(id(self))
            if entry is not None:
                native.adopt_trace(entry[0])

    threading.Thread.start = start  # type: ignore[method-assign]
    threading.Thread._set_ident = set_ident  # type: ignore[attr-defined]


def _follow_executors(native: Native) -> None:
    module = sys.modules.get("concurrent.futures.thread")
    item = getattr(module, "_WorkItem", None)
    if item is None or getattr(item, _ITEM_TOKEN, None) is not None or "run" not in vars(item):
        return
    _follow_work_items(native, item)


def _follow_work_items(native: Native, item: Any) -> None:
    original_init = item.__init__
    original_run = item.run

    # The executor makes the item inside submit(), so in the submitter's thread and context.
    @functools.wraps(original_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original_init(self, *args, **kwargs)
        setattr(self, _ITEM_TOKEN, native.current_trace())

    @functools.wraps(original_run)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        before = native.current_trace()
        token = getattr(self, _ITEM_TOKEN)
        if token in (before, _SUBMITTED_UNSEEN):
            original_run(self, *args, **kwargs)
            return
        native.adopt_trace(token)
        try:
            original_run(self, *args, **kwargs)
        finally:
            native.adopt_trace(before)

    # As a class attribute it marks the class as done, and speaks for items that are older than this.
    setattr(item, _ITEM_TOKEN, _SUBMITTED_UNSEEN)
    item.__init__ = init
    item.run = run


_gevent_greenlet: object = None  # the class that is followed


def _follow_greenlets(native: Native) -> None:
    global _gevent_greenlet
    module = sys.modules.get("gevent.greenlet")
    greenlet = getattr(module, "Greenlet", None)
    if greenlet is None or greenlet is _gevent_greenlet or not hasattr(greenlet, "add_spawn_callback"):
        return

    def spawned(child: Any) -> None:
        """gevent calls it in the greenlet that starts the other one."""
        token = native.current_trace()
        # One that brings a Context of its own has the trace from where that was copied, or is to have none.
        if token and getattr(child, "gr_context", token) is None:
            context = contextvars.Context()
            context.run(native.adopt_trace, token)
            child.gr_context = context

    _gevent_greenlet = greenlet
    greenlet.add_spawn_callback(spawned)

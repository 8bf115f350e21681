"""What records in this process and on this thread at the moment, and what a fork makes of it."""

from __future__ import annotations

import os
import sys
import threading
from _thread import _local

from kolo_probe._warnings import warn
from kolo_probe.pure.drain import Drain
from kolo_probe.pure.process import Configuration, Process
from kolo_probe.pure.recorder import Recorder
from kolo_probe.pure.ring import Ring
from kolo_probe.pure.slots import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORK_HELLO_S = 2.0


class _State:
    """Kept over forks, but for `process` and `drain`."""

    configuration: Configuration | None = None
    process: Process | None = None
    drain: Drain | None = None
    is_over = False  # recording has been ended for good
    processes = 0
    next_ring = 1
    parent: bytes | None = None  # the id of the process this one was forked from
    origin: tuple[Slot, int, int] | None = None  # where it was forked: trace, ring, ordinal
    is_forked_inside = False
    watches_forks = False


state = _State()
_thread = _local()


def ensure_process() -> Process | None:
    """The process that records here, made when there is none yet; None when nothing is to be recorded."""
    process = state.process
    if process is not None:
        if state.drain is not None:
            state.drain.ensure_running()
        return process
    if state.is_over or state.configuration is None:
        return None
    if not state.watches_forks:
        state.watches_forks = True
        os.register_at_fork(before=_before_fork, after_in_child=_in_child)
    state.processes += 1
    process = Process(state.configuration, state.parent, state.processes)
    try:
        state.drain = Drain(process)
    except OSError:  # no descriptor is left
        return None
    process.wake = state.drain.wake
    state.process = process
    state.drain.ensure_running()
    return process


def ensure_recorder(process: Process) -> Recorder:
    """This thread's."""
    found = current_recorder()
    if found is not None:
        return found
    ring = Ring(
        state.next_ring,
        threading.get_native_id(),
        process.pool,
        max(process.most_blocks // 2, 1),
        process.wake,
    )
    state.next_ring += 1
    process.rings.append(ring)
    recorder = Recorder(process, ring)
    _thread.recorder = recorder
    return recorder


def current_recorder() -> Recorder | None:
    """This thread's, if it has one in the current process."""
    recorder: Recorder | None = getattr(_thread, "recorder", None)
    return recorder if recorder is not None and recorder.process is state.process else None


# --- The hook ---

_LEFT_ALONE = (
    "another profiler (sys.setprofile or cProfile) is active on a thread, and is left alone: calls on that "
    "thread are not recorded. Stop the other profiler before tracing begins."
)
_REPLACED = (
    "another profiler (sys.setprofile or cProfile) took the profile hook's place during a trace: later calls "
    "on that thread are not recorded. Use it outside of traces."
)


def set_hook_here(process: Process) -> None:
    """On the calling thread, where it is missing."""
    from kolo_probe.pure.hook import Hook

    recorder = ensure_recorder(process)
    present = sys.getprofile()
    if isinstance(present, Hook):
        present.recorder = recorder
        return
    if recorder.running:
        lose_hook(recorder)
    if present is not None and present is not first_call:
        warn(_LEFT_ALONE)
        return
    recorder.has_hook = True
    sys.setprofile(Hook(recorder))


def set_hook_everywhere(process: Process) -> None:
    """On this thread, and on those that Python starts from now on; from 3.12 on also on those that run."""
    set_hook_here(process)
    if getattr(threading, "_profile_hook", None) is None:
        on_all = getattr(threading, "setprofile_all_threads", None)
        threading.setprofile(first_call)
        if on_all is not None and sys.version_info >= (3, 12):
            _set_on_running_threads(on_all)


def _set_on_running_threads(on_all: Any) -> None:
    here = sys.getprofile()
    on_all(first_call)
    sys.setprofile(here)


def first_call(frame: Any, event: str, arg: Any) -> None:
    """The hook of a thread until its first event, which gives it one of its own."""
    process = state.process
    if process is None:
        return
    set_hook_here(process)
    hook: Any = sys.getprofile()
    if hook is not None and hook is not first_call:
        hook(frame, event, arg)


def notice_replaced_hook() -> None:
    from kolo_probe.pure.hook import Hook

    recorder = current_recorder()
    if recorder is not None and recorder.has_hook and not isinstance(sys.getprofile(), Hook):
        lose_hook(recorder)


def lose_hook(recorder: Recorder) -> None:
    """The thread had the hook and has it no more. The interpreter takes it away itself where a call cannot be
    told, as the program has reached its recursion limit: that costs the trace what ran, and no warning."""
    recorder.has_hook = False
    recorder.lose_running()
    if sys.getprofile() is not None:
        warn(_REPLACED)


def remove_hook() -> None:
    """From this thread, and from those to come; those of other threads do nothing any more."""
    from kolo_probe.pure.hook import Hook

    if isinstance(sys.getprofile(), Hook):
        sys.setprofile(None)
    if getattr(threading, "_profile_hook", None) is first_call:
        threading.setprofile(None)


# --- Forks ---


def _before_fork() -> None:
    state.origin = None
    recorder = current_recorder()
    if recorder is not None:
        place = recorder.place()
        if place.slot is not None and not place.is_over:
            state.origin = (place.slot, place.ring, place.ordinal)
    if state.drain is not None:
        state.drain.stop()  # started again at the next call that is recorded, and not in a handler


def _in_child() -> None:
    process, drain = state.process, state.drain
    state.process = state.drain = None
    state.next_ring = 1
    if process is not None:
        process.is_stopped = True
        state.parent = process.id
    if drain is not None:
        drain.abandon()
    state.is_forked_inside = state.origin is not None


def continue_after_fork() -> Process | None:
    """In a child that was forked inside a trace: begins the trace in which it goes on, once."""
    if not state.is_forked_inside:
        return state.process
    state.is_forked_inside = False
    process, origin = ensure_process(), state.origin
    if process is None or origin is None or state.drain is None:
        return process
    inside, ring, ordinal = origin
    slot = Slot(take_number(), "fork", inside.name, (inside.id, ring, ordinal), 0, inside.group)
    process.slots[slot.number] = slot
    ensure_recorder(process).adopted = slot.number
    process.wake()
    if process.configuration.waits:
        # It may be gone by os._exit() before its drain thread has said hello.
        state.drain.wait_connected(_FORK_HELLO_S)
    return process


_numbers = iter(range(1, 1 << 62))  # over forks: an inherited token never names a trace of the child


def take_number() -> int:
    return next(_numbers)

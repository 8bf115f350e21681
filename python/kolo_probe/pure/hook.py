"""The function that sys.setprofile calls: one for each thread, with that thread's recorder."""

from __future__ import annotations

import sys

from kolo_probe.pure.codes import info_of
from kolo_probe.pure.contexts import IS_TOLD, is_context_run
from kolo_probe.pure.exits import YIELD, drops
from kolo_probe.pure.spans import dispatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from kolo_probe.pure.recorder import Recorder

_SUSPENDS = 0x2A0  # generator, coroutine, asynchronous generator
_HANDS_OVER_THROWN = sys.version_info[:2] == (3, 12)
# 3.11 stands at a yield when something is thrown in, and behind it when something is sent.
_STANDS_AT_YIELD_TO_THROW = sys.version_info[:2] == (3, 11)
_LOSES_RESUMPTIONS = sys.version_info[:2] == (3, 11)
_THROWERS = ("throw", "close")


# More calls within each other than taking an event needs, but for values and processors, which see to it that
# a RecursionError of theirs costs no more than what they would have told.
_DEEPEST = 12


def _reach(depth: int) -> None:
    if depth:
        _reach(depth - 1)


class Hook:
    """Callable as sys.setprofile wants it."""

    __slots__ = ("_configuration", "_is_throwing", "_yielded_to", "recorder")

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._configuration = recorder.process.configuration
        self._is_throwing = False  # the builtin that was just called throws into a generator
        self._yielded_to = 0  # the frame that got what a generator has just yielded

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        try:
            _reach(_DEEPEST)
        except RecursionError:
            # The program is near its limit, and is to find it where it is. What leaves the hook would also
            # take the hook away.
            limit = sys.getrecursionlimit()
            sys.setrecursionlimit(limit + 4 * _DEEPEST)
            try:
                self._take(frame, event, arg)
            finally:
                sys.setrecursionlimit(limit)
            return
        self._take(frame, event, arg)

    def _take(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            self._call(frame, arg)
        elif event == "return":
            self._return(frame, arg)
        elif event == "c_call":
            self._is_throwing = getattr(arg, "__name__", "") in _THROWERS
            if not IS_TOLD and is_context_run(arg):
                self.recorder.contexts.enter()
        else:
            self._is_throwing = False
            if not IS_TOLD and is_context_run(arg):
                self.recorder.contexts.leave()

    def _call(self, frame: FrameType, arg: Any) -> None:
        self._yielded_to = 0
        is_throwing, self._is_throwing = self._is_throwing, False
        code = frame.f_code
        info = info_of(code, self._configuration)
        recorder = self.recorder
        if recorder.process.is_stopped:
            if not info.is_accepted or not self._has_gone_on():
                return
            recorder = self.recorder
        if not info.is_accepted:
            if info.matched:
                dispatch(self.recorder, frame, info, self._event_of_call(frame, info), arg)
            return
        if _LOSES_RESUMPTIONS and frame.f_back is not None and frame.f_back.f_code.co_flags & _SUSPENDS:
            # After throw() through `yield from` or `await` the outer frame goes on without an event: that it
            # has is seen when it calls.
            below = info_of(frame.f_back.f_code, self._configuration)
            if below.is_accepted:
                recorder.resume(frame.f_back, below, None, was_thrown=False)
        exits = info.exits
        if exits.can_suspend and frame.f_lasti != exits.first:
            thrown = arg if _HANDS_OVER_THROWN and arg is not None else None
            was_thrown = thrown is not None or is_throwing or drops(frame.f_back)
            # PyPy enters the outer one first, and what is thrown goes on to the inner one.
            self._is_throwing = is_throwing and frame.f_lasti in exits.delegates
            if _STANDS_AT_YIELD_TO_THROW and frame.f_lasti in exits.yields:
                was_thrown = True
            recorder.resume(frame, info, thrown, was_thrown=was_thrown)
        else:
            recorder.start(frame, info)
        if info.matched:
            dispatch(recorder, frame, info, self._event_of_call(frame, info), arg)

    def _return(self, frame: FrameType, arg: Any) -> None:
        inner_yielded = self._yielded_to == id(frame)
        self._yielded_to = 0
        self._is_throwing = False
        code = frame.f_code
        info = info_of(code, self._configuration)
        if not info.is_accepted and not info.matched:
            if info.suspends:
                self._note_yield(frame, code, arg)
            return
        recorder = self.recorder
        if recorder.process.is_stopped:
            return
        if info.matched:
            how = info.exits.of(frame.f_lasti, arg, None, was_thrown=False, inner_yielded=inner_yielded)
            dispatch(recorder, frame, info, how, arg)
        if info.is_accepted:
            how = recorder.leave(frame, info, arg, inner_yielded=inner_yielded)
        if how == YIELD and frame.f_back is not None:
            self._yielded_to = id(frame.f_back)

    def _has_gone_on(self) -> bool:
        """In the child of a fork inside a trace: whether that goes on here."""
        from kolo_probe.pure.here import continue_after_fork, ensure_recorder

        process = continue_after_fork()
        if process is None:
            return False
        self.recorder = ensure_recorder(process)
        return True

    def _note_yield(self, frame: FrameType, code: Any, arg: Any) -> None:
        """A generator of a library is left: whether it yielded matters to what awaits it. With None, as all
        that tells is the place where it stands."""
        if arg is None and frame.f_back is not None and frame.f_lasti in _yields_of(code):
            self._yielded_to = id(frame.f_back)

    def _event_of_call(self, frame: FrameType, info: Any) -> str:
        is_start = not info.exits.can_suspend or frame.f_lasti == info.exits.first
        return "call" if is_start else "resume"


_yields: dict[int, tuple[Any, frozenset[int]]] = {}
_MOST_YIELDS = 1024


def _yields_of(code: Any) -> frozenset[int]:
    import weakref

    from kolo_probe.pure.exits import Exits

    known = _yields.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    if len(_yields) >= _MOST_YIELDS:
        _yields.clear()
    found = Exits(code).yields
    _yields[id(code)] = (weakref.ref(code), found)
    return found

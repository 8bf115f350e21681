"""The ways to record that are compared, each as its users switch it on around a block."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any


class Recorder:
    """One way to record. This one records nothing."""

    def recording(self) -> AbstractContextManager[object]:
        """Records what runs inside the block; leaving it takes everything away that was recorded."""
        return nullcontext()

    def emitted(self) -> int | None:
        """Events so far, where the recorder counts them."""
        return None


class Noop(Recorder):
    """A hook that is entered as the probe's would be, and does nothing."""

    def __init__(self, hook: str) -> None:
        from kolo_probe import _probe
        from kolo_probe._session import session

        session({"hook": hook})
        _probe.register_noop_profiler()


class Probe(Recorder):
    """kolo-probe. The hook stays on from the first block to the last, as it does in a server."""

    def __init__(self, hook: str, values: bool) -> None:
        import kolo_probe
        from kolo_probe import _probe

        self._probe = _probe
        self._enable = kolo_probe.enable
        self._config = {"hook": hook, "values": values}

    @contextmanager
    def recording(self) -> Iterator[None]:
        with self._enable(self._config):
            assert self._probe.wait_connected(10), self._probe.status()
            yield
        assert self._probe.flush(60), self._probe.status()
        status = self._probe.status()
        assert not any(status["lost"].values()), status

    def emitted(self) -> int:
        count: int = self._probe.status()["emitted"]
        return count


class Kolo(Recorder):
    def __init__(self) -> None:
        import kolo

        self._enable = kolo.enable

    @contextmanager
    def recording(self) -> Iterator[None]:
        with self._enable():
            yield
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()  # it saves in the background


class VizTracer(Recorder):
    def __init__(self, arguments: bool) -> None:
        import viztracer

        self._tracer = viztracer.VizTracer(
            log_func_args=arguments, log_func_retval=arguments, verbose=0, output_file=os.devnull
        )

    @contextmanager
    def recording(self) -> Iterator[None]:
        self._tracer.start()
        yield
        self._tracer.stop()
        self._tracer.clear()


class CProfile(Recorder):
    @contextmanager
    def recording(self) -> Iterator[None]:
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
        yield
        profile.disable()


class Trace0(Recorder):
    def __init__(self) -> None:
        import trace0

        self._tracer: Callable[..., AbstractContextManager[Any]] = trace0.Tracer

    def recording(self) -> AbstractContextManager[Any]:
        return self._tracer("measured.trace", format="protobuf")


# The default hook and the profile hook, each without and with values (+v); then the peers.
RECORDERS: dict[str, Callable[[], Recorder]] = {
    "untraced": Recorder,
    "null": lambda: Noop("auto"),
    "null profile": lambda: Noop("profile"),
    "probe": lambda: Probe("auto", False),
    "probe+v": lambda: Probe("auto", True),
    "profile": lambda: Probe("profile", False),
    "profile+v": lambda: Probe("profile", True),
    "trace0": Trace0,
    "cProfile": CProfile,
    "viztracer": lambda: VizTracer(False),
    "viztracer+v": lambda: VizTracer(True),
    "Kolo": Kolo,
}


# What may be missing, or fail on this Python, without the benchmark failing.
PEERS = ("trace0", "cProfile", "viztracer", "viztracer+v", "Kolo")

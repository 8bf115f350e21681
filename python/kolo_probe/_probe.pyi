"""The native module: hook, recorder, rings and drain thread. Every function may be called at any time and
raises nothing but TypeError for an argument of a wrong type."""

def configure(settings: dict[str, object]) -> bool:
    """Fix the settings of this process; the first call decides. False: its filters were others."""

def begin_trace(kind: str, name: str | None) -> int:
    """Begin a trace here. A token, or 0 when this work is not traced."""

def end_trace(token: int, name: str | None = None) -> None:
    """End a trace; `name` replaces the one it began with. Once is enough, more does no harm."""

def current_trace() -> int:
    """Token of the trace that a call made here and now would belong to; 0: none."""

def is_forked_inside() -> bool:
    """Whether this process was forked inside a trace, and nothing has been recorded in it yet."""

def trace_id(token: int) -> str | None:
    """The id ("trc_…") of a live trace."""

def adopt_trace(token: int) -> None:
    """Plain calls of this thread that find no other trace belong to that one from now on; 0: to none."""

def suspend_trace(token: int) -> None:
    """Take the trace away while the generator that it belongs to is suspended."""

def resume_trace(token: int) -> None:
    """Put back what suspend_trace took away."""

def wait_connected(timeout_s: float) -> bool:
    """Wait until a collector has answered (True), or connecting failed or the time is over (False)."""

def flush(timeout_s: float) -> bool:
    """Wait until everything recorded so far is acknowledged; False when the time was over first."""

def shutdown(timeout_s: float = 5.0) -> bool:
    """End live traces, remove the hook, flush, stop the drain thread. False when the time was over first."""

def status() -> dict[str, object]:
    """What the probe of this process does at the moment: connection, counters, arena, hook, last error."""

def register_profiler() -> None:
    """Set the recording hook on this thread and on later ones (for measuring)."""

def register_noop_profiler() -> None:
    """Set a hook that does nothing on this thread and on later ones (for measuring)."""

def encode_value(value: object, name: str = "", limits: dict[str, object] = ...) -> bytes:
    """What would be recorded of a value under that name, as msgpack (to see what limits and redaction do)."""

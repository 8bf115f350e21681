"""The trace of a whole process: what `kolo-probe run` and `KOLO_PROBE=1 python …` record.

KOLO_PROBE is looked at by `kolo_probe.pth`, which lies beside the package and which `site` runs in every
Python process of the environment. Without the variable it imports nothing.
"""

from __future__ import annotations

import os
import sys

from kolo_probe._names import program_name
from kolo_probe._paths import is_disabled
from kolo_probe._session import begin, session
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kolo_probe._session import Session

_CONNECT_TIMEOUT_S = 5.0

# A process of multiprocessing's own, in which no line of the program runs.
_RESOURCE_TRACKER = "from multiprocessing.resource_tracker import"


def process_session(config: object = None) -> Session:
    """The session of a process that is traced whole: it waits rather than lose events, where its
    configuration does not say otherwise."""
    return session(config, defaults={"when_full": "wait"})


def trace_process(
    here: Session, kind: str, name: str, parent: str | None = None, group: str | None = None
) -> None:
    """Begin the trace of this process. It ends when the process does: threads that outlive the program's last
    line are part of it."""
    if here.native is None:
        return
    here.is_whole_process = True
    if here.options["one_trace_per_test"]:
        from kolo_probe._unittest import follow_unittest

        follow_unittest(here, here.native)
    # Connected first, and only then the trace: a program that does nothing but call finds its events
    # being taken away from the start, and the time until then is not the trace's.
    here.native.register_profiler()
    here.native.wait_connected(_CONNECT_TIMEOUT_S)
    begin(here, kind, name, parent, group)


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """True when KOLO_PROBE is "1" or "true" and KOLO_DISABLE does not say no."""
    value = environ.get("KOLO_PROBE", "").strip().lower()
    if value in ("", "0", "false"):
        return False
    if is_disabled(environ):
        return False
    if value not in ("1", "true"):
        warn("KOLO_PROBE is neither 1 nor 0: this process is not traced; KOLO_PROBE=1 traces it")
        return False
    return True


def follow_site() -> None:
    """Trace this process from where `site` has done its work; kolo_probe.pth calls it in the middle of that.

    Only then are all folders on sys.path. A sitecustomize of ours would be in the way of the application's:
    Python runs the first it finds. Raises nothing: `site` would print a traceback into the program's output.
    """
    try:
        if not is_asked_for(os.environ):
            return
        import site

        original = site.execsitecustomize
        if original.__module__ == __name__:
            return  # the .pth file of a second folder

        def execsitecustomize() -> None:
            site.execsitecustomize = original
            original()
            _trace_this_process()

        site.execsitecustomize = execsitecustomize
    except Exception as error:
        _failed(error)


def _trace_this_process() -> None:
    try:
        words = _command_line()
        if not _is_program(words):
            return
        first = _first_on_path(words)
        # Processors that the configuration names are often the program's own modules.
        if first is not None:
            sys.path.insert(0, first)
        try:
            here = process_session()
        finally:
            if first is not None and sys.path[:1] == [first]:
                del sys.path[0]
        trace_process(here, *program_name(words))
    except Exception as error:
        _failed(error)


def _failed(error: Exception) -> None:
    warn(f"KOLO_PROBE: this process is not traced ({type(error).__name__}: {error})")


def _command_line() -> list[str]:
    """The program's words without Python and its options: [SCRIPT, …], ["-m", MODULE, …], ["-c", TEXT, …];
    [""] for what comes from standard input."""
    argv: Sequence[str] = getattr(sys, "argv", None) or [""]
    if argv[0] not in ("-m", "-c"):
        return list(argv)
    # Python has taken the word behind it away, and `-Im module` and `-mmodule` are as good.
    typed = _typed()[: -len(argv) + 1 or None]
    last = typed[-1] if typed else ""
    option = argv[0][1]
    if last.startswith("-") and option in last:
        last = last.partition(option)[2]
    return [argv[0], last, *argv[1:]]


def _typed() -> list[str]:
    if hasattr(sys, "orig_argv"):
        return list(sys.orig_argv)
    with open("/proc/self/cmdline", "rb") as file:  # before Python 3.10
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def _is_program(words: Sequence[str]) -> bool:
    """False for what is not the user's: `kolo-probe run` makes a trace itself."""
    if words[0] == "-m":
        return words[1].partition(".")[0] != "kolo_probe"
    if words[0] == "-c":
        return not words[1].startswith(_RESOURCE_TRACKER)
    return os.path.basename(words[0]) != "kolo-probe"


def _first_on_path(words: Sequence[str]) -> str | None:
    """What Python is going to put before all else on sys.path; None with -P and -I."""
    from kolo_probe import _run

    if words[0] in ("", "-c"):
        return None if _run.is_path_safe() else ""
    is_module = words[0] == "-m"
    return _run.first_on_path(_run.Program(words[1] if is_module else words[0], (), is_module=is_module))

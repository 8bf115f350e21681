"""The recording session of this process: configured once, at the first thing to trace, and kept over fork.

Owner of what Python knows about it. Importing this module starts and reads nothing.
"""

from __future__ import annotations

import atexit
import os
import sys

from kolo_probe._paths import is_disabled, project_folder
from kolo_probe._text import encodable
from kolo_probe._warnings import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kolo_probe._native import Native


SHUTDOWN_TIMEOUT_S = 5.0  # the longest that a process may wait at its exit for the last acknowledgement


class Session:
    """The native module and the options it was configured with; `native` is None where nothing is traced."""

    __slots__ = ("config", "finalizer_pid", "follows_threads", "is_whole_process", "native", "options")

    def __init__(self, native: Native | None, options: Mapping[str, Any], config: object = None) -> None:
        self.native = native
        self.options = options
        self.config = config  # the last of enable(config) that was looked at
        self.follows_threads = False
        self.finalizer_pid = 0
        self.is_whole_process = False  # traced from its first line on: by `kolo-probe run` or KOLO_PROBE


_session: Session | None = None


def session(config: object = None, *, defaults: Mapping[str, Any] | None = None) -> Session:
    """The session of this process. The first call configures it; a later one with filters of its own, which
    can then no longer be changed, warns once. `defaults` stand below the configuration file."""
    global _session
    if _session is None:
        _session = _start(config, defaults or {})
    elif config is not None and _session.native is not None and config != _session.config:
        _session.config = config
        _compare(_session.native, config)
    return _session


def begin(
    here: Session, kind: str, name: str | None, parent: str | None = None, group: str | None = None
) -> int:
    """Begin a trace; its token, or 0 when it is not traced (the native module says why in its status).
    `parent` and `group` tell what asked for it from elsewhere: see _links.incoming()."""
    native = here.native
    if native is None:
        return 0
    from kolo_probe import _threads

    if not here.follows_threads:
        from kolo_probe._forks import follow_forks

        here.follows_threads = True
        _threads.follow_threads(native)
        follow_forks(native, SHUTDOWN_TIMEOUT_S)
    _threads.follow_late_imports(native)
    _follow_queues()
    _flush_multiprocessing_child(here, native)
    return native.begin_trace(kind, None if name is None else encodable(name), parent, group)


def _follow_queues() -> None:
    """Job queues, once the program has loaded them."""
    if "celery.signals" in sys.modules:
        from kolo_probe._celery import follow_celery

        follow_celery()
    if "huey.api" in sys.modules:
        from kolo_probe._huey import follow_huey

        follow_huey()


def _start(config: object, defaults: Mapping[str, Any]) -> Session:
    from kolo_probe._config import call_options, file_options
    from kolo_probe._settings import native_settings, with_defaults

    project = project_folder(os.environ)
    if is_disabled(os.environ):
        return Session(None, with_defaults({}))
    options = with_defaults({**defaults, **file_options(project), **call_options(config)})
    if "t" in getattr(sys, "abiflags", ""):  # loading the module would give the whole program its GIL back
        warn("nothing is recorded: this is a free-threaded build of Python; use an ordinary one to trace")
        return Session(None, options)
    try:
        native = _load(options["hook"])
        _configure(native, native_settings(options, project, os.environ))
    except Exception as error:  # whatever it is: the program goes on
        warn(f"nothing is recorded: the probe cannot be loaded ({error}); reinstall kolo-probe")
        return Session(None, options)
    if options["spans.enabled"]:
        _ask_processors(native, options)
    # Registered early, so it runs after the program's own exit functions.
    atexit.register(native.shutdown, SHUTDOWN_TIMEOUT_S)
    return Session(native, options, config)


def _load(hook: str) -> Native:
    """The native module; the probe in Python on PyPy, and where the native one cannot be loaded."""
    if hook != "pure" and sys.implementation.name != "pypy":
        try:
            from kolo_probe import _probe

            return _probe
        except Exception as error:  # not built for this interpreter, a library missing, …
            warn(
                f"the native module cannot be loaded ({error}): the probe in Python is used, which is many "
                "times slower; reinstall kolo-probe"
            )
    from kolo_probe.pure import probe

    return probe


def _ask_processors(native: Native, options: Mapping[str, Any]) -> None:
    try:
        from kolo_probe._processors import Dispatcher, load

        processors = load(options)
        patterns = [(list(one.co_names), one.path_fragment, list(one.events)) for one in processors]
        native.set_dispatcher(patterns, Dispatcher(native, processors, options))
    except Exception as error:  # a plugin's doing; calls are recorded without them
        warn(f"no processor is asked ({type(error).__name__}): calls are recorded, spans are not")


def _compare(native: Native, config: object) -> None:
    from kolo_probe._config import call_options, file_options
    from kolo_probe._settings import native_settings, with_defaults

    project = project_folder(os.environ)
    options = with_defaults({**file_options(project), **call_options(config)})
    _configure(native, native_settings(options, project, os.environ))


def _configure(native: Native, settings: dict[str, object]) -> None:
    if not native.configure(settings):
        warn("enable(config): a process keeps the filters it was first configured with; these are not used")


def _flush_multiprocessing_child(here: Session, native: Native) -> None:
    """A multiprocessing child leaves by os._exit, past atexit: its own finalizers are the only way out."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or here.finalizer_pid == os.getpid():
        return
    util = sys.modules.get("multiprocessing.util")
    try:
        in_child = process.parent_process() is not None
        if util is not None and in_child:
            # The lowest priority runs last, when the program's own finalizers are through.
            util.Finalize(None, native.shutdown, args=(SHUTDOWN_TIMEOUT_S,), exitpriority=-1_000_000)
    except AttributeError:
        return  # another thread is just importing multiprocessing: the next trace tries again
    here.finalizer_pid = os.getpid()


def begin_or_join(here: Session, name: str | None) -> tuple[int, bool]:
    """The token of the trace this code runs in (0: none), and whether it began here and is to be ended."""
    if here.native is None:
        return 0, False
    current = here.native.current_trace()
    if current:
        return current, False
    token = begin(here, "block", name)
    return token, token != 0

"""The pytest plugin: each test a trace of kind `test`, named by its node id, where that is asked for.

    pytest --kolo-probe-one-trace-per-test
    kolo-probe run --one-trace-per-test -m pytest      # beside the trace of pytest itself

or `one_trace_per_test = true` in the configuration. pytest loads this wherever kolo-probe is installed; where
it is not asked for it loads and hooks nothing.
"""

from __future__ import annotations

import os

import pytest

from kolo_probe import _session
from kolo_probe._paths import project_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from kolo_probe._native import Native
    from kolo_probe._session import Session

_KEY = "one_trace_per_test"
_OPTION = "kolo_probe_one_trace_per_test"
_LINK = "kolo_probe_link"  # what pytest-xdist's controller tells its workers: the headers of _links.py


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("kolo-probe").addoption(
        "--kolo-probe-one-trace-per-test",
        action="store_true",
        default=False,
        dest=_OPTION,
        help="record each test as a trace of its own (kolo-trace list shows them)",
    )


def pytest_configure(config: pytest.Config) -> None:
    link: Mapping[str, str] | None = getattr(config, "workerinput", {}).get(_LINK)
    if link is None and not config.getoption(_OPTION, False) and not _is_configured():
        return
    from kolo_probe._process import process_session

    here = process_session()
    if here.native is None:
        return
    config.pluginmanager.register(_OneTracePerTest(here, here.native, link or {}), "kolo_probe_tests")


class _OneTracePerTest:
    def __init__(self, here: Session, native: Native, link: Mapping[str, str]) -> None:
        from kolo_probe._links import incoming

        self._here = here
        self._native = native
        self._parent, self._group = incoming(link.get)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        token = _session.begin(self._here, "test", item.nodeid, self._parent, self._group)
        try:
            yield
        finally:
            self._native.end_trace(token)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """pytest-xdist is about to start a worker, which runs tests in place of this process."""
        from kolo_probe._links import outgoing

        node.workerinput[_LINK] = outgoing(self._native, self._native.current_trace())


def _is_configured() -> bool:
    """Whether the session of this process, or the files that it would be configured from, ask for it."""
    running = _session._session
    if running is not None:
        return bool(running.options[_KEY])
    project = project_folder(os.environ)
    if not any(
        _has_key(os.path.join(project, *name)) for name in (("pyproject.toml",), (".kolo", "config.toml"))
    ):
        return False
    from kolo_probe._config import file_options

    return bool(file_options(project).get(_KEY))


def _has_key(path: str) -> bool:
    """Whether it is worth reading as TOML, which takes 10 ms."""
    try:
        with open(path, "rb") as file:
            return _KEY.encode() in file.read()
    except (OSError, ValueError):
        return False

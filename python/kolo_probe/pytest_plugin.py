"""The pytest plugin: each test a trace of kind `test`, named by its node id, where that is asked for.

    pytest --kolo-probe-one-trace-per-test
    kolo-probe run --one-trace-per-test -m pytest      # beside the trace of pytest itself

or `one_trace_per_test = true` in the configuration. Under `kolo-probe run` alone tests are part of the one
trace, and the workers of pytest-xdist have one each, linked to it. pytest loads this wherever kolo-probe is
installed; where it is not asked for it loads and hooks nothing.
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
_TOLD = "kolo_probe"  # what pytest-xdist's controller tells its workers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("kolo-probe").addoption(
        "--kolo-probe-one-trace-per-test",
        action="store_true",
        default=False,
        dest=_OPTION,
        help="record each test as a trace of its own (kolo-trace list shows them)",
    )


def pytest_configure(config: pytest.Config) -> None:
    told: Mapping[str, Any] | None = getattr(config, "workerinput", {}).get(_TOLD)
    running = _session._session
    is_whole = running is not None and running.is_whole_process
    by_test = told[_KEY] if told else config.getoption(_OPTION, False) or _is_configured()
    if not (by_test or is_whole or told):
        return
    from kolo_probe._links import incoming
    from kolo_probe._process import process_session, trace_process

    here = process_session()
    if here.native is None:
        return
    parent, group = incoming(told["link"].get) if told else (None, None)
    config.pluginmanager.register(_Workers(here.native, by_test), "kolo_probe_workers")
    if by_test:
        config.pluginmanager.register(_Tests(here, here.native, parent, group), "kolo_probe_tests")
    elif told and not is_whole:
        trace_process(here, "script", f"pytest {told['worker']}", parent, group)


class _Tests:
    """Each test is a trace."""

    def __init__(self, here: Session, native: Native, parent: str | None, group: str | None) -> None:
        self._here = here
        self._native = native
        self._parent = parent
        self._group = group

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        token = _session.begin(self._here, "test", item.nodeid, self._parent, self._group)
        try:
            yield
        finally:
            self._native.end_trace(token)


class _Workers:
    """The workers of pytest-xdist, which run the tests in place of this process, do as it would have done."""

    def __init__(self, native: Native, by_test: bool) -> None:
        self._native = native
        self._by_test = by_test

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        from kolo_probe._links import outgoing

        link = outgoing(self._native, self._native.current_trace())
        node.workerinput[_TOLD] = {_KEY: self._by_test, "link": link, "worker": node.gateway.id}


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

"""kolo-probe: records every call of your code, with values, while the program keeps running.

    import kolo_probe

    with kolo_probe.enable(name="nightly import") as trace:
        run_import()
    print(trace.trace_id)

A Django project adds "kolo_probe.middleware.KoloMiddleware" as the first entry of MIDDLEWARE; any other
program runs under `kolo-probe run script.py`.
"""

from __future__ import annotations

from kolo_probe._enable import enable

__all__ = ["__version__", "enable", "enabled"]

enabled = enable  # as Kolo has it

TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    # importlib.metadata alone costs half of the start-up budget, and few programs ask for the version.
    if name == "__version__":
        from kolo_probe._identity import version

        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The processors that come with kolo-probe: for each library one module, whose `PROCESSORS` are dictionaries
in Kolo's format (docs/processors.md).

Importing one of them imports no library: what a processor needs of it is there when its code runs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODULES: tuple[str, ...] = (
    "django_middleware",
    "django_process",
    "django_signals",
    "django_sql",
    "django_templates",
    "aiohttp",
    "celery",
    "http_client",
    "httpx",
    "huey",
    "logging",
    "psycopg",
    "pytest",
    "redis",
    "requests",
    "sqlite3",
    "unittest",
    "urllib",
    "urllib3",
)


def built_in() -> list[dict[str, Any]]:
    """All processors of this package, in the order of MODULES."""
    from importlib import import_module

    return [found for name in MODULES for found in import_module(f"{__name__}.{name}").PROCESSORS]

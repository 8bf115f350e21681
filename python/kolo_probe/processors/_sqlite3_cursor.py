"""Connections of sqlite3 whose cursors run Python code, for the processor in sqlite3.py to see.

Imported only where `spans.sqlite3` asks for it; imports sqlite3.
"""

from __future__ import annotations

import functools
import sqlite3
import sqlite3.dbapi2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FACTORY_AT = 5  # its place among connect()'s arguments
_connect = sqlite3.connect


class Cursor(sqlite3.Cursor):
    __slots__ = ()

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        return super().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        return super().executemany(*args, **kwargs)

    def executescript(self, *args: Any, **kwargs: Any) -> Any:
        return super().executescript(*args, **kwargs)


class Connection(sqlite3.Connection):
    """Its execute() and its like are the cursor's: the C code's would pass our cursor by."""

    __slots__ = ("kolo_database",)
    kolo_database: str | None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        if not args and "factory" not in kwargs:
            return super().cursor(Cursor)
        return super().cursor(*args, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        return self.cursor().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        return self.cursor().executemany(*args, **kwargs)

    def executescript(self, *args: Any, **kwargs: Any) -> Any:
        return self.cursor().executescript(*args, **kwargs)


for _shown in (Cursor, Connection):  # in reprs, and in messages that have them
    _shown.__module__, _shown.__qualname__ = "sqlite3", _shown.__name__


@functools.wraps(_connect)
def connect(*args: Any, **kwargs: Any) -> Any:
    """sqlite3.connect; a program that brings a factory of its own keeps it, and is not seen."""
    if len(args) > _FACTORY_AT or "factory" in kwargs:
        return _connect(*args, **kwargs)
    connection: Connection = _connect(*args, factory=Connection, **kwargs)
    database = args[0] if args else kwargs.get("database")
    connection.kolo_database = database if type(database) is str else None
    return connection


connect.__module__ = "sqlite3"  # where it can be found by pickle


def follow() -> None:
    """From now on sqlite3.connect() makes connections that can be seen."""
    _set(connect)


def leave() -> None:
    """It makes its own again. Connections that were made stay as they are."""
    _set(_connect)


def _set(function: Any) -> None:
    for module in (sqlite3, sqlite3.dbapi2):
        module.__dict__["connect"] = function

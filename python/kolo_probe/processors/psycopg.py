"""psycopg 3's cursors, synchronous and asynchronous, and of psycopg2 the cursors that are Python.

psycopg2's own cursor, and asyncpg, are C code that calls nothing in Python: no processor can see them. Of
psycopg2 there are psycopg2.extras' cursors (DictCursor, RealDictCursor, NamedTupleCursor, LoggingCursor).
"""

from __future__ import annotations

from kolo_probe.processors._frames import is_called_by, of_module
from kolo_probe.processors._sql import (
    FORMAT,
    build_context,
    end_fields,
    shown_parameters,
    span_name,
    start_fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_MOST_ROWS = 10  # of executemany's parameters
_MOST_DEPTH = 8  # of queries composed of queries

# Django tells its queries itself; a cursor of psycopg2.extras may build upon another.
_OUTER = ((None, "/django/db/backends/utils.py"), ("execute", "/psycopg2/extras.py"))
_MOST_FRAMES_BELOW = 6


def _of_program(module: str) -> Callable[..., bool]:
    is_ours = of_module(module)

    def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
        return is_ours(frame, event, arg, context) and not is_called_by(frame, _OUTER, _MOST_FRAMES_BELOW)

    return call


def process(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    given = frame.f_locals
    cursor = given["self"]
    query = text_of(given["query"] if "query" in given else given["statement"])
    parameters = _parameters(given, query, context)
    if event == "call":
        return start_fields(_database(cursor), query, parameters)
    fields = end_fields(_database(cursor), query, parameters, None if event == "unwind" else cursor.rowcount)
    return {**fields, "exception": arg} if event == "unwind" else fields


def text_of(query: Any, depth: int = 0) -> str:
    """A query's text as far as it is text: of a sql.Literal, which is a value, there is its type's name."""
    if isinstance(query, (str, bytes)):
        return query.decode("utf-8", "replace") if isinstance(query, bytes) else str.__str__(query)
    kind, inside = type(query).__name__, getattr(query, "__dict__", {})
    parts: Any = inside.get("_obj", inside.get("_wrapped"))  # psycopg, psycopg2
    if kind == "Placeholder":
        return f"%({parts})s" if parts else "%s"
    if kind == "SQL":
        return str(parts)
    if kind == "Identifier":
        return ".".join('"' + name.replace('"', '""') + '"' for name in parts)
    if kind == "Composed" and depth < _MOST_DEPTH:
        return "".join(text_of(part, depth + 1) for part in parts)
    return f"<{kind}>"


def _parameters(given: dict[str, Any], query: str, context: dict[str, Any]) -> Any:
    names, most = context["names"], context["most"]
    if "params_seq" in given:  # executemany: perhaps an iterator, which is the program's
        rows = given["params_seq"]
        if type(rows) not in (list, tuple):
            return f"<{type(rows).__name__}>"
        return [shown_parameters(query, row, names, FORMAT, most) for row in rows[:_MOST_ROWS]]
    parameters = given["params"] if "params" in given else given.get("vars")
    return shown_parameters(query, parameters, names, FORMAT, most)


def _database(cursor: Any) -> str | None:
    try:
        connection = cursor.connection
        pgconn = getattr(connection, "pgconn", None)
        name = connection.info.dbname if pgconn is None else pgconn.db
    except Exception:  # it is closed
        return None
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _processor(module: str, co_names: list[str]) -> dict[str, Any]:
    return {
        "co_names": co_names,
        "path_fragment": f"/{module.replace('.', '/')}.py",
        "call_type": "start_sql_query",
        "return_type": "end_sql_query",
        "subtype": module.partition(".")[0],
        "kind": "sql",
        "span_name": span_name,
        "build_context": build_context,
        "call": _of_program(module),
        "process": process,
    }


PROCESSORS = [
    _processor("psycopg.cursor", ["execute", "executemany", "stream", "copy"]),
    _processor("psycopg.cursor_async", ["execute", "executemany", "stream", "copy"]),
    _processor("psycopg._server_cursor", ["execute"]),
    _processor("psycopg._server_cursor_async", ["execute"]),
    _processor("psycopg2.extras", ["execute"]),
]

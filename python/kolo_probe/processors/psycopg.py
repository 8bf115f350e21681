"""psycopg 3's cursors, synchronous and asynchronous, and of psycopg2 the cursors that are Python.

psycopg2's own cursor, and asyncpg, are C code that calls nothing in Python: no processor can see them. Of
psycopg2 there are psycopg2.extras' cursors (DictCursor, RealDictCursor, NamedTupleCursor, LoggingCursor).
"""

from __future__ import annotations

from kolo_probe.processors._frames import is_called_by, of_module
from kolo_probe.processors._sql import FORMAT, build_context, end_fields, start_fields, title_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

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
    if event == "unwind":
        return {"exception": arg}
    if event == "return":
        return end_fields(given["self"].rowcount)
    query = text_of(given["query"] if "query" in given else given["statement"])
    is_many = "params_seq" in given
    parameters = given["params_seq"] if is_many else given.get("params", given.get("vars"))
    return start_fields(_database(given["self"]), query, parameters, is_many, FORMAT, context)


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
        "span_name": title_of,
        "build_context": build_context,
        "call": _of_program(module),
        "process": process,
    }


PROCESSORS = [
    _processor("psycopg.cursor", ["execute", "executemany", "stream", "copy"]),
    _processor("psycopg.cursor_async", ["execute", "executemany", "stream", "copy"]),
    _processor("psycopg.server_cursor", ["execute"]),  # up to 3.2
    _processor("psycopg._server_cursor", ["execute"]),
    _processor("psycopg._server_cursor_async", ["execute"]),
    _processor("psycopg2.extras", ["execute"]),
]

"""SQL that Django sends, through the ORM or a cursor: one span for each statement.

A statement begins where a cursor sends it (CursorWrapper: text and parameters are known, also when it never
comes back). A raw cursor's ends there as well: its rows are the program's to fetch. One of the ORM's ends
with the compiler's execute_sql(), which has fetched the rows by then; what iterator() fetches later is left
alone. So a QuerySet that needs no statement has no span.

Fields and types are Kolo's (start_sql_query, end_sql_query), and `alias`, `many`, `columns`, `row_count`.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force
from kolo_probe.processors import _sql
from kolo_probe.processors._frames import of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType
    from typing import Any

_CURSORS = "django.db.backends.utils"
_COMPILERS = "django.db.models.sql.compiler"
_SENDS = "_execute_with_wrappers"
_NEAR = 8  # frames between a compiler and its cursor: debug wrappers, and patches of other tools


class _Columns:
    """The columns of a query's rows, and the positions of those that are secret."""

    __slots__ = ("hidden", "names")

    def __init__(self, names: list[str], hidden: frozenset[int]) -> None:
        self.names = names or None
        self.hidden = hidden


class _Context:
    """The secret names in force, how many rows are kept, and the columns of the queries so far."""

    __slots__ = ("columns", "most", "names")

    def __init__(self, names: Sequence[str], most: int) -> None:
        self.names = names
        self.most = most
        self.columns: dict[str, _Columns] = {}


_contexts: dict[tuple[Any, ...], _Context] = {}


def _context(config: Mapping[str, Any]) -> _Context:
    # A process has one configuration, and a trace for each request.
    key = (tuple(config["redact.add"]), tuple(config["redact.remove"]), config["spans.max_items"])
    if key not in _contexts:
        _contexts[key] = _Context(tuple(names_in_force(key[0], key[1])), key[2])
    return _contexts[key]


# Two calls tell of a compiler's statement; its key is the cursor, which both know.
def _sent_by_compiler(frame: FrameType, event: str) -> object:
    return ("cursor", id(frame.f_locals["self"])) if event == "call" and _is_compilers(frame) else None


def _fetched_by_compiler(frame: FrameType, _event: str) -> object:
    return ("cursor", id(frame.f_locals.get("cursor")))


def _is_compilers(frame: FrameType) -> bool:
    """Whether the cursor of this frame was asked by a compiler, which will tell how it ended."""
    above = frame.f_back
    for _ in range(_NEAR):
        if above is None or above.f_code.co_name == _SENDS:  # a statement of somebody's execute_wrapper
            return False
        if above.f_code.co_name == "execute_sql" and above.f_globals.get("__name__") == _COMPILERS:
            return above.f_locals.get("cursor") is frame.f_locals.get("self")
        above = above.f_back
    return False


def _send(frame: FrameType, event: str, arg: Any, context: _Context) -> dict[str, Any]:
    if event == "call":
        return _start(frame.f_locals, context)
    return {"exception": arg} if event == "unwind" else _sent(frame.f_locals)


def _fetch(frame: FrameType, event: str, arg: Any, context: _Context) -> dict[str, Any]:
    return {"exception": arg} if event == "unwind" else _fetched(frame.f_locals, arg, context)


def _start(told: Any, context: _Context) -> dict[str, Any]:
    connection = told["self"].db
    sql, params, many = told["sql"], told["params"], told["many"]
    data = {"database": connection.vendor, "alias": connection.alias, "many": many}
    if not isinstance(sql, str):  # psycopg.sql.Composed: only its driver can say what it is
        return {"query_template": f"<{type(sql).__name__}>", "query_params": None, **data}
    known = _sql.read(str.__str__(sql), context.names, _sql.FORMAT)
    if many and type(params) in (list, tuple):
        shown: Any = [_sql.shown(known, row, context.most) for row in params[: context.most + 1]]
    else:
        shown = _sql.shown(known, params, context.most)
    return {"query_template": known.text, "query_params": shown, **data}


def _sent(told: Any) -> dict[str, Any]:
    cursor = told["self"].cursor
    described = cursor.description
    return {
        "query_data": None,
        "columns": [column[0] for column in described] if described else None,
        "row_count": _count(cursor),
    }


def _count(cursor: Any) -> int | None:
    try:
        count = cursor.rowcount
    except Exception:  # a driver's, of a cursor that is closed
        return None
    return count if type(count) is int and count >= 0 else None


def _fetched(told: Any, arg: Any, context: _Context) -> dict[str, Any]:
    """What execute_sql() has returned: chunks of rows, one row, a number of rows; or a cursor or generator,
    from which others will fetch."""
    if type(arg) is int:
        return {"query_data": arg, "columns": None, "row_count": arg}
    is_query = "result_type" in told  # and no INSERT, which returns an empty list when it asked for nothing
    if type(arg) not in (list, tuple) or not (arg or is_query):
        is_iterator = arg is not None and arg is not told["cursor"] and type(arg) is not list
        count = None if is_iterator else _count(told["cursor"].cursor)
        return {"query_data": None, "columns": None, "row_count": count}
    columns = _columns(told, context)
    most = context.most + 1  # one more, so that the encoder says that it is cut
    if type(arg) is tuple:
        (data,), count = _rows([arg], columns), 1
    elif arg and type(arg[0]) is list:
        data, count = [_rows(arg[0][:most], columns)], sum(map(len, arg))
    else:
        data, count = _rows(arg[:most], columns), len(arg)
    return {"query_data": data, "columns": columns.names, "row_count": count}


def _rows(rows: list[Any], columns: _Columns) -> list[Any]:
    if not columns.hidden:
        return rows
    return [
        tuple(REDACTED if at in columns.hidden else value for at, value in enumerate(row))
        if type(row) in (list, tuple)
        else row
        for row in rows
    ]


def _columns(told: Any, context: _Context) -> _Columns:
    """The columns of the rows; worked out once for each query."""
    compiler = vars(told["self"])
    query = str.__str__(told["sql"])
    found = context.columns.get(query)
    if found is None:
        fields = compiler.get("returning_fields")  # INSERT … RETURNING
        selected: list[tuple[str, str | None]]
        if fields:
            selected = [(f'"{vars(field)["column"]}"', None) for field in fields]
        else:
            selected = [(text, alias) for _, (text, _), alias in compiler.get("select") or ()]
        names = [alias or _own_name(text) for text, alias in selected]
        hidden = frozenset(
            at
            for at, (text, alias) in enumerate(selected)
            if is_secret(alias or "", context.names) or is_secret(_without_tables(text), context.names)
        )
        found = _Columns(names, hidden)
        _sql.keep(context.columns, query, found)
    return found


def _own_name(text: str) -> str:
    return _without_tables(text).strip('"`[]')


def _without_tables(text: str) -> str:
    """A column or an expression of a SELECT list, which is secret when one of the columns in it is, whatever
    their tables are called."""
    import re

    return re.sub(r"[\w\"`\]\[]+\.(?=[\w\"`\[])", "", text)


_STATEMENT: dict[str, Any] = {
    "call_type": "start_sql_query",
    "return_type": "end_sql_query",
    "kind": "sql",
    "build_context": _context,
}
PROCESSORS: list[dict[str, Any]] = [
    {
        "co_names": (_SENDS,),
        "path_fragment": "django/db/backends/utils.py",
        "call": of_module(_CURSORS),
        "joins": _sent_by_compiler,
        "process": _send,
        "span_name": lambda data: _sql.title(data.get("query_template")),
        **_STATEMENT,
    },
    {
        "co_names": ("execute_sql",),
        "path_fragment": "django/db/models/sql/compiler.py",
        "events": ("return", "unwind"),
        "joins": _fetched_by_compiler,
        "process": _fetch,
        **_STATEMENT,
    },
]

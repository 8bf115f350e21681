"""sqlite3 used directly, where `spans.sqlite3` asks for it: the program's connections then are of a subclass.

Its cursors are C code that calls nothing in Python, and cannot be seen as they are. What there is:

* A trace callback sees a statement begin, with its parameters put into the text, once for each row of
  executemany(): no end, no error, no names to redact by, and a slower program, also outside of traces.
* An audit hook sees connections being made, can change nothing, and is asked at every event of the
  interpreter until the process ends.
* A connection of a subclass sees everything. But `type(connection) is sqlite3.Connection` is then false, a
  traceback has one more line, and a DeprecationWarning of sqlite3 names our file: the program can tell that
  it is traced. So it is what the user may ask for, and never the default.

Django's connections make cursors of a class of Django's, and are told by django_sql in any case.
"""

from __future__ import annotations

from kolo_probe.processors._frames import of_module
from kolo_probe.processors._sql import QMARK, build_context, end_fields, start_fields, title_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_OURS = "kolo_probe.processors._sqlite3_cursor"


_is_ours = of_module(_OURS)


def call(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> bool:
    """A connection's execute() asks a cursor's."""
    return _is_ours(frame, event, arg, context) and hasattr(frame.f_locals["self"], "connection")


def process(frame: FrameType, event: str, arg: Any, context: dict[str, Any]) -> dict[str, Any]:
    if event == "unwind":
        return {"exception": arg}
    given = frame.f_locals
    cursor, arguments = given["self"], given["args"]
    if event == "return":
        described = cursor.description
        columns = [column[0] for column in described] if described else None
        return {**end_fields(cursor.rowcount), "columns": columns}
    query = arguments[0] if arguments and type(arguments[0]) is str else ""
    parameters = arguments[1] if len(arguments) > 1 else None
    is_many = frame.f_code.co_name == "executemany"
    database = getattr(cursor.connection, "kolo_database", None)
    return start_fields(database, query, parameters, is_many, QMARK, context)


PROCESSORS = [
    {
        "co_names": ["execute", "executemany", "executescript"],
        "path_fragment": f"/{_OURS.replace('.', '/')}.py",
        "call_type": "start_sql_query",
        "return_type": "end_sql_query",
        "subtype": "sqlite3",
        "kind": "sql",
        "span_name": title_of,
        "build_context": build_context,
        "call": call,
        "process": process,
    }
]

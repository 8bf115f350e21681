"""What is told of sqlite3 where `spans.sqlite3` asks for it, and what the program can notice then."""

from __future__ import annotations

import inspect
import pickle
import sqlite3

import pytest
from driving import driven

from kolo_probe._options import OPTIONS
from kolo_probe._processors import load
from kolo_probe.processors import _sqlite3_cursor
from kolo_probe.processors import sqlite3 as ours

ALL = ours.PROCESSORS
THEIRS = sqlite3.connect


@pytest.fixture
def asked_for():
    load({**{option.key: option.default for option in OPTIONS}, "spans.sqlite3": True})
    yield
    _sqlite3_cursor.leave()


@pytest.fixture
def connection(asked_for):
    with sqlite3.connect(":memory:") as one:
        one.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT)")
        yield one
    one.close()


def test_unless_asked_for_nothing_is_touched():
    load({option.key: option.default for option in OPTIONS})
    assert sqlite3.connect is sqlite3.dbapi2.connect is THEIRS


def test_a_query_is_one_span_with_kolos_fields(connection):
    with driven(ALL) as spans:
        rows = connection.execute("SELECT id, name FROM users WHERE id = ?", (7,))
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "sql",
        "start_sql_query",
        "end_sql_query",
        "sqlite3",
        "returned",
    )
    assert span.name == "SELECT users"
    assert span.start == {
        "database": ":memory:",
        "query_template": "SELECT id, name FROM users WHERE id = ?",
        "query_params": [7],
        "many": False,
    }
    assert span.end == {"query_data": None, "row_count": None, "columns": ["id", "name"]}
    assert rows.fetchall() == []


def test_every_way_to_execute_is_told_once(connection):
    with driven(ALL) as spans:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO users VALUES (:id, :name, NULL)", {"id": 1, "name": "Ann"})
        cursor.executemany("INSERT INTO users (name) VALUES (?)", [("Bo",), ("Cy",)])
        connection.executemany("INSERT INTO users (name) VALUES (?)", iter([("Di",)]))
        connection.executescript("DELETE FROM users WHERE id = 1; DELETE FROM users WHERE id = 2")
    told = [(span.name, span.start["query_params"], span.end["row_count"]) for span in spans[:3]]
    assert told == [
        ("INSERT users", {"id": 1, "name": "Ann"}, 1),
        ("INSERT users", [["Bo"], ["Cy"]], 2),
        ("INSERT users", "<list_iterator>", 1),
    ]
    assert [span.name for span in spans[3:]] == ["DELETE users"]
    assert [name for (name,) in connection.execute("SELECT name FROM users ORDER BY id")] == ["Cy", "Di"]


def test_an_error_is_told_with_its_exception(connection):
    with driven(ALL) as spans, pytest.raises(sqlite3.OperationalError) as raised:
        connection.execute("SELECT * FROM nowhere")
    assert (spans[0].outcome, spans[0].end) == ("raised", {"exception": raised.value})


def test_a_query_that_is_no_text_fails_as_ever(connection):
    with driven(ALL), pytest.raises(TypeError, match="must be str"):
        connection.execute(7)
    with driven(ALL), pytest.raises(TypeError, match="argument"):
        connection.execute()


def test_no_secret_is_told(connection):
    with driven(ALL) as spans:
        connection.execute("INSERT INTO users (name, password) VALUES (?, ?)", ("Ann", "hunter2"))
        connection.execute("SELECT id FROM users WHERE password = 'hunter2' AND id = @id", {"id": 1})
    assert "hunter2" not in str([(span.name, span.start, span.end) for span in spans])
    assert spans[0].start["query_params"] == ["Ann", "[redacted]"]


def test_rows_and_factories_work_as_ever(connection):
    class Mine(sqlite3.Cursor):
        pass

    connection.row_factory = sqlite3.Row
    with driven(ALL) as spans:
        assert connection.execute("SELECT 1 AS n").fetchone()["n"] == 1
        assert type(connection.cursor(Mine)) is type(connection.cursor(factory=Mine)) is Mine
        connection.cursor(Mine).execute("SELECT 2")  # C code again
    assert len(spans) == 1


@pytest.mark.filterwarnings("ignore:Passing more than 1 positional")
def test_a_connection_of_the_programs_own_class_is_its_own(asked_for):
    class Mine(sqlite3.Connection):
        pass

    for connection in (
        sqlite3.connect(":memory:", factory=Mine),
        sqlite3.connect(":memory:", 5.0, 0, None, True, Mine),
    ):
        assert type(connection) is Mine
        connection.close()


def test_what_the_program_can_notice(connection):
    assert isinstance(connection, sqlite3.Connection)
    assert isinstance(connection.cursor(), sqlite3.Cursor)
    assert repr(connection).startswith("<sqlite3.Connection object at 0x")
    assert repr(connection.cursor()).startswith("<sqlite3.Cursor object at 0x")
    with pytest.raises(AttributeError):
        connection.mine = 1
    assert inspect.unwrap(sqlite3.connect) is THEIRS
    assert callable(pickle.loads(pickle.dumps(sqlite3.connect)))
    assert type(connection) is not sqlite3.Connection  # why it has to be asked for

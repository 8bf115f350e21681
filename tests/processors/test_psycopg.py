"""What is told of psycopg where the program uses it itself: each query once, no row fetched, no secret."""

from __future__ import annotations

import asyncio

import psycopg
import psycopg2.extras
import psycopg2.sql
import pytest
from driving import driven
from postgres_server import serving
from psycopg import sql

from kolo_probe.processors import psycopg as ours
from kolo_probe.processors.psycopg import text_of

ALL = ours.PROCESSORS


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture
def connection(server):
    with psycopg.connect(server.dsn, autocommit=True) as one:
        yield one


def test_a_query_is_one_span_with_kolos_fields(connection, server):
    with driven(ALL) as spans:
        rows = connection.execute("SELECT n FROM items WHERE id = %s", [7])
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype, span.outcome) == (
        "sql",
        "start_sql_query",
        "end_sql_query",
        "psycopg",
        "returned",
    )
    assert span.name == "SELECT items"
    assert span.start == {
        "database": "shop",
        "query_template": "SELECT n FROM items WHERE id = %s",
        "query_params": [7],
        "many": False,
    }
    assert span.end == {"query_data": None, "row_count": 1}
    assert rows.fetchall() == [(1,)]
    assert server.got == ["SELECT n FROM items WHERE id = $1"]


def test_an_error_is_told_with_its_exception(connection):
    with driven(ALL) as spans, pytest.raises(psycopg.errors.SyntaxError) as raised:
        connection.execute("SELECT fails", None)
    assert (spans[0].outcome, spans[0].end) == ("raised", {"exception": raised.value})


def test_a_closed_connection_fails_as_ever(connection):
    cursor = connection.cursor()
    connection.close()
    with driven(ALL) as spans, pytest.raises(psycopg.OperationalError):
        cursor.execute("SELECT 1")
    assert (spans[0].start["database"], spans[0].outcome) == (None, "raised")


def test_asynchronous_cursors(server):
    async def main():
        async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as connection:
            cursor = await connection.execute("SELECT n FROM items WHERE id = %(id)s", {"id": 7})
            assert await cursor.fetchall() == [(1,)]

    with driven(ALL) as spans:
        asyncio.run(main())
    assert [(span.name, span.start["query_params"]) for span in spans] == [("SELECT items", {"id": 7})]


def test_many_at_once_and_streams_are_one_span_each(connection):
    ids = iter([(1,), (2,)])
    with driven(ALL) as spans, connection.cursor() as cursor:
        cursor.executemany("UPDATE items SET n = %s", [(at,) for at in range(20)])
        cursor.executemany("UPDATE items SET n = %s", ids)
        assert list(cursor.stream("SELECT n FROM items")) == [(1,)]
    assert [span.name for span in spans] == ["UPDATE items", "UPDATE items", "SELECT items"]
    assert spans[0].start["query_params"] == [[at] for at in range(10)]
    assert spans[1].start["query_params"] == "<list_iterator>"
    assert list(ids) == []


def test_a_cursor_of_the_server_is_told_at_its_declaration(connection):
    with driven(ALL) as spans, connection.cursor("mine") as cursor:
        cursor.execute("SELECT n FROM items")
    assert [span.start["query_template"] for span in spans] == ["SELECT n FROM items"]


def test_no_secret_is_told(connection):
    with driven(ALL) as spans:
        connection.execute("UPDATE users SET password = %s WHERE id = %s", ("hunter2", 7))
        connection.execute("SELECT 1 WHERE token = %(t)s", {"t": "hunter2"})
        connection.cursor().executemany("INSERT INTO users (a, jwt) VALUES (%s, %s)", [(1, "hunter2")])
        psycopg.ClientCursor(connection).execute("SELECT 1 WHERE token = %s", ["hunter2"])
        connection.execute("UPDATE users SET password = 'hunter2'")
    assert "hunter2" not in str([(span.name, span.start, span.end) for span in spans])
    assert spans[0].start["query_params"] == ["[redacted]", 7]


@pytest.mark.parametrize("module", [sql, psycopg2.sql])
def test_a_composed_query_is_told_without_its_literals(module):
    query = module.SQL("SELECT {} FROM {} WHERE a = {} AND b = {} AND c = {}").format(
        module.Identifier("n"),
        module.Identifier("shop", 'it"ems'),
        module.Literal("hunter2"),
        module.Placeholder(),
        module.Placeholder("c"),
    )
    told = 'SELECT "n" FROM "shop"."it""ems" WHERE a = <Literal> AND b = %s AND c = %(c)s'
    assert text_of(query) == told
    assert text_of(told.encode()) == told
    assert text_of(object()) == "<object>"


def test_below_django_it_is_silent(connection):
    """As Django's own processors tell the query; a frame of its file stands for it."""
    code = compile(
        "def execute(cursor, query): return cursor.execute(query)",
        "/site/django/db/backends/utils.py",
        "exec",
    )
    names = {}
    exec(code, names)
    with driven(ALL) as spans:
        names["execute"](connection.cursor(), "SELECT 1")
    assert spans == []


def test_of_psycopg2_the_cursors_that_are_python(server):
    connection = psycopg2.connect(server.dsn, connection_factory=psycopg2.extras.MinTimeLoggingConnection)
    connection.initialize(open("/dev/null", "w"))  # noqa: SIM115
    connection.autocommit = True
    with driven(ALL) as spans:
        for factory in (psycopg2.extras.RealDictCursor, psycopg2.extras.MinTimeLoggingCursor, None):
            with connection.cursor(cursor_factory=factory or psycopg2.extensions.cursor) as cursor:
                cursor.execute("SELECT n FROM items WHERE token = %s", ("hunter2",))
                assert len(cursor.fetchall()) == 1
    connection.close()
    told = [(span.subtype, span.name, span.start["query_params"], span.start["database"]) for span in spans]
    assert told == [("psycopg2", "SELECT items", ["[redacted]"], "shop")] * 2  # the third is C code

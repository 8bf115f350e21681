"""Which parameters of a query are secret, by the names that the query's text gives them."""

from __future__ import annotations

import pytest

from kolo_probe._redact import DEFAULT_NAMES
from kolo_probe.processors import _sql
from kolo_probe.processors._sql import FORMAT, QMARK, read, shown_parameters, title

HIDDEN = "[redacted]"


def shown(query, parameters, marker=FORMAT, most=100):
    return shown_parameters(query, parameters, DEFAULT_NAMES, marker, most)


@pytest.mark.parametrize(
    ("query", "hidden"),
    [
        ("SELECT id FROM users WHERE id = %s", []),
        ("SELECT id FROM users WHERE password = %s AND id = %s", [0]),
        ("SELECT id FROM users WHERE %s = users.password OR %s = id", [0]),
        ('SELECT "u"."id", "u"."password" FROM "u" WHERE "u"."id" = %s LIMIT %s', []),
        ("SELECT 1 FROM django_session WHERE django_session.session_key = %s AND expire > %s", [0]),
        ("SELECT 1 FROM tokens WHERE tokens.owner = %s", []),  # the table's name is not the column's
        ("SELECT 1 FROM u WHERE password SIMILAR TO %s", [0]),
        ("SELECT 1 FROM u WHERE (password IN (%s, %s) OR id = %s) AND b = %s", [0, 1]),
        ("SELECT 1 FROM u WHERE password BETWEEN %s AND %s AND a = %s", [0, 1]),
        ("SELECT 1 FROM u WHERE password = crypt(%s, salt)", [0]),
        ("SELECT 1 FROM u WHERE password = (SELECT crypt(%s, %s)) AND id = %s", [0, 1]),
        ("SELECT 1 /* the %s password */ FROM u WHERE 'its password: ''%%' = %s::text -- password", []),
        ("UPDATE u SET a = %s, `password` = %s, b = %s WHERE id = %s", [1]),
        ("UPDATE u SET (a, password) = (%s, %s) WHERE id = %s", [0, 1]),
        ("UPDATE u SET password = CASE WHEN a = %s AND b = %s THEN %s END WHERE id = %s", [0, 1, 2]),
        ("DELETE FROM u WHERE Api_Key = %s", [0]),
        ('INSERT INTO "u" ("password", "last") VALUES (%s, %s) RETURNING "u"."id"', [0]),
        ("INSERT INTO u (a, password, b) VALUES (%s, crypt(%s, %s), %s), (%s, %s, %s)", [1, 2, 5]),
        ("INSERT INTO u (a, password) SELECT %s, %s", [0, 1]),
        ("REPLACE INTO passwords VALUES (%s, %s)", [0, 1]),
        ("INSERT INTO u (a, jwt) VALUES (%s, %s) ON CONFLICT (a) DO UPDATE SET jwt = %s, b = %s", [1, 2]),
    ],
)  # fmt: skip
def test_positional_parameters_have_the_name_of_what_they_meet(query, hidden):
    count = query.replace("/* the %s", "").count("%s")
    assert shown(query, tuple(range(count))) == [HIDDEN if at in hidden else at for at in range(count)]


def test_each_way_to_mark_a_parameter():
    query = "UPDATE u SET password = {}, a = {}"
    assert shown(query.format("?", "?"), [1, 2], QMARK) == [HIDDEN, 2]
    assert shown(query.format("?1", "?2"), [1, 2], QMARK) == [HIDDEN, 2]
    for marker in (":{}", "@{}", "${}"):
        named = query.format(marker.format("p"), marker.format("q"))
        assert shown(named, {"p": 1, "q": 2}, QMARK) == {"p": HIDDEN, "q": 2}
    assert shown(query.format("%(p)s", "%(q)s"), {"p": 1, "q": 2}) == {"p": HIDDEN, "q": 2}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("SELECT %s WHERE password = %s", (1,)),
        (
            "SELECT '%s' WHERE password = %s AND a = %s",
            (1, 2, 3),
        ),  # psycopg takes the quoted one for a marker
        ("SELECT $$it's$$, %s WHERE password = %s AND a = '%s", (1, 2, 3)),
        (f"SELECT {'%s, ' * 9000} password", (1,) * 9000),
    ],
)
def test_where_the_text_cannot_be_followed_everything_is_hidden(query, parameters):
    assert set(shown(query, parameters)) == {HIDDEN}


def test_a_long_text_with_names_is_hidden_too():
    assert shown("SELECT password" + " " * 20_000 + "%(a)s", {"a": 1}) == {"a": HIDDEN}


def test_of_many_parameters_one_more_than_is_recorded_is_looked_at():
    assert shown("SELECT 1", list(range(1000)), most=3) == [0, 1, 2, 3]


def test_nothing_is_run_to_see_parameters():
    class Rows(list):
        def __iter__(self):
            raise AssertionError

        __getitem__ = __len__ = __iter__

    assert shown("SELECT %s", Rows([1])) == "<Rows>"
    assert shown("SELECT %s", iter([1])) == "<list_iterator>"
    assert shown("SELECT 1", None) is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE u SET password = 'hunter2', a = 'plain'",
        "UPDATE u SET password = E'hunter2', a = 'plain'",
        "UPDATE u SET password = 'it''s hunter2', a = 'plain'",
        "SELECT 'plain' FROM u WHERE password = \"hunter2\"",
        "INSERT INTO u (name, password) VALUES ('plain', 'hunter2')",
        "ALTER ROLE plain WITH PASSWORD 'hunter2'",
    ],
)
def test_literals_are_left_out_of_the_text(sql):
    assert "hunter2" not in read(sql, DEFAULT_NAMES, FORMAT).text
    assert "plain" in read(sql, DEFAULT_NAMES, FORMAT).text


def test_a_join_of_secret_columns_stays_as_it_is():
    sql = 'SELECT 1 FROM "a" INNER JOIN "b" ON ("a"."token" = "b"."token") WHERE "a"."id" = %s'
    assert read(sql, DEFAULT_NAMES, FORMAT).text == sql


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ('SELECT "a"."id", "a"."from" FROM "shop_order" WHERE 1', "SELECT shop_order"),
        ("  insert into `t` (a) values (1)", "INSERT t"),
        ("UPDATE app.users SET a = 1", "UPDATE app.users"),
        ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT a"),
        ("CREATE TABLE IF NOT EXISTS x (a int)", "CREATE x"),
        ("SAVEPOINT s1", "SAVEPOINT"),
        ("BEGIN", "BEGIN"),
        ("", None),
    ],
)
def test_a_statements_name_says_what_it_does_and_to_what(sql, name):
    assert title(sql) == name


def test_queries_that_are_remembered_are_few_and_short():
    _sql._queries.clear()
    for at in range(3000):
        _sql.read(f"SELECT {at}", DEFAULT_NAMES, FORMAT)
        _sql.title(f"SELECT {at}")
    _sql.read(f"SELECT {'1, ' * 9000}", DEFAULT_NAMES, FORMAT)
    assert _sql.title(f"SELECT {'1, ' * 9000} FROM u") == "SELECT"  # so far behind it is not looked for
    (queries,) = _sql._queries.values()
    for kept in (queries, _sql._titles):
        assert 0 < len(kept) <= 512
        assert max(map(len, kept)) <= 4096

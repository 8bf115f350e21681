"""What is told of SQL that Django sends, and that telling it sends none."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django_project import databases, project
from driving import driven

from kolo_probe.processors.django_sql import PROCESSORS

SECRET = "pbkdf2-of-hunter2"


@pytest.fixture(scope="module", autouse=True)
def tables():
    with project(), databases():
        yield


@pytest.fixture(autouse=True)
def people():
    """Two users, in a transaction that is taken back."""
    from django.contrib.auth.models import User

    with transaction.atomic():
        made = [
            User.objects.create(username=name, email=f"{name}@x", password=SECRET) for name in ("ann", "bob")
        ]
        yield made
        transaction.set_rollback(True)


def users():
    from django.contrib.auth.models import User

    return User.objects.order_by("username")


def only(spans):
    (span,) = spans
    return span


def test_a_queryset_is_one_span_from_the_statement_to_its_rows():
    with driven(PROCESSORS) as spans:
        names = list(users().filter(email="ann@x").values_list("username", "id"))
    span = only(spans)
    assert (span.kind, span.type, span.end_type) == ("sql", "start_sql_query", "end_sql_query")
    assert (span.name, span.outcome) == ("SELECT auth_user", "returned")
    assert 'FROM "auth_user" WHERE "auth_user"."email" = %s' in span.start["query_template"]
    assert span.start["query_params"] == ["ann@x"]
    assert (span.start["database"], span.start["alias"], span.start["many"]) == ("sqlite", "default", False)
    assert span.end == {"query_data": [names], "columns": ["username", "id"], "row_count": 1}


def test_what_sends_no_statement_has_no_span():
    with driven(PROCESSORS) as spans:
        unevaluated = users().filter(username="ann")
        assert list(users().filter(pk__in=[])) == []
        assert users().none().count() == 0
    assert spans == []
    assert unevaluated._result_cache is None


def test_each_kind_of_statement_of_the_orm(people):
    with driven(PROCESSORS) as spans:
        count = users().count()
        first = users().first()
        exists = users().filter(username="nobody").exists()
        changed = users().update(first_name="A")
        deleted = users().filter(pk=people[1].pk).delete()
    assert (count, first, exists, changed, deleted[0]) == (2, people[0], False, 2, 1)
    told = [(span.name, span.end["query_data"], span.end["row_count"]) for span in spans]
    assert told[0] == ("SELECT auth_user", (2,), 1)
    assert told[1][0] == "SELECT auth_user"
    assert told[1][1][0][0][:1] == (people[0].pk,)
    assert told[2] == ("SELECT auth_user", None, None)
    assert (told[3][0], told[3][2]) == ("UPDATE auth_user", 2)
    assert [name for name, _, _ in told if name.startswith("DELETE")][-1:] == ["DELETE auth_user"]
    assert all(span.outcome == "returned" for span in spans)


def test_an_insert_tells_what_it_returned():
    from django.contrib.auth.models import Group

    with driven(PROCESSORS) as spans:
        made = Group.objects.create(name="staff")
        Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    inserts = [span for span in spans if span.name == "INSERT auth_group"]
    assert len(inserts) == 2
    if connection.features.can_return_columns_from_insert:
        assert inserts[0].end == {"query_data": [(made.pk,)], "columns": ["id"], "row_count": 1}
    assert inserts[1].start["query_params"] == ["a", "b"]


def test_a_query_without_rows_says_so():
    with driven(PROCESSORS) as spans:
        assert list(users().filter(username="nobody").values_list("id")) == []
    assert only(spans).end == {"query_data": [], "columns": ["id"], "row_count": 0}


def test_an_insert_that_returns_nothing():
    from django.contrib.auth.models import User

    with driven(PROCESSORS) as spans:
        User.groups.through.objects.bulk_create([], ignore_conflicts=True)
        User.objects.bulk_create([User(username="x")], ignore_conflicts=True)
    (insert,) = [span for span in spans if span.name and span.name.startswith("INSERT")]
    assert (insert.end["query_data"], insert.end["row_count"]) == (None, 1)


def test_rows_come_in_bounded_number():
    from django.contrib.auth.models import Group

    Group.objects.bulk_create([Group(name=f"g{number:03}") for number in range(250)])
    with driven(PROCESSORS) as spans:
        assert len(Group.objects.order_by("name")) == 250
    (chunk,) = only(spans).end["query_data"]
    assert len(chunk) == 100
    assert only(spans).end["row_count"] == 250
    with driven(PROCESSORS, {"spans.max_items": 3}) as spans:
        list(Group.objects.order_by("name"))
    assert len(only(spans).end["query_data"][0]) == 4  # one more, for the encoder to say that there were more


def test_iterator_keeps_its_rows_for_the_program(people):
    with driven(PROCESSORS) as spans:
        rows = users().iterator(chunk_size=1)
        first = next(rows)
        assert only(spans).end["query_data"] is None
        rest = list(rows)
    assert [first, *rest] == people
    assert only(spans).outcome == "returned"


def test_a_raw_cursor_tells_its_columns_and_leaves_its_rows():
    with driven(PROCESSORS) as spans, connection.cursor() as cursor:
        cursor.execute("SELECT username, 1 AS one FROM auth_user WHERE email = %s", ["ann@x"])
        assert cursor.fetchall() == [("ann", 1)]
    span = only(spans)
    assert span.start["query_template"] == "SELECT username, 1 AS one FROM auth_user WHERE email = %s"
    assert span.start["query_params"] == ["ann@x"]
    assert (span.end["query_data"], span.end["columns"]) == (None, ["username", "one"])


def test_a_raw_queryset(people):
    from django.contrib.auth.models import User

    with driven(PROCESSORS) as spans:
        assert list(User.objects.raw("SELECT id FROM auth_user WHERE username = %s", ["bob"])) == people[1:]
    assert [span.name for span in spans] == ["SELECT auth_user"]


def test_executemany_takes_nothing_out_of_an_iterator():
    rows = [("c",), ("d",)]
    with driven(PROCESSORS) as spans, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO auth_group (name) VALUES (%s)", iter(rows))
        cursor.executemany("UPDATE auth_group SET name = %s WHERE name = 'c'", [("e",), ("f",)])
        cursor.execute("SELECT count(*) FROM auth_group")
        assert cursor.fetchone() == (2,)
    assert spans[0].start["many"] is True
    assert spans[0].start["query_params"] == "<list_iterator>"
    assert spans[1].start["query_params"] == [["e"], ["f"]]
    assert spans[1].end["row_count"] == 1


@pytest.mark.parametrize("through", ["orm", "cursor"])
def test_an_error_ends_its_span_and_goes_on(through):
    def asks():
        if through == "orm":
            return list(users().extra(where=["nonsense = 3"]))
        return connection.cursor().execute("SELECT nonsense")

    with driven(PROCESSORS) as spans, pytest.raises(DatabaseError, match="nonsense"):
        asks()
    (span,) = [span for span in spans if span.name and span.name.startswith("SELECT")]
    assert span.outcome == "raised"
    assert "nonsense" in str(span.end["exception"])


def test_another_database_is_told_by_its_alias():
    with driven(PROCESSORS) as spans:
        list(users().using("archive"))
    assert only(spans).start["alias"] == "archive"


def test_wrappers_and_debug_cursors_change_nothing(settings_debug):
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        if len(seen) == 1:
            with connections["archive"].cursor() as cursor:
                cursor.execute("SELECT 1")
        return execute(sql, params, many, context)

    with driven(PROCESSORS) as spans, connection.execute_wrapper(wrapper):
        found = list(users().values_list("username"))
    assert [(span.start["alias"], span.outcome) for span in spans] == [
        ("default", "returned"),
        ("archive", "returned"),
    ]
    assert spans[0].end["query_data"] == [found]
    assert spans[1].end["columns"] == ["1"]


@pytest.fixture
def settings_debug():
    connection.force_debug_cursor = True
    yield
    connection.force_debug_cursor = False


def test_a_cursor_inside_another_tools_cursor(monkeypatch):
    """As debug toolbars do it: what the compiler holds is not what sends."""

    class Wrapped:
        def __init__(self, cursor):
            self.cursor = cursor

        def execute(self, *args):
            return self.cursor.execute(*args)

        def __getattr__(self, name):
            return getattr(self.cursor, name)

    make = connection.cursor
    monkeypatch.setattr(connection, "cursor", lambda: Wrapped(make()))
    with driven(PROCESSORS) as spans:
        assert len(users()) == 2
    assert (only(spans).outcome, only(spans).end["query_data"]) == ("returned", None)


def test_telling_sends_no_statement_of_its_own(django_assert_queries):
    def work():
        list(users())
        users().filter(username="ann").exists()
        users().update(last_name="x")
        connection.cursor().execute("SELECT %s", ["a"])

    without = django_assert_queries(work)
    with driven(PROCESSORS) as spans:
        with_probe = django_assert_queries(work)
    assert with_probe == without
    assert len(spans) == len(without)


@pytest.fixture
def django_assert_queries():
    from django.test.utils import CaptureQueriesContext

    def count(work):
        with CaptureQueriesContext(connection) as queries:
            work()
        return [query["sql"] for query in queries]

    return count


def test_no_secret_of_a_column_is_told(people):
    from django.contrib.auth.models import User
    from django.db.models.functions import Upper

    with driven(PROCESSORS) as spans:
        User.objects.create(username="eve", password=SECRET)
        assert list(users().filter(password=SECRET))
        assert users().filter(password__in=[SECRET, "b"]).values_list("password", "email").first()
        assert list(users().annotate(loud=Upper("password")).values_list("loud", "username"))
        users().update(password=SECRET, email="x@x")
        users().bulk_update(people, ["password"])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM auth_user WHERE password = '{SECRET}'")
            cursor.execute("UPDATE auth_user SET password = %(p)s, email = %(e)s", {"p": SECRET, "e": "e"})
            cursor.executemany("UPDATE auth_user SET password=%s WHERE username=%s", [(SECRET, "ann")])
    told = repr(spans)
    assert "hunter2" not in told.lower()
    assert "x@x" in told
    assert "eve" in told
    filtered = spans[2]
    assert filtered.start["query_params"] == ["[redacted]", "[redacted]"]
    assert filtered.end["query_data"][0][0] == ("[redacted]", "ann@x")

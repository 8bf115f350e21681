"""The accounting check itself: it fails for a store in which anything at all is off by one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from harness.accounting import check_accounting, check_answers, check_whole, events_of
from harness.visits import get_all

TARGETS = ["/echo/one/?hops=2", "/echo/two/?hops=2", "/echo/three/threads/"]

# What a mistake somewhere between hook and row would leave behind.
SPOILED = {
    "an event of a process is missing": "UPDATE process SET stored = stored - 1",
    "an event of a process is there twice": "UPDATE process SET stored = stored + 1",
    "a process forgot one": "UPDATE process SET emitted = emitted - 1",
    "an event of a trace is missing": "UPDATE trace SET stored = stored - 1 WHERE number = 1",
    "an event moved to another trace":
        "UPDATE trace SET stored = stored + CASE number WHEN 1 THEN 1 WHEN 2 THEN -1 ELSE 0 END,"
        " emitted = emitted + CASE number WHEN 1 THEN 1 WHEN 2 THEN -1 ELSE 0 END",
    "a chunk is missing": "DELETE FROM chunk WHERE id = (SELECT min(id) FROM chunk)",
    "a chunk is there twice":
        "INSERT INTO chunk (trace_key, format, codec, events, raw_bytes, data)"
        " SELECT trace_key, format, codec, events, raw_bytes, data FROM chunk LIMIT 1",
    "a loss": "INSERT INTO loss VALUES (1, 1, 'ring_full', 1)",
    "a loss of no trace": "INSERT INTO loss VALUES (1, NULL, 'ring_full', 1)",
    "a loss that nobody had": "INSERT INTO loss VALUES (1, NULL, 'hook_replaced', 0), (1, 1, 'x', 2)",
    "a trace is missing": "DELETE FROM trace WHERE number = 3",
    "a trace is open": "UPDATE trace SET status = 'open' WHERE number = 2",
    "accounting is unknown": "UPDATE process SET accounting = 'unknown'",
    "a refused trace": "UPDATE process SET traces_refused = 1",
    "a code is missing": "UPDATE process SET codes_lost = 1",
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with three whole traces, and the answers to their requests."""
    from harness.project import Project

    project = Project(tmp_path_factory.mktemp("recorded"))
    try:
        daemon = project.start_collector()
        server = project.start_server("shop.wsgi", "-w", "1")
        answers = get_all(server.address, TARGETS, 1)
        server.stop()
        assert daemon.terminate() == 0
        yield project, answers
    finally:
        project.close()


def check_all(database, answers):
    check_answers(database, answers)
    check_accounting(database, emitted=events_of(answers))


def test_a_sound_store_passes(recorded):
    """Contract: what was recorded without trouble passes."""
    project, answers = recorded
    check_all(project.database, answers)


@pytest.mark.parametrize("mistake", SPOILED)
def test_a_spoiled_store_fails(recorded, tmp_path, mistake):
    """Contract: each of these mistakes is found."""
    project, answers = recorded
    copy = tmp_path / "spoiled.sqlite3"
    shutil.copy(project.database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(SPOILED[mistake])
        connection.commit()
    with pytest.raises(AssertionError):
        check_all(copy, answers)


def test_chunks_of_two_traces_that_were_swapped_fail(recorded, tmp_path):
    """Contract: two traces of the same size that hold each other's events are found by their markers."""
    project, answers = recorded
    original = project.database
    copy = tmp_path / "swapped.sqlite3"
    shutil.copy(original, copy)
    with closing(sqlite3.connect(copy)) as connection:
        keys = [row[0] for row in connection.execute("SELECT key FROM trace WHERE number IN (1, 2)")]
        for old, new in ((keys[0], -1), (keys[1], keys[0]), (-1, keys[1])):
            connection.execute("UPDATE chunk SET trace_key = ? WHERE trace_key = ?", (new, old))
        connection.commit()
    rows = check_answers(copy, answers)
    project.database = copy
    try:
        with pytest.raises(AssertionError):
            check_whole(project, rows[answers[0].trace_name], answers[0])
    finally:
        project.database = original
    check_whole(project, rows[answers[0].trace_name], answers[0])

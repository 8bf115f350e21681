"""A worker that is killed loses nothing it had recorded (contract 4)."""

from __future__ import annotations

import struct
import threading
from http.client import HTTPException

from harness.accounting import check_accounting, losses, name_of, rows
from harness.processes import kill_and_wait, wait_until
from harness.project import APPS
from harness.visits import get

STEPS = 20_000


class Counter:
    """The two numbers that the program keeps in a file."""

    def __init__(self, project):
        self.path = project.folder / "counter"
        self.path.write_bytes(bytes(16))

    def read(self) -> tuple[int, int]:
        return struct.unpack("=QQ", self.path.read_bytes())


def start(project, counter, *words):
    environment = project.environment(COUNTER=str(counter.path))
    return project.start_server("counting:application", *words, folder=APPS, environment=environment)


def ask_in_background(address, *targets):
    """Sends requests whose worker will die: nobody answers them."""

    def ask(target):
        try:
            get(address, target)
        except (OSError, HTTPException):
            return

    for target in targets:
        threading.Thread(target=ask, args=(target,), daemon=True).start()


def trace_of(project, name):
    (trace,) = rows(project.database, "SELECT * FROM trace WHERE name = ?", name)
    return trace


def check_counted(project, trace, counted):
    """The trace holds the view and its steps 0, 1, 2 … without a gap, to the last one that returned."""
    view, *steps = project.show(trace["id"])["activations"]
    assert (name_of(view), view["outcome"], view["duration_ns"]) == ("count", "open", None)
    assert [one["arguments"]["number"] for one in steps] == list(range(len(steps)))
    # The kill may have come between a step's start and its end, or between its end and the count.
    assert len(steps) in (counted, counted + 1)
    ended = [one for one in steps if one["outcome"] == "returned"]
    assert len(ended) >= counted
    assert steps[: len(ended)] == ended
    assert [one["result"] for one in ended] == list(range(len(ended)))
    assert trace["stored"] == 1 + len(steps) + len(ended)


def states_after_kill(project):
    """Of all processes, whose accounts are exact. An event is counted before it is written: one that the kill
    came into is lost, and said so."""
    states = check_accounting(project.database, lossless=False)
    assert losses(project.database) in ({}, {"unreadable": 1})
    return sorted(states)


def test_all_that_a_killed_worker_recorded_is_stored(project):
    """Contract: SIGKILL in the middle of a request. Every call that the program itself counted before it
    died is stored, without a gap; the trace is `crashed`, the process too; gunicorn's next worker is traced
    as well."""
    counter = Counter(project)
    daemon = project.start_collector()
    server = start(project, counter, "-w", "1")
    (worker,) = wait_until("a worker runs", server.workers)
    ask_in_background(server.address, "/count/victim/")
    wait_until("enough is counted", lambda: counter.read()[0] >= STEPS, 60)
    kill_and_wait(worker)
    counted, _ = counter.read()

    wait_until("gunicorn has another worker", lambda: server.workers() not in ([], [worker]))
    assert get(server.address, "/ping/after/").body == "after"
    server.stop()
    assert daemon.terminate() == 0
    trace = trace_of(project, "GET /count/victim/")
    assert trace["status"] == "crashed"
    assert states_after_kill(project) == ["crashed", "ended"]
    check_counted(project, trace, counted)
    assert trace_of(project, "200 GET /ping/after/")["status"] == "complete"


def test_open_activations_show_what_every_thread_was_running(project):
    """Contract: a worker killed while several of its threads are in requests: each of these is a crashed
    trace that shows the whole stack of its thread as open; what was complete before stays complete."""
    counter = Counter(project)
    daemon = project.start_collector()
    server = start(project, counter, "-w", "1", "-k", "gthread", "--threads", "4")
    (worker,) = wait_until("a worker runs", server.workers)
    assert get(server.address, "/ping/before/").body == "before"
    ask_in_background(server.address, "/hold/one/?depth=3", "/hold/two/?depth=7", "/count/three/")
    wait_until("all are at work", lambda: counter.read()[1] == 2 and counter.read()[0] >= STEPS // 10, 60)
    kill_and_wait(worker)
    server.stop()
    assert daemon.terminate() == 0

    assert trace_of(project, "200 GET /ping/before/")["status"] == "complete"
    for marker, depth in (("one", 3), ("two", 7)):
        trace = trace_of(project, f"GET /hold/{marker}/")
        assert trace["status"] == "crashed"
        activations = project.show(trace["id"])["activations"]
        assert [name_of(one) for one in activations] == ["hold_view"] + ["hold"] * depth
        assert {one["outcome"] for one in activations} == {"open"}
        assert [one["arguments"]["depth"] for one in activations[1:]] == list(range(depth, 0, -1))
        assert {one["arguments"]["marker"] for one in activations} == {marker}
    check_counted(project, trace_of(project, "GET /count/three/"), counter.read()[0])
    assert "crashed" in states_after_kill(project)


def test_when_daemon_and_worker_die_together(project):
    """Contract: nobody held the arena, so the tail is lost and the store says so: the process is `unknown`,
    its trace `interrupted`. What had been committed stays, and the daemon's successor works."""
    counter = Counter(project)
    project.configure('collector = "require"\n')
    daemon = project.start_collector()
    server = start(project, counter, "-w", "1")
    (worker,) = wait_until("a worker runs", server.workers)
    ask_in_background(server.address, "/hold/both/?depth=5")
    wait_until("it is at work", lambda: counter.read()[1] == 1)
    wait_until(
        "its start is committed",
        lambda: rows(project.database, "SELECT 1 FROM trace WHERE stored = 6"),
    )
    daemon.kill()
    kill_and_wait(worker)

    daemon = project.start_collector()
    wait_until(
        "the dead are settled",
        lambda: rows(project.database, "SELECT 1 FROM trace WHERE status = 'interrupted'"),
    )
    wait_until("gunicorn has another worker", lambda: server.workers() not in ([], [worker]))
    assert get(server.address, "/ping/after/").body == "after"
    server.stop()
    assert daemon.terminate() == 0
    states = rows(project.database, "SELECT state, accounting FROM process ORDER BY id")
    assert [tuple(row) for row in states] == [("unknown", "unknown"), ("ended", "exact")]
    activations = project.show(trace_of(project, "GET /hold/both/")["id"])["activations"]
    assert [one["outcome"] for one in activations] == ["open"] * 6

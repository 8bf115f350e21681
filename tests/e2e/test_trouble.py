"""The application never pays for our trouble (contract 1): whatever is wrong with daemon, folder, database or
disk, every request is answered as without the probe, workers boot, and what could not be stored is counted.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager

import pytest
from harness.accounting import check_accounting, check_answers, events_of, losses, rows
from harness.processes import wait_until
from harness.visits import Load, get_all

REQUESTS = 40
TARGETS = [f"/echo/marker-{n}/{('', 'threads/')[n % 2]}?hops={n % 7}" for n in range(REQUESTS)]
# What is lost when the arena is full; anything else would be a mistake.
FULL = {"ring_full", "start_dropped", "span_dropped"}
SLOTS = 1024  # traces that an arena can hold until their ends are acknowledged


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """How the requests are answered without the probe: (status, body) of each."""
    from harness.project import Project

    project = Project(tmp_path_factory.mktemp("plain"))
    try:
        environment = project.environment(KOLO_DISABLE="1")
        server = project.start_server("shop.wsgi", "-w", "1", environment=environment)
        answers = get_all(server.address, TARGETS, 4)
        server.stop()
    finally:
        project.close()
    assert {answer.status for answer in answers} == {200}
    return [(answer.status, answer.body) for answer in answers]


def asked(server):
    return [(answer.status, answer.body) for answer in get_all(server.address, TARGETS, 4)]


def ask_until_one_is_recorded_whole(project, server):
    """The first requests after the trouble may still find the arena full. Returns all answers."""
    answers = []

    def is_recorded_whole():
        answers.extend(get_all(server.address, [f"/echo/later-{len(answers)}/"], 1))
        query = "SELECT stored FROM trace WHERE name = ? AND status = 'complete'"
        found = wait_until("it is stored", lambda: rows(project.database, query, answers[-1].trace_name))
        return found[0]["stored"] == answers[-1].json["events"]

    wait_until("a request is recorded whole again", is_recorded_whole, 60)
    return answers


# --- nobody there, nowhere to put it --------------------------------------------------------------


def no_daemon_and_none_may_be_started(project):
    project.configure('collector = "require"\n')


def the_daemon_cannot_be_started(project):
    project.configure('collector_path = "/nonexistent/kolo-collectord"\n')


def the_daemon_ends_at_once(project):
    program = project.folder / "broken-collectord"
    program.write_text("#!/bin/sh\nexit 4\n")
    program.chmod(0o755)
    project.configure(f'collector_path = "{program}"\n')


def the_folder_is_a_file(project):
    project.kolo.write_text("not a folder")


def the_folder_is_a_dangling_link(project):
    project.kolo.symlink_to("/nonexistent/folder")


def the_folder_is_not_writable(project):
    project.kolo.symlink_to("/proc")  # nor may root make files there; /sys may be an empty folder in a chroot


def the_database_is_not_one(project):
    project.kolo.mkdir()
    project.database.write_text("This is a text, and no SQLite database at all.\n" * 20)


def a_folder_in_the_socket_s_place(project):
    project.socket.mkdir(parents=True)
    (project.socket / "kept").write_text("mine")


TROUBLES = [
    no_daemon_and_none_may_be_started,
    the_daemon_cannot_be_started,
    the_daemon_ends_at_once,
    the_folder_is_a_file,
    the_folder_is_a_dangling_link,
    the_folder_is_not_writable,
    the_database_is_not_one,
    a_folder_in_the_socket_s_place,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_requests_are_answered_as_without_the_probe(project, plain, trouble):
    """Contract: with no collector to be had, workers boot, requests are answered as without the probe, one
    line per process says what is wrong and what to do, and the server stops in order."""
    trouble(project)
    before = sorted(path.name for path in project.folder.iterdir())
    server = project.start_server("shop.wsgi", "-w", "1", "-k", "gthread", "--threads", "4")
    assert asked(server) == plain
    server.running.wait_for("the user is told", server.warnings, 30)
    assert asked(server) == plain
    assert len(server.warnings()) == 1, server.warnings()
    assert server.running.output().count("Booting worker") == 1
    assert "Traceback" not in server.running.output()
    server.stop()
    assert len(server.warnings()) == 1, server.warnings()
    project.stop_collectors()
    left = {path.name for path in project.folder.iterdir()} - set(before)
    assert {name for name in left if not name.endswith(".log")} <= {".kolo", ".gunicorn"}


def test_a_full_arena_is_counted(project, plain):
    """Contract: with no collector, a small arena fills up and the rest is dropped. When a collector comes
    later it gets what fitted, and the count of what did not: together exactly what the requests caused."""
    project.configure('collector = "require"\narena_mb = 2\n')
    server = project.start_server("shop.wsgi", "-w", "1", "-k", "gthread", "--threads", "4")
    answers = get_all(server.address, [f"/echo/many-{n}/?hops=400" for n in range(120)], 4)
    daemon = project.start_collector()
    wait_until("the worker is connected", project.connected, 60)
    later = ask_until_one_is_recorded_whole(project, server)
    server.stop()
    assert daemon.terminate() == 0
    check_accounting(project.database, emitted=events_of(answers + later), lossless=False)
    lost = losses(project.database)
    assert lost["ring_full"] > 0
    assert set(lost) <= FULL


# --- a database that somebody else keeps ----------------------------------------------------------


@contextmanager
def locked(database):
    """Holds the lock that the collector's writer needs."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=20)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def trouble_of(project):
    status = project.status()
    return status is not None and status["trouble"]


def test_a_locked_database(project, plain, is_long):
    """Contract: another program locks the database for 5 s (long form: a minute). Requests go on being
    answered, `kolo-collectord status` says why nothing is committed, and when the lock is gone all of it is
    stored. The long form has more requests than an arena has slots: those that found none are counted."""
    daemon = project.start_collector()
    server = project.start_server("shop.wsgi", "-w", "1", "-k", "gthread", "--threads", "4")
    first = get_all(server.address, ["/echo/first/"], 1)
    with locked(project.database):
        until = time.monotonic() + (60 if is_long else 5)
        with Load(server.address, lambda n: f"/echo/locked-{n}/?hops=5&pause_ms=50", 4) as load:
            trouble = wait_until("status says why", lambda: trouble_of(project), 20)
            assert "locked" in trouble
            wait_until("the time is over", lambda: time.monotonic() > until, 70)
        assert load.errors == []
        assert len(load.answers) > 20
        # Still locked: nothing of these can have been committed, and yet all were answered.
        assert rows(project.database, "SELECT 1 FROM trace WHERE name LIKE '%locked%'") == []
    wait_until("the trouble is over", lambda: not trouble_of(project))
    server.stop()
    assert daemon.terminate() == 0
    answers = first + load.answers
    if is_long:
        check_accounting(project.database, lossless=False)
        assert losses(project.database) == {}
        (refused,) = rows(project.database, "SELECT traces_refused FROM process")
        traces = rows(project.database, "SELECT emitted, status FROM trace")
        assert len(traces) + refused["traces_refused"] == len(answers)
        assert len(traces) >= SLOTS
        assert {trace["status"] for trace in traces} == {"complete"}
    else:
        check_answers(project.database, answers)
        check_accounting(project.database, emitted=events_of(answers))
    assert server.warnings() == []


def test_a_database_that_is_locked_when_the_workers_boot(project, plain):
    """Contract: the lock is held before the first worker says hello. Workers boot and answer; what they
    recorded is stored when the lock is gone."""
    daemon = project.start_collector()
    with locked(project.database):
        server = project.start_server("shop.wsgi", "-w", "2")
        answers = get_all(server.address, TARGETS, 4)
    assert [(answer.status, answer.body) for answer in answers] == plain
    server.stop()
    assert daemon.terminate() == 0
    check_answers(project.database, answers)
    check_accounting(project.database, emitted=events_of(answers))


# --- a full disk ----------------------------------------------------------------------------------


class SmallDisk:
    """A file system of its own for `.kolo`, which is made larger later; where none can be mounted, a limit on
    the size of the files that the daemon writes."""

    SMALL, LARGE = 1 << 20, 256 << 20

    def __init__(self, project):
        self.project = project
        project.kolo.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.SMALL}", "tmpfs", str(project.kolo)]
        self.is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def before_daemon(self):
        if not self.is_mounted:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that write() fails instead
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.SMALL, self.LARGE))

    def enlarge(self, daemon):
        if self.is_mounted:
            options = f"remount,size={self.LARGE}"
            subprocess.run(["mount", "-o", options, str(self.project.kolo)], check=True)
        else:
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (self.LARGE, self.LARGE))

    def close(self):
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.project.kolo)], check=True)


@pytest.fixture
def small_disk(project):
    disk = SmallDisk(project)
    yield disk
    project.close()
    disk.close()


def test_a_full_disk(project, small_disk):
    """Contract: the disk fills up under load. Requests go on being answered, `kolo-collectord status` and
    one line in its log say why; when there is room again, what fitted into arena and queue is stored and
    the rest is counted."""
    project.configure("arena_mb = 4\n")
    daemon = project.start_collector(before=small_disk.before_daemon)
    server = project.start_server("shop.wsgi", "-w", "1", "-k", "gthread", "--threads", "4")
    with Load(server.address, lambda n: f"/echo/full-{n}/?hops=100", 4) as load:
        trouble = wait_until("status says why", lambda: load.errors or trouble_of(project), 60)
        goal = len(load.answers) + 300
        wait_until("more is answered", lambda: load.errors or len(load.answers) > goal, 60)
        assert load.errors == []
        assert daemon.is_running(), daemon.output()
        assert trouble_of(project)
        small_disk.enlarge(daemon)
        wait_until("the trouble is over", lambda: load.errors or not trouble_of(project), 60)
    assert load.errors == []
    later = ask_until_one_is_recorded_whole(project, server)
    server.stop()
    assert daemon.terminate() == 0
    assert "full" in trouble or "disk" in trouble.lower(), trouble
    assert 1 <= daemon.output().count(trouble.split(";")[0][:20]) <= 5, daemon.output()
    assert {answer.status for answer in load.answers} == {200}
    check_accounting(project.database, emitted=events_of(load.answers + later), lossless=False)
    assert set(losses(project.database)) <= FULL
    assert len(rows(project.database, "SELECT 1 FROM trace")) == len(load.answers) + len(later)
    assert server.warnings() == []


def test_a_database_that_is_deleted_while_the_daemon_runs(project):
    """Contract: nothing is written into a file that is no longer there. The daemon ends, the probe starts
    another one with a new database, and what comes then is stored there whole, with the codes it needs."""
    server = project.start_server("shop.wsgi", "-w", "1")
    get_all(server.address, ["/echo/first/"], 1)
    wait_until("the worker is connected", project.connected)
    (old,) = project.collectors()
    for path in project.kolo.glob("db.sqlite3*"):
        if not path.name.endswith(".lock"):
            os.unlink(path)
    get_all(server.address, ["/echo/second/"], 1)
    wait_until("another daemon runs", lambda: project.collectors() not in ([], [old]), 60)
    wait_until("the worker is connected again", project.connected, 60)
    answers = get_all(server.address, [f"/echo/later-{n}/" for n in range(5)], 1)
    server.stop()
    project.stop_collectors()
    names = {trace["name"] for trace in project.traces()}
    assert names >= {answer.trace_name for answer in answers}
    for answer in answers:
        (trace,) = rows(project.database, "SELECT * FROM trace WHERE name = ?", answer.trace_name)
        assert trace["stored"] == trace["emitted"] == answer.json["events"]
        qualnames = {one["qualname"] for one in project.show(trace["id"])["activations"]}
        assert not any(qualname.startswith("code#") for qualname in qualnames)

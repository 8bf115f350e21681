"""Exactly one daemon serves a project, however many processes find that none runs."""

from __future__ import annotations

from harness.accounting import check_accounting, check_answers, events_of
from harness.processes import has_ended, program, wait_until
from harness.visits import get_all

WORKERS = 8


def test_workers_that_race_start_one_daemon(project):
    """Contract: 8 gunicorn workers get their first requests at once and no daemon runs: they end up with a
    single one, to which all are connected, and which leaves by itself when they have gone. Nothing is lost.
    """
    seen = set()
    server = project.start_server("shop.wsgi", "-w", str(WORKERS))
    wait_until("all workers run", lambda: len(server.workers()) == WORKERS)
    answers = []

    def all_connected():
        # Requests go to whichever worker takes them; a longer pause lets the others have some.
        first = len(answers)
        targets = [f"/echo/race-{first + n}/?hops=2&pause_ms=100" for n in range(2 * WORKERS)]
        answers.extend(get_all(server.address, targets, 2 * WORKERS))
        seen.update(project.collectors())
        return len(project.connected()) == WORKERS

    wait_until("all workers are connected", all_connected, 60)
    (daemon,) = project.collectors()
    assert seen >= {daemon}
    status = project.status()
    assert status["pid"] == daemon
    assert sorted(process["pid"] for process in status["processes"]) == sorted(server.workers())
    # Those that lost the race, if any was started at all, have given way.
    assert all(has_ended(pid) for pid in seen - {daemon})
    server.stop()
    project.wait_for_no_collector()
    check_answers(project.database, answers)
    assert set(check_accounting(project.database, emitted=events_of(answers))) == {"ended"}


def test_scripts_that_race_start_one_daemon(project):
    """Contract: 8 `kolo-probe run` at once, no daemon: all their traces are stored by the one they start."""
    script = project.folder / "script.py"
    script.write_text("def f(n):\n    return n\nfor n in range(100):\n    f(n)\n")
    running = [project.start([program("kolo-probe"), "run", str(script)]) for _ in range(WORKERS)]
    assert [one.wait(60) for one in running] == [0] * WORKERS
    assert [one.output() for one in running] == [""] * WORKERS
    project.stop_collectors()
    assert set(check_accounting(project.database, emitted=WORKERS * 202)) == {"ended"}
    assert {trace["status"] for trace in project.traces()} == {"complete"}
    assert len(project.traces()) == WORKERS


def test_a_second_daemon_is_refused(project):
    """Contract: a second daemon on the same database, or on the same socket, says that one is running
    already and ends with 3; the first one is not disturbed."""
    daemon = project.start_collector()
    second = project.launch_collector()
    assert second.wait() == 3
    assert "already" in second.output()
    assert str(daemon.pid) in second.output()
    third = project.run(
        "kolo-collectord", "--db", str(project.folder / "other.sqlite3"), "--socket", str(project.socket)
    )
    assert third.returncode == 3
    assert "already" in third.stderr
    other = project.run(
        "kolo-collectord", "--db", str(project.database), "--socket", str(project.folder / "other.sock")
    )
    assert other.returncode == 3
    assert project.status()["pid"] == daemon.pid
    assert daemon.terminate() == 0


def test_a_stale_socket_is_replaced(project):
    """Contract: what a killed daemon left (socket, locks) does not keep the next one from starting."""
    project.start_collector().kill()
    assert project.socket.exists()
    daemon = project.start_collector()
    assert project.status()["pid"] == daemon.pid
    assert daemon.terminate() == 0


def test_a_very_deep_project_folder(tmp_path):
    """Contract: a socket path far longer than the system's limit (108 bytes) works, for the daemon, its
    status and the probe, whether the daemon was started by hand or by the probe."""
    from harness.project import Project

    folder = tmp_path
    for _ in range(5):
        folder = folder / ("a-folder-with-a-long-name-" * 2)
    folder.mkdir(parents=True)
    project = Project(folder)
    try:
        script = folder / "script.py"
        script.write_text("def f():\n    pass\nf()\n")
        daemon = project.start_collector()
        assert len(str(project.socket)) > 250
        assert project.run("kolo-probe", "run", str(script)).returncode == 0
        assert daemon.terminate() == 0
        assert project.run("kolo-probe", "run", str(script)).stderr == ""
        project.stop_collectors()
        assert check_accounting(project.database, emitted=8) == ["ended", "ended"]
    finally:
        project.close()

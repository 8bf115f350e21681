"""A killed collector loses nothing it had acknowledged, and the application does not notice (contract 5)."""

from __future__ import annotations

import os
import signal

import pytest
from harness.accounting import check_accounting, check_answers, check_whole, events_of
from harness.processes import kill_and_wait, program, wait_until
from harness.visits import Load

KILLS, LONG_KILLS = 5, 40
IN_FLIGHT = 8
WORKERS = 2
BETWEEN = 30  # requests between two events of a test
SHOWN = 25  # traces that are compared with their answers call by call


def target(number: int) -> str:
    # Paced, so that what is recorded while no daemon is there fits the arena (1 024 traces, 64 MB).
    form = "threads/" if number % 4 == 0 else ""
    return f"/echo/marker-{number}/{form}?hops={number % 9}&pause_ms={40 + number % 9}"


def more_answers(load, count=BETWEEN):
    """Waits until the visitors have got `count` more answers."""
    goal = len(load.answers) + count
    wait_until(f"{goal} requests are answered", lambda: load.errors or len(load.answers) >= goal, 60)
    assert load.errors == []


def check_all(project, load):
    assert load.errors == []
    by_name = check_answers(project.database, load.answers)
    assert set(check_accounting(project.database, emitted=events_of(load.answers))) == {"ended"}
    for answer in load.answers[:: max(1, len(load.answers) // SHOWN)]:
        check_whole(project, by_name[answer.trace_name], answer)


@pytest.mark.parametrize("workers", ["gthread", "gevent"])
def test_daemon_killed_and_started_again_under_load(project, is_long, workers):
    """Contract: SIGKILL to the daemon, several times, while 8 requests are in flight and while it is away: no
    request fails, and in the end each trace is whole: no event is lost, none is there twice."""
    project.configure('collector = "require"\n')
    daemon = project.start_collector()
    words = ("-k", "gthread", "--threads", "4") if workers == "gthread" else ("-k", "gevent")
    server = project.start_server("shop.wsgi", "-w", str(WORKERS), *words)
    with Load(server.address, target, IN_FLIGHT) as load:
        more_answers(load)
        for _ in range(LONG_KILLS if is_long else KILLS):
            daemon.kill()
            more_answers(load)
            daemon = project.start_collector()
            wait_until("the workers are connected again", lambda: len(project.connected()) >= WORKERS, 60)
            more_answers(load)
    server.stop()
    assert daemon.terminate() == 0
    check_all(project, load)


def test_the_probe_replaces_a_killed_daemon(project):
    """Contract: the daemon that a probe started is killed under load: another is started, one and only one,
    and nothing is lost or doubled."""
    server = project.start_server("shop.wsgi", "-w", str(WORKERS), "-k", "gthread", "--threads", "4")
    with Load(server.address, target, IN_FLIGHT) as load:
        for _ in range(3):
            more_answers(load)
            wait_until("the workers are connected", lambda: len(project.connected()) == WORKERS, 60)
            (pid,) = project.collectors()
            os.kill(pid, signal.SIGKILL)
            more_answers(load)
        wait_until("the workers are connected", lambda: len(project.connected()) == WORKERS, 60)
        assert len(project.collectors()) == 1
    server.stop()
    project.wait_for_no_collector()
    check_all(project, load)


def test_a_program_that_does_nothing_but_call_outlives_its_daemons(project):
    """Contract: `kolo-probe run` of a program that calls without a pause, with a small arena, whose daemon
    is killed three times: the program waits for the next one rather than lose an event, and nothing is
    doubled."""
    project.configure("arena_mb = 4\n")
    script, stop = project.folder / "script.py", project.folder / "stop"
    script.write_text(
        f"""
import os
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
rounds = 0
while not os.path.exists({str(stop)!r}):
    fib(10)
    rounds += 1
print(rounds)
"""
    )
    running = project.start([program("kolo-probe"), "run", str(script)])
    seen = set()
    for _ in range(3):
        # Connected to a new daemon that has stored something of it.
        wait_until("its events are stored", lambda: stored_by_another(project, seen), 60)
        (pid,) = project.collectors()
        seen.add(pid)
        kill_and_wait(pid)
    wait_until("its events are stored", lambda: stored_by_another(project, seen), 60)
    stop.touch()
    assert running.wait(60) == 0
    rounds = int(running.output())
    project.stop_collectors()
    calls_of_fib_10 = 177
    assert check_accounting(project.database, emitted=2 + 2 * calls_of_fib_10 * rounds) == ["ended"]


def stored_by_another(project, seen):
    """A daemon that is none of these is connected and has committed more than was there when it came."""
    status = project.status()
    if status is None or status["pid"] in seen or status["commits"] < 3:
        return False
    return any(process["state"] == "connected" and process["stored"] for process in status["processes"])


def test_a_daemon_that_is_told_to_stop_and_another_one(project):
    """Contract: SIGTERM lets those that are connected finish; a worker that lives on is served by the next
    daemon, from where the first one ended, and nothing is lost or doubled."""
    project.configure('collector = "require"\n')
    daemon = project.start_collector()
    server = project.start_server("shop.wsgi", "-w", "1", "-k", "gthread", "--threads", "4")
    with Load(server.address, target, IN_FLIGHT) as load:
        more_answers(load)
        assert daemon.terminate(30) == 0
        more_answers(load)
        daemon = project.start_collector()
        wait_until("the worker is connected again", project.connected, 60)
        more_answers(load)
    server.stop()
    assert daemon.terminate() == 0
    check_all(project, load)

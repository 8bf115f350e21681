"""`kolo-probe run`: the program is Python's own, and all that it did is stored when the command returns.

How a program is run (surroundings, tracebacks, exit codes of all kinds) is tests/python's subject. Here its
events are counted: by construction or by the program itself, on one side, and in the store, on the other.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest
from harness.accounting import check_accounting, check_tree, name_of, rows
from harness.processes import clean_environment, command_line, has_ended, program, wait_until
from harness.project import SHOP

# Calls for importing probes.work: the bodies of the package, of the module and of its one class.
IMPORTING = 3
ARENA_MB = 8


def write(project, text, name="script.py"):
    path = project.folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def only_trace(project):
    (trace,) = rows(project.database, "SELECT * FROM trace")
    return trace


def check_stored(project, events):
    """One process that said good-bye and one complete trace of so many events, none lost."""
    project.stop_collectors()
    assert check_accounting(project.database, emitted=events) == ["ended"]
    trace = only_trace(project)
    assert (trace["status"], trace["stored"]) == ("complete", events)
    return trace


# --- exit flushes ---------------------------------------------------------------------------------


def test_everything_is_stored_when_it_returns(project):
    """Contract: the events of a script that ends at once are in the database when `kolo-probe run` has
    returned, while the daemon still runs; not a moment later."""
    script = write(
        project,
        """
        def f(n):
            return n * 2
        for n in range(1000):
            f(n)
        """,
    )
    for number in range(1, 4):
        done = project.run("kolo-probe", "run", script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        found = rows(project.database, "SELECT status, stored, emitted FROM trace")
        assert [tuple(row) for row in found] == [("complete", 2002, 2002)] * number
    project.stop_collectors()
    check_accounting(project.database, emitted=3 * 2002)


ENDS = {
    "return": ("", 0),
    "exit": ("sys.exit(7)", 7),
    "exception": ("raise ValueError('no')", 1),
    "os._exit": ("os._exit(9)", 9),
    "SIGKILL": ("os.kill(os.getpid(), 9)", -9),
    "SIGTERM": ("os.kill(os.getpid(), 15)", -15),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", -11),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_it_ends(project, end):
    """Contract: exit code, output and error text are plain Python's, and every call before the end is
    stored: as a complete trace where Python ended in order, as a crashed one where the process was gone at
    once."""
    last, code = ENDS[end]
    text = f"""
        import os, sys
        def f(n):
            return n
        for n in range(500):
            f(n)
        print("out", flush=True)
        print("err", file=sys.stderr, flush=True)
        {last}
    """
    script = write(project, text)
    import sys

    plain = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd=project.folder,
        check=False,
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert done.returncode == code
    project.stop_collectors()
    trace = only_trace(project)
    if end in ("return", "exit", "exception"):
        assert check_accounting(project.database, emitted=1002) == ["ended"]
        assert trace["status"] == "complete"
        return
    assert check_accounting(project.database) == ["crashed"]
    assert trace["status"] == "crashed"
    module, *calls = project.show(trace["id"])["activations"]
    assert (name_of(module), module["outcome"]) == ("<module>", "open")
    # Loading ctypes is the library's own business; its code is not recorded.
    assert [(one["arguments"]["n"], one["outcome"]) for one in calls] == [(n, "returned") for n in range(500)]


def test_in_a_pipe_and_interrupted(project):
    """Contract: `kolo-probe run script.py | cat` ends when the script does, and Ctrl-C reaches the script
    and not the daemon: the daemon that the script's probe started holds none of the script's streams, is in
    a session of its own, and goes on storing what others record."""
    ready, release = project.folder / "ready", project.folder / "release"
    os.mkfifo(release)
    interrupted = write(
        project,
        f"""
        import pathlib, signal, time
        def wait():
            pathlib.Path({str(ready)!r}).touch()
            time.sleep(600)
        wait()
        """,
    )
    other = write(project, f"def f(text):\n    pass\nf(open({str(release)!r}).read())\n", "other.py")
    pipeline = subprocess.Popen(
        ["/bin/sh", "-c", '"$0" run "$1" | cat', program("kolo-probe"), interrupted],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until("the script runs", ready.exists)
        wait_until("its daemon runs", project.connected)
        (daemon,) = project.collectors()
        streams = {os.stat(stream.fileno()).st_ino for stream in (pipeline.stdout, pipeline.stderr)}
        held = {path.stat().st_ino for path in Path(f"/proc/{daemon}/fd").iterdir() if path.exists()}
        assert not streams & held
        assert os.getsid(daemon) != pipeline.pid
        assert os.getpgid(daemon) != pipeline.pid
        assert project.run("kolo-collectord", "status", "--db", str(project.database)).returncode == 0

        bystander = project.start([program("kolo-probe"), "run", other])
        wait_until("both are connected", lambda: len(project.connected()) == 2)
        os.killpg(pipeline.pid, signal.SIGINT)
        out, err = pipeline.communicate(timeout=60)
    finally:
        if pipeline.poll() is None:
            os.killpg(pipeline.pid, signal.SIGKILL)
            pipeline.wait()
    assert out == b""
    assert err.decode().rstrip().endswith("KeyboardInterrupt")
    assert project.collectors() == [daemon]
    release.write_text("go on")
    assert bystander.wait() == 0
    project.stop_collectors()
    assert set(check_accounting(project.database)) == {"ended"}
    by_name = {trace["name"]: trace for trace in project.traces()}
    assert {trace["status"] for trace in by_name.values()} == {"complete"}
    raised = project.show(by_name[interrupted]["id"])["activations"]
    assert [(name_of(one), one["outcome"]) for one in raised] == [
        ("<module>", "raised"),
        ("wait", "raised"),
    ]


def test_it_exits_as_python_does_when_interrupted(project):
    """Contract: a script that Ctrl-C ends dies of SIGINT, as under Python itself, so that a shell's loop
    stops."""
    script = write(project, "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert project.run("kolo-probe", "run", script).returncode == -signal.SIGINT


def test_it_runs_on_when_the_daemon_cannot_be_had(project):
    """Contract: no collector: the script runs all the same, with its own output and exit code, and one line
    says what is wrong; it does not wait for anybody at its end."""
    project.kolo.write_text("a file")
    script = write(
        project,
        "def f():\n    return 1\nfor n in range(1000):\n    f()\nprint('done')\nraise SystemExit(3)\n",
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stdout) == (3, "done\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("kolo-probe: ")
    assert str(project.kolo) in line


# --- programs that do nothing but call ------------------------------------------------------------

FIB = """
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    print(fib({n}))
    status = open("/proc/self/status").read()
    print(status[status.index("VmHWM:"):].split()[1])
"""


def fib_calls(n):
    before, now = 1, 1
    for _ in range(n):
        before, now = now, before + now
    return 2 * before - 1


@pytest.mark.parametrize("arena_mb", [2, ARENA_MB])
def test_fib_loses_nothing(project, is_long, arena_mb):
    """Contract: a program that does nothing but call, faster than the collector may take it, loses no
    event: it waits when its arena is full. Its memory is the arena's and 8 MB, however much it records."""
    n = 30 if is_long else 24
    project.configure(f"arena_mb = {arena_mb}\n")
    script = write(project, FIB.format(n=n))
    plain = project.run("kolo-probe", "run", script, env=project.environment(KOLO_DISABLE="1"))
    done = project.run("kolo-probe", "run", script, timeout=600)
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == plain.stdout.splitlines()[0]
    more = int(done.stdout.splitlines()[1]) - int(plain.stdout.splitlines()[1])
    assert more * 1024 <= (arena_mb + 8) << 20, f"{more} KB more than without the probe"
    trace = check_stored(project, 2 + 2 * fib_calls(n))
    assert trace["activations"] == 1 + fib_calls(n)


def test_a_program_with_threads(project):
    """Contract: threads of a script are part of its trace: 8 of them call at once, each call is stored
    once, under its own thread."""
    script = write(
        project,
        f"""
        import json, sys
        sys.path.insert(0, {str(SHOP)!r})
        from probes.work import walk_threads
        calls, suspensions = walk_threads("m", 60, 0.0, 8)
        calls += 1 + {IMPORTING}
        print(json.dumps([calls, 2 * calls + 2 * suspensions]))
        """,
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stderr) == (0, "")
    calls, events = json.loads(done.stdout)
    trace = check_stored(project, events)
    assert trace["activations"] == calls
    shown = project.show(trace["id"])
    check_tree(shown["activations"])
    by_thread = {}
    for activation in shown["activations"]:
        by_thread.setdefault(activation["thread_id"], []).append(name_of(activation))
    assert len(by_thread) == 9
    assert sorted(names.count("in_thread") for names in by_thread.values()) == [0] + [1] * 8
    assert sorted(names.count("relay") for names in by_thread.values()) == [0] + [61] * 8


def test_generators_and_coroutines(project):
    """Contract: a generator or coroutine is one activation, whatever number of times it is suspended, also
    when it goes on in another thread; one that is closed is `abandoned` or left by GeneratorExit, never
    `open`."""
    script = write(
        project,
        f"""
        import asyncio, json, sys, threading
        sys.path.insert(0, {str(SHOP)!r})
        from probes.work import walk_async, steps

        def numbers(count):
            for n in range(count):
                yield n

        def go_on(generator, seen):
            seen.extend(generator)

        def wander():
            generator, seen = numbers(5), []
            seen.append(next(generator))
            seen.append(next(generator))
            thread = threading.Thread(target=go_on, args=(generator, seen))
            thread.start()
            thread.join()
            return seen

        def leave():
            generator = numbers(3)
            next(generator)
            generator.close()

        calls, suspensions = asyncio.run(walk_async("m", 5, 0))
        assert wander() == [0, 1, 2, 3, 4]
        calls, suspensions = calls + 3, suspensions + 5   # wander, go_on, numbers
        leave()
        calls += 2                                        # leave, numbers: its suspension is said below
        print(json.dumps([calls + 1 + {IMPORTING}, suspensions]))
        """,
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stderr) == (0, "")
    calls, suspensions = json.loads(done.stdout)
    project.stop_collectors()
    assert check_accounting(project.database) == ["ended"]
    trace = only_trace(project)
    assert trace["status"] == "complete"
    # The generator that was closed: start and yield, and a throw and an unwind where this Python shows them.
    assert trace["stored"] - (2 * (calls - 1) + 2 * suspensions) in (2, 3, 4)
    activations = project.show(trace["id"])["activations"]
    assert len(activations) == calls
    wandered, left = (one for one in activations if name_of(one) == "numbers")
    assert wandered["outcome"] == "returned"
    assert left["outcome"] in ("abandoned", "raised")
    assert {one["outcome"] for one in activations if name_of(one) != "numbers"} <= {"returned", "raised"}


def test_deep_recursion(project):
    """Contract: a stack of 15 000 recorded frames is recorded as it is, and so is the exception that
    crosses all of them. (In a thread with a large stack, as calls use it before Python 3.11.)"""
    script = write(
        project,
        """
        import sys, threading
        sys.setrecursionlimit(20_000)
        threading.stack_size(512 << 20)
        def down(n):
            if n == 0:
                raise KeyError("bottom")
            down(n - 1)
        def run():
            try:
                down(15_000)
            except KeyError:
                print("caught")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        """,
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "caught\n", "")
    trace = check_stored(project, 2 * (1 + 1 + 15_001))
    assert trace["unwinds"] == 15_001
    activations = project.show(trace["id"])["activations"]
    assert [one["arguments"]["n"] for one in activations[2:]] == list(range(15_000, -1, -1))
    by_id = {one["id"]: one for one in activations}
    assert all(by_id[one["parent_id"]] is activations[1 + n] for n, one in enumerate(activations[2:]))


def test_a_forking_program(project):
    """Contract 7: a child that is forked inside a trace starts clean: it writes nothing into its parent's
    rings and goes on in a trace of kind `fork`, linked to the parent's; both traces are whole, and both
    processes end as they would without the probe."""
    script = write(
        project,
        """
        import os
        def work(n):
            return n
        def child():
            for n in range(100):
                work(n)
        for n in range(100):
            work(n)
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                child()
                os._exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        for n in range(100):
            work(n)
        """,
    )
    done = project.run("kolo-probe", "run", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    project.stop_collectors()
    assert check_accounting(project.database, emitted=2 * 201 + 5 * 2 * 101) == ["ended"] * 6
    (script_trace,) = rows(project.database, "SELECT * FROM trace WHERE kind = 'script'")
    assert (script_trace["status"], script_trace["stored"]) == ("complete", 2 * 201)
    forks = rows(project.database, "SELECT * FROM trace WHERE kind = 'fork'")
    assert [(fork["status"], fork["stored"], fork["parent_id"]) for fork in forks] == [
        ("complete", 2 * 101, script_trace["id"])
    ] * 5


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_stay_in_the_process(project):
    """Contract 8: what is under a secret name, or secret by its form, is in no file that we write: not in the
    database, its log or the daemon's log."""
    script = write(
        project,
        """
        def login(user, password, headers, pairs):
            api_key = "s3cret-local"
            raise RuntimeError("postgres://me:s3cret-url@host/db")
        def secret_of(user):
            return "s3cret-result"
        class Account:
            def __init__(self):
                self.token = "s3cret-attribute"
        def show(account):
            return None
        show(Account())
        secret_of("ada")
        try:
            login("ada", "s3cret-argument", {"Authorization": "s3cret-header"}, [("Cookie", "s3cret-pair")])
        except RuntimeError:
            pass
        """,
    )
    assert project.run("kolo-probe", "run", script, "--token", "s3cret-argv").returncode == 0
    project.stop_collectors()
    shown = project.run("kolo-trace", "show", "latest", "--db", str(project.database), "--json").stdout
    assert '"ada"' in shown
    assert set(re.findall(r"s3cret-\w+", shown)) == set()
    for path in project.kolo.iterdir():
        if path.is_file():
            assert b"s3cret" not in path.read_bytes(), path
            assert path.stat().st_mode & 0o077 == 0 or path.name == ".gitignore", path
    assert project.kolo.stat().st_mode & 0o777 == 0o700


# --- what stays ------------------------------------------------------------------------------------


def test_traces_stay_when_all_processes_are_gone(project):
    """Contract: when script, server and daemon are gone, `kolo-trace` still lists and shows everything, and a
    daemon that starts later adds to it."""
    script = write(project, "def f(n):\n    return n\nf(1)\n")
    assert project.run("kolo-probe", "run", "--name", "first", script).returncode == 0
    project.stop_collectors()
    assert project.run("kolo-probe", "run", "--name", "second", script).returncode == 0
    daemon = wait_until("a daemon runs", project.collectors)[0]
    project.wait_for_no_collector()
    assert has_ended(daemon)
    assert command_line(daemon) == []
    assert [trace["name"] for trace in project.traces()] == ["second", "first"]
    assert {trace["status"] for trace in project.traces()} == {"complete"}
    for trace in project.traces():
        assert [name_of(one) for one in project.show(trace["id"])["activations"]] == ["<module>", "f"]
    listed = project.run("kolo-trace", "list")  # by KOLO_PATH
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "first" in listed.stdout
    # One file is enough to take the traces elsewhere: the log was folded in when the daemon left.
    moved = project.folder / "moved.sqlite3"
    moved.write_bytes(project.database.read_bytes())
    elsewhere = project.run("kolo-trace", "list", "--db", str(moved), "--json")
    assert len(elsewhere.stdout.splitlines()) == 2

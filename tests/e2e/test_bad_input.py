"""Bad input of every kind: a clear message that says what to do, an exit code, and nothing lost that was
stored."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing

import msgpack
import pytest
from harness import wire
from harness.accounting import check_accounting, check_answers, events_of
from harness.processes import wait_until
from harness.visits import Load

DATABASE_PROBLEM = 4
SOCKET_PROBLEM = 5
USAGE = 2


# --- the database ---------------------------------------------------------------------------------


def a_text(path):
    path.write_text("These are my notes and no database.\n" * 100)


def random_bytes(path):
    path.write_bytes(random.Random(1).randbytes(10_000))


def a_cut_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
    path.write_bytes(path.read_bytes()[:5000])


def a_folder(path):
    path.mkdir()
    (path / "kept").write_text("mine")


def a_device(path):
    path.symlink_to("/dev/full")


def a_fifo(path):
    os.mkfifo(path)


def another_program_s(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoices (id, amount)")
        connection.execute("INSERT INTO invoices VALUES (1, 2)")
        connection.commit()


def a_kolo_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE traces (id text PRIMARY KEY, created_at text, msgpack blob)")
        connection.execute("INSERT INTO traces VALUES ('trc_1', '2026-01-01', x'80')")
        connection.commit()


def a_newer_schema(path):
    made = path.with_name("made.sqlite3")
    daemon = [shutil.which("kolo-collectord", path=os.path.dirname(os.sys.executable)), "--db", str(made)]
    process = subprocess.Popen(daemon, stderr=subprocess.DEVNULL)
    try:
        wait_until(
            "it has made a database", lambda: made.exists() and made.with_name("collector.sock").exists()
        )
    finally:
        process.terminate()
        assert process.wait(20) == 0
    made.rename(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()


BAD_DATABASES = [
    a_text,
    random_bytes,
    a_cut_database,
    a_folder,
    a_device,
    a_fifo,
    another_program_s,
    a_kolo_database,
    a_newer_schema,
]


def contents(path):
    if path.is_dir():
        return sorted((inner.name, inner.read_bytes()) for inner in path.iterdir())
    mode = path.stat().st_mode
    return path.read_bytes() if stat.S_ISREG(mode) else mode


@pytest.mark.parametrize("bad", BAD_DATABASES, ids=lambda bad: bad.__name__)
def test_a_bad_database(project, bad):
    """Contract: a --db that is none of ours is refused with exit code 4 and a message that names it; what
    is there is left as it was, byte for byte. kolo-trace refuses it too, instead of showing nothing."""
    path = project.folder / "bad.sqlite3"
    bad(path)
    before = contents(path)
    done = project.run("kolo-collectord", "--db", str(path), timeout=20)
    assert done.returncode == DATABASE_PROBLEM, (done.returncode, done.stderr)
    assert str(path) in done.stderr
    assert len(done.stderr.splitlines()) <= 3, done.stderr
    assert done.stdout == ""
    assert contents(path) == before
    read = project.run("kolo-trace", "list", "--db", str(path), timeout=20)
    assert read.returncode == DATABASE_PROBLEM, (read.returncode, read.stderr)
    assert str(path) in read.stderr
    assert contents(path) == before


def without_root_s_rights():
    """In a child: permissions apply to root as well (capabilities 1 and 2, CAP_DAC_OVERRIDE and
    _READ_SEARCH)."""
    drop_from_bounding_set = 24
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def test_an_unreadable_database(project):
    """Contract: a database that may not be read is refused, as above."""
    path = project.folder / "bad.sqlite3"
    project.start_collector().terminate()
    shutil.copy(project.database, path)
    path.chmod(0)
    for name, words in (("kolo-collectord", []), ("kolo-trace", ["list"])):
        done = project.run(name, *words, "--db", str(path), timeout=20, preexec_fn=without_root_s_rights)
        assert done.returncode == DATABASE_PROBLEM, (name, done.returncode, done.stderr)
        assert str(path) in done.stderr


def test_no_database_at_all(project):
    """Contract: kolo-trace says that there is none and how one comes to be; it makes none."""
    done = project.run("kolo-trace", "list")
    assert done.returncode == DATABASE_PROBLEM
    assert str(project.database) in done.stderr
    assert not project.kolo.exists()


def test_a_folder_that_cannot_be_made(project):
    """Contract: a --db in a folder that cannot exist, a --socket that cannot be bound: refused, with its
    path."""
    done = project.run("kolo-collectord", "--db", "/proc/no/db.sqlite3")
    assert done.returncode == DATABASE_PROBLEM
    assert "/proc/no" in done.stderr
    done = project.run(
        "kolo-collectord", "--db", str(project.database), "--socket", "/proc/no/collector.sock"
    )
    assert done.returncode == SOCKET_PROBLEM
    assert "/proc/no" in done.stderr


def test_kolo_s_own_database_is_left_alone(project):
    """Contract: where Kolo has its database, the probe's go to probe.sqlite3 beside it, by default, for
    daemon, probe and reader; Kolo's file does not change."""
    project.kolo.mkdir()
    a_kolo_database(project.database)
    before = project.database.read_bytes()
    script = project.folder / "script.py"
    script.write_text("def f():\n    pass\nf()\n")
    assert project.run("kolo-probe", "run", str(script)).returncode == 0
    project.stop_collectors()
    listed = project.run("kolo-trace", "list", "--json")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1)
    check_accounting(project.kolo / "probe.sqlite3", emitted=4)
    assert project.database.read_bytes() == before
    assert {path.name for path in project.kolo.glob("db.sqlite3*")} <= {"db.sqlite3", "db.sqlite3.lock"}


@pytest.mark.parametrize("words", [["--db"], ["--nonsense"], ["--log-level", "loud"], ["nonsense"]])
def test_wrong_usage(project, words):
    """Contract: exit code 2, and where to read more."""
    done = project.run("kolo-collectord", *words)
    assert done.returncode == USAGE
    assert "--help" in done.stderr


# --- the socket -----------------------------------------------------------------------------------


def whole_hello(**changes):
    return wire.frame(wire.HELLO, msgpack.packb(wire.hello(**changes)))


GARBAGE = {
    "nothing": b"",
    "half a head": b"\x10\0\0",
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(100_000),
    "noise": random.Random(2).randbytes(100_000),
    "a huge length": b"\xff\xff\xff\xff\x01\x00\x00\x00" + bytes(1000),
    "half a hello": whole_hello()[:40],
    "a hello of noise": wire.frame(wire.HELLO, random.Random(3).randbytes(300)),
    "a hello that is no map": wire.frame(wire.HELLO, msgpack.packb([1, 2, 3])),
    "a hello with wrong types": whole_hello(pid="one", argv=7, clocks="now"),
    "a hello that lies about its arena": whole_hello(arena_bytes=1 << 26),
    "a deeply nested hello": wire.frame(wire.HELLO, b"\x91" * 200_000),
    "a block before the hello": wire.frame(wire.BLOCK, bytes(80)),
}

AFTER_HELLO = {
    "noise": random.Random(4).randbytes(50_000),
    "half a block": wire.frame(wire.BLOCK, bytes(80))[:50],
    "a block of nobody's trace": wire.frame(wire.BLOCK, bytes(80) + b"\xff" * 64),
    "a short block": wire.frame(wire.BLOCK, b"\1"),
    "codes of noise": wire.frame(wire.CODES, bytes(8) + random.Random(5).randbytes(500)),
    "codes from far away": wire.frame(wire.CODES, b"\xff" * 8 + bytes(64)),
    "a trace of noise": wire.frame(wire.TRACE, random.Random(6).randbytes(512)),
    "unknown types": b"".join(wire.frame(kind, b"x" * kind) for kind in range(200, 400)),
    "a second hello": whole_hello(),
}


# Odd, but nothing that a process could not say.
ODD_HELLOS = [{"clocks": []}, {"clocks": [5, 9, 9, 1, 2, 2]}, {"argv": []}, {"pid": 0, "start_time": 0}]


def target(number):
    return f"/echo/marker-{number}/?hops={number % 9}"


def test_garbage_on_the_socket(project):
    """Contract: garbage and truncated bytes of every kind, before and after a hello, while a worker is
    connected and serves: the daemon lives, answers its status, and the worker's traces are whole."""
    daemon = project.start_collector()
    server = project.start_server("shop.wsgi", "-w", "1")
    with Load(server.address, target, 2) as load:
        wait_until("the worker is connected", project.connected)
        (worker,) = project.connected()
        for data in GARBAGE.values():
            peer = wire.Peer(project.socket)
            peer.send(data)
            peer.finish()
            assert set(peer.until_closed()) <= {wire.REFUSED}
            peer.close()
        for data in AFTER_HELLO.values():
            peer = wire.Peer(project.socket)
            peer.send_hello()
            found = peer.next_frame()
            assert found is not None
            assert found[0] == wire.WELCOME
            peer.send(data)
            peer.finish()
            peer.until_closed()
            peer.close()
        for odd in ODD_HELLOS:
            peer = wire.Peer(project.socket)
            peer.send_hello(**odd)
            assert peer.next_frame() is not None
            peer.close()
        # Connections that say nothing and stay.
        silent = [wire.Peer(project.socket) for _ in range(50)]
        assert [process["pid"] for process in project.connected()] == [worker["pid"]]
        goal = len(load.answers) + 20
        wait_until("more is answered", lambda: load.errors or len(load.answers) > goal, 60)
    assert load.errors == []
    assert daemon.is_running()
    server.stop()
    for peer in silent:
        peer.close()
    assert daemon.terminate() == 0
    assert server.warnings() == []
    with closing(sqlite3.connect(project.database)) as connection:
        (emitted, stored), *_ = connection.execute(
            "SELECT emitted, stored FROM process WHERE pid = ? AND state = 'ended'", (worker["pid"],)
        )
        assert emitted == stored == events_of(load.answers)
        # What the other ones left says so by itself, and takes no trace with it.
        connection.execute("PRAGMA integrity_check")
    check_answers(project.database, load.answers)


def test_a_protocol_from_the_future(project):
    """Contract: a hello of protocol 999 is refused with a message that says which versions there are and
    what to do; the daemon goes on."""
    daemon = project.start_collector()
    peer = wire.Peer(project.socket)
    peer.send_hello(protocol=999)
    kind, body = peer.next_frame()
    assert kind == wire.REFUSED
    refused = msgpack.unpackb(body)
    assert refused["reason"] == wire.PROTOCOL_REFUSED
    assert "999" in refused["message"]
    assert peer.next_frame() is None
    peer = wire.Peer(project.socket)
    peer.send_hello(features=0xFFFF, what_comes_later={"a": 1})
    kind, _ = peer.next_frame()
    assert kind == wire.WELCOME
    peer.close()
    assert daemon.terminate(30) == 0


# --- the configuration ----------------------------------------------------------------------------


def test_a_configuration_with_wrong_types(project):
    """Contract: each wrong value costs one warning that names file, key and what it must be; all else is
    used, and the program is recorded."""
    (project.folder / "pyproject.toml").write_text(
        "[tool.kolo]\narena_mb = 'big'\nwhen_full = 3\nvalues = 'yes'\nwhen_fulll = 'drop'\nfilters = 7\n"
        "[tool.kolo.limits]\nmax_depth = -1\nmax_text = 20\n"
    )
    script = project.folder / "script.py"
    script.write_text("def f(text):\n    pass\nf('x' * 100)\nprint('done')\n")
    done = project.run("kolo-probe", "run", str(script))
    assert (done.returncode, done.stdout) == (0, "done\n")
    lines = done.stderr.splitlines()
    for key in ("arena_mb", "when_full ", "values", "when_fulll", "filters", "limits.max_depth"):
        assert [key in line for line in lines].count(True) >= 1, (key, lines)
    assert len(lines) == 6
    assert all(line.startswith("kolo-probe: ") and "pyproject.toml" in line for line in lines)
    project.stop_collectors()
    check_accounting(project.database, emitted=4)
    (trace,) = project.traces()
    assert "x" * 21 not in str(project.show(trace["id"]))  # max_text is in force


def test_a_configuration_that_is_no_toml(project):
    """Contract: one warning with the place of the mistake; the program runs and is recorded with the
    defaults."""
    (project.folder / "pyproject.toml").write_text("[tool.kolo]\narena_mb = = 3\n")
    script = project.folder / "script.py"
    script.write_text("print('done')\n")
    done = project.run("kolo-probe", "run", str(script))
    assert (done.returncode, done.stdout) == (0, "done\n")
    (line,) = done.stderr.splitlines()
    assert "line 2" in line
    project.stop_collectors()
    check_accounting(project.database, emitted=2)

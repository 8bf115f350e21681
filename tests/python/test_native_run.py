"""`kolo-probe run` with recording on, the real native module and a real collector.

The programs of test_run.py run as under Python itself while they are recorded, and what they did is stored
when the command has returned.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from test_run import PROGRAMS, script

import kolo_probe

BIN = os.path.dirname(sys.executable)


pytestmark = pytest.mark.usefixtures("installed")


def environment(**more):
    dropped = ("PYTHON", "KOLO", "COV")
    kept = ("PYTHONMALLOC", "PYTHONDEVMODE")  # how ./dev sanitize and the debugging allocator run all of this
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(dropped) or k in kept},
        **more,
    }


def command(name, *words, folder, **options):
    options = {"capture_output": True, "timeout": 120, "env": environment(), **options}
    return subprocess.run([os.path.join(BIN, name), *words], cwd=folder, **options)


def traces(folder):
    """What kolo-trace lists, newest or oldest first, once the collector has nothing left to do."""
    done = command("kolo-trace", "list", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def only_trace(folder):
    (trace,) = traces(folder)
    return trace


def activations(folder, trace):
    done = command("kolo-trace", "show", trace["id"], "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["activations"]


def outcome(done):
    out, err = (re.sub("0x[0-9a-f]+", "0x…", stream.decode()) for stream in (done.stdout, done.stderr))
    return done.returncode, out, err


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_recorded_program_runs_as_under_python(tmp_path, name):
    script(tmp_path, PROGRAMS[name])
    words = ["program.py", "--own", "-m", "--", "--name", "x"]
    plain = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=environment(), capture_output=True, timeout=120
    )
    recorded = command("kolo-probe", "run", *words, folder=tmp_path)
    assert outcome(recorded) == outcome(plain)


def test_all_that_a_script_did_is_stored_when_the_command_returns(tmp_path):
    script(
        tmp_path,
        """
        def total(a, *, b):
            return add(a, b) * 2
        def add(a, b):
            return a + b
        print(total(1, b=2))
        """,
    )
    done = command("kolo-probe", "run", "program.py", "--token", "hunter2", folder=tmp_path)
    assert outcome(done) == (0, "6\n", "")
    trace = only_trace(tmp_path)
    assert (trace["name"], trace["kind"], trace["status"]) == ("program.py", "script", "complete")
    assert trace["argv"] == ["program.py", "--token", "[redacted]"]
    assert trace["version"] == kolo_probe.__version__
    assert trace["git_sha"] is None
    recorded = activations(tmp_path, trace)
    assert [a["qualname"].rpartition(".")[2] for a in recorded] == ["<module>", "total", "add"]
    assert recorded[1]["arguments"] == {"a": 1, "b": 2}
    assert (recorded[1]["result"], recorded[2]["result"]) == (6, 3)


def test_a_script_that_ends_at_once_is_stored(tmp_path):
    script(tmp_path, "pass")
    for _ in range(5):
        assert outcome(command("kolo-probe", "run", "program.py", folder=tmp_path)) == (0, "", "")
    assert [trace["status"] for trace in traces(tmp_path)] == ["complete"] * 5


def test_threads_that_outlive_main_and_exit_functions_are_part_of_the_trace(tmp_path):
    script(
        tmp_path,
        """
        import atexit, threading, time
        def late():
            time.sleep(0.2)
            in_thread()
        def in_thread(): pass
        def at_exit(): pass
        atexit.register(at_exit)
        threading.Thread(target=late).start()
        """,
    )
    assert outcome(command("kolo-probe", "run", "program.py", folder=tmp_path)) == (0, "", "")
    names = {a["qualname"].rpartition(".")[2] for a in activations(tmp_path, only_trace(tmp_path))}
    assert {"late", "in_thread", "at_exit"} <= names


def test_work_in_executors_is_part_of_the_trace(tmp_path):
    script(
        tmp_path,
        """
        from concurrent.futures import ThreadPoolExecutor
        def work(n): return n
        with ThreadPoolExecutor(4) as pool:
            print(sum(pool.map(work, range(100))))
        """,
    )
    assert outcome(command("kolo-probe", "run", "program.py", folder=tmp_path)) == (0, "4950\n", "")
    recorded = activations(tmp_path, only_trace(tmp_path))
    done = [a["result"] for a in recorded if a["qualname"].endswith("work")]
    assert sorted(done) == list(range(100))


def test_a_pipe_ends_when_the_script_does(tmp_path):
    script(tmp_path, "print('out')")
    begun = time.monotonic()
    done = subprocess.run(
        f"'{BIN}/kolo-probe' run program.py 2>&1 | cat",
        shell=True, cwd=tmp_path, env=environment(), capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == b"out\n"
    # The collector that was started stays for 3 s after its last connection, and must not hold the pipe.
    assert time.monotonic() - begun < 60


def test_ctrl_c_reaches_the_program_and_not_the_collector(tmp_path):
    script(tmp_path, "import time\ndef f():\n    print('ready', flush=True)\n    time.sleep(60)\nf()\n")
    process = subprocess.Popen(
        [os.path.join(BIN, "kolo-probe"), "run", "program.py"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGINT)  # what the terminal does: the whole foreground group
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert err.endswith(b"\nKeyboardInterrupt\n")
    trace = only_trace(tmp_path)
    assert trace["status"] == "complete"
    (call,) = [a for a in activations(tmp_path, trace) if a["qualname"].endswith("f")]
    assert call["outcome"] == "raised"


def test_disabled_nothing_is_made(tmp_path):
    script(tmp_path, "print('out')")
    done = command("kolo-probe", "run", "program.py", folder=tmp_path, env=environment(KOLO_DISABLE="1"))
    assert outcome(done) == (0, "out\n", "")
    assert not (tmp_path / ".kolo").exists()


def test_noop_records_nothing(tmp_path):
    script(tmp_path, "print('out')")
    assert outcome(command("kolo-probe", "run", "--noop", "program.py", folder=tmp_path)) == (0, "out\n", "")
    assert not (tmp_path / ".kolo" / "db.sqlite3").exists()


def test_kolo_path_says_where_it_is_stored(tmp_path):
    script(tmp_path, "pass")
    (tmp_path / "elsewhere").mkdir()
    env = environment(KOLO_PATH=str(tmp_path / "elsewhere"))
    assert command("kolo-probe", "run", "program.py", folder=tmp_path, env=env).returncode == 0
    assert not (tmp_path / ".kolo").exists()
    assert only_trace(tmp_path / "elsewhere")["name"] == "program.py"


@pytest.mark.parametrize("trouble", ["a file", "not writable", "no collector"])
def test_trouble_with_storing_costs_the_program_nothing_but_one_warning(tmp_path, trouble):
    script(tmp_path, "def f(): return 3\nprint(f())")
    env = environment()
    if trouble == "a file":
        (tmp_path / ".kolo").write_text("")
    elif trouble == "not writable":
        env["KOLO_PATH"] = "/proc"
    else:
        (tmp_path / "pyproject.toml").write_text("[tool.kolo]\ncollector_path = '/nowhere/kolo-collectord'\n")
    done = command("kolo-probe", "run", "program.py", folder=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (0, b"3\n")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("kolo-probe: ")


def test_wrong_types_in_the_configuration_cost_a_warning_each_and_the_rest_is_used(tmp_path):
    script(tmp_path, "def f(): return 3\nprint(f())")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.kolo]\narena_mb = 'big'\nnonsense = 1\n[tool.kolo.filters]\nignore_frames = ['program.py']\n"
    )
    done = command("kolo-probe", "run", "program.py", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"3\n")
    assert len(done.stderr.decode().splitlines()) == 2
    assert activations(tmp_path, only_trace(tmp_path)) == []


def test_multiprocessing_children_that_trace_are_stored_whole(tmp_path):
    script(
        tmp_path,
        """
        import multiprocessing
        import kolo_probe

        def step(n):
            return n + 1

        @kolo_probe.enable(name="child")
        def job(n):
            for i in range(100):
                n = step(n)
            return n

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(sorted(pool.map(job, range(4))))
                    pool.close()
                    pool.join()
        """,
    )
    plain = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment(), capture_output=True, timeout=120
    )
    assert outcome(plain) == (0, "[100, 101, 102, 103]\n" * 2, "")
    children = [trace for trace in traces(tmp_path) if trace["name"] == "child"]
    assert len(children) == 8
    assert {trace["status"] for trace in children} == {"complete"}
    for trace in children:
        assert len([a for a in activations(tmp_path, trace) if a["qualname"].endswith("step")]) == 100


def test_the_git_sha_is_stored(tmp_path):
    script(tmp_path, "pass")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("a" * 40 + "\n")
    assert command("kolo-probe", "run", "program.py", folder=tmp_path).returncode == 0
    assert only_trace(tmp_path)["git_sha"] == "a" * 40


def test_no_frame_of_ours_is_recorded(tmp_path):
    script(
        tmp_path,
        """
        import kolo_probe, threading
        @kolo_probe.enable
        def f():
            t = threading.Thread(target=g); t.start(); t.join()
        def g(): pass
        f()
        """,
    )
    assert command("kolo-probe", "run", "program.py", folder=tmp_path).returncode == 0
    recorded = activations(tmp_path, only_trace(tmp_path))
    assert sorted(a["qualname"].rpartition(".")[2] for a in recorded) == ["<module>", "f", "g"]
    assert {os.path.basename(a["path"]) for a in recorded} == {"program.py"}


def test_start_up_loads_nothing_heavy(tmp_path):
    script(tmp_path, "import sys\nprint(*sys.modules)")
    loaded = set(command("kolo-probe", "run", "program.py", folder=tmp_path).stdout.decode().split())
    # `re` may come with the entry script that pip writes.
    heavy = {
        "argparse",
        "dataclasses",
        "importlib.metadata",
        "inspect",
        "logging",
        "runpy",
        "sqlite3",
        "tomllib",
    }
    assert loaded & heavy == set()


def test_help_is_installed(tmp_path):
    done = command("kolo-probe", "--version", folder=tmp_path)
    assert done.stdout.decode() == f"kolo-probe {kolo_probe.__version__}\n"
    assert textwrap.dedent("examples:") in command("kolo-probe", "--help", folder=tmp_path).stdout.decode()


def test_a_collector_that_stands_still_costs_one_wait(tmp_path):
    """A full arena makes a recorded program wait once; then it goes on, and what it drops is counted."""
    (tmp_path / ".kolo").mkdir()
    (tmp_path / ".kolo" / "config.toml").write_text("arena_mb = 2\nwait_ms = 500\n")
    program = """
        import os, signal, time
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        with open(".kolo/db.sqlite3.lock") as lock:
            collector = int(lock.read())
        os.kill(collector, signal.SIGSTOP)
        try:
            began = time.monotonic()
            fib(23)
            print(time.monotonic() - began < 20)  # one wait, and not one for each of 90 000 calls
        finally:
            os.kill(collector, signal.SIGCONT)
        """
    script(tmp_path, program)
    done = command("kolo-probe", "run", "program.py", folder=tmp_path)
    assert outcome(done) == (0, "True\n", "")
    trace = only_trace(tmp_path)
    assert trace["lost"] > 0
    assert trace["lost"] + 2 * trace["activations"] == 2 * (92_735 + 1)  # fib(23), and the module

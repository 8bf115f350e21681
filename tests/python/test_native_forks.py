"""A child that is forked inside a trace goes on in a trace of kind `fork`, linked to its parent's.

A case is a program that calls `work` in the child; what the child records is whole however it ends.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_native_run import activations, command, environment, traces
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

WORK = """
import os, sys

def work(n):
    return n + 1

def called(times):
    for n in range(times):
        work(n)

"""
FORK = """
pid = os.fork()
if pid == 0:
    called(20)
    {end}
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == {code}
called(3)
"""


def kinds(folder):
    return {trace["kind"]: trace for trace in traces(folder)}


def names(folder, trace):
    return [activation["qualname"].partition(".")[2] for activation in activations(folder, trace)]


def shown(folder, trace):
    return json.loads(command("kolo-trace", "show", trace["id"], "--json", folder=folder).stdout)


@pytest.mark.parametrize(
    ("end", "code"), [("os._exit(7)", 7), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)]
)
def test_a_child_goes_on_in_a_trace_of_its_own(tmp_path, end, code):
    done = command(
        "kolo-probe", "run", script(tmp_path, WORK + FORK.format(end=end, code=code)), folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = kinds(tmp_path)
    parent, child = found["script"], found["fork"]
    assert names(tmp_path, parent) == ["<module>", "called", "work", "work", "work"]
    assert names(tmp_path, child) == ["called", *["work"] * 20]
    assert child["pid"] != parent["pid"]
    assert (child["name"], child["status"]) == (parent["name"], "crashed" if code == -9 else "complete")
    assert shown(tmp_path, child)["trace"]["parent_id"] == parent["id"]
    assert {child["lost"], parent["lost"]} == {0}


def test_the_children_of_multiprocessing_do_too(tmp_path):
    program = WORK + (
        """
import multiprocessing
if __name__ == "__main__":
    children = [multiprocessing.get_context("fork").Process(target=called, args=(n,)) for n in (1, 2, 3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
"""
    )
    done = command("kolo-probe", "run", script(tmp_path, program), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    forks = [trace for trace in traces(tmp_path) if trace["kind"] == "fork"]
    assert {trace["status"] for trace in forks} == {"complete"}
    assert sorted(names(tmp_path, trace).count("work") for trace in forks) == [1, 2, 3]


def test_a_child_of_a_child_is_linked_to_its_own_parent(tmp_path):
    program = (
        WORK
        + """
def fork(depth):
    pid = os.fork()
    if pid == 0:
        work(depth)
        if depth < 2:
            fork(depth + 1)
        os._exit(0)
    os.waitpid(pid, 0)

fork(0)
"""
    )
    done = command("kolo-probe", "run", script(tmp_path, program), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    found = [shown(tmp_path, trace) for trace in traces(tmp_path)]
    found.sort(key=lambda one: one["trace"]["started_at"])
    for parent, child in zip(found, found[1:]):
        assert child["trace"]["parent_id"] == parent["trace"]["id"]
    assert [one["trace"]["kind"] for one in found] == ["script", "fork", "fork", "fork"]


@pytest.mark.parametrize(
    "program",
    [
        "if os.fork() == 0: os.execv('/bin/true', ['true'])\nos.wait()",
        "if os.fork() == 0: os._exit(0)\nos.wait()",
        "import subprocess\nsubprocess.run(['/bin/true'], preexec_fn=os.getpid)",
    ],
    ids=["exec", "_exit", "subprocess"],
)
def test_a_child_that_calls_nothing_of_the_users_records_nothing(tmp_path, program):
    done = command("kolo-probe", "run", script(tmp_path, WORK + program), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert set(kinds(tmp_path)) == {"script"}


def test_a_trace_that_begins_in_the_child_is_linked_to_the_trace_it_goes_on_in(tmp_path):
    program = (
        WORK
        + """
import kolo_probe, threading
from kolo_probe._session import begin, session

if os.fork() == 0:
    def request():
        here = session()
        token = begin(here, "request", "inner")
        work(1)
        here.native.end_trace(token)
    thread = threading.Thread(target=request)
    thread.start()
    thread.join()
    os._exit(0)
os.wait()
"""
    )
    done = command("kolo-probe", "run", script(tmp_path, program), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    found = kinds(tmp_path)
    assert shown(tmp_path, found["request"])["trace"]["parent_id"] == found["fork"]["id"]
    assert names(tmp_path, found["fork"]) == ["request"]
    assert names(tmp_path, found["request"]) == ["work"]


def test_outside_every_trace_a_fork_means_nothing(tmp_path):
    program = (
        WORK
        + """
import kolo_probe
with kolo_probe.enable():
    work(1)
if os.fork() == 0:
    called(5)
    os._exit(0)
os.wait()
"""
    )
    path = script(tmp_path, program)
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=environment(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert [trace["kind"] for trace in traces(tmp_path)] == ["block"]

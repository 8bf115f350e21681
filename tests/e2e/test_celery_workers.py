"""Celery's workers, with each kind of pool: every run of a job is a trace, linked to what enqueued it.

The application is examples/celery_shop: an order in one process, charged by a job, whose receipt is a job
that fails at first and retries itself.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing

import pytest
from harness.accounting import check_accounting, name_of
from harness.processes import program, wait_until
from harness.project import ROOT, Project

pytest.importorskip("celery")

EXAMPLE = ROOT / "examples" / "celery_shop"
POOLS = ("prefork", "threads", "solo", "gevent")
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """The demo of the example with each pool, all at once: a worker of Celery's takes seconds to stop."""
    with ExitStack() as projects:
        running = {}
        for pool in POOLS:
            project = projects.enter_context(closing(Project(tmp_path_factory.mktemp(pool))))
            command = [sys.executable, "demo.py", "--pool", pool]
            running[pool] = project, project.start(command, folder=EXAMPLE)
        for _, demo in running.values():
            demo.wait(120)
        yield running


@pytest.mark.parametrize("pool", POOLS)
def test_an_order_and_the_jobs_it_led_to_are_one_linked_group(demos, pool):
    project, demo = demos[pool]
    assert demo.wait() == 0, demo.output()
    assert "Order 7: 28.48" in demo.output()
    project.wait_for_no_collector()
    traces = {trace["id"]: trace for trace in project.traces()}
    jobs = [trace for trace in traces.values() if trace["kind"] == "job"]
    assert sorted(trace["name"] for trace in jobs) == ["shop.charge", "shop.receipt", "shop.receipt"]
    assert {trace["status"] for trace in traces.values()} == {"complete"}
    (charge,) = [trace for trace in jobs if trace["name"] == "shop.charge"]
    shown = project.show(charge["id"])
    assert [name_of(one) for one in shown["activations"]] == ["charge", "total_of"]
    jobs_told = [span for span in shown["spans"] if span["kind"] == "job"]
    assert [(span["name"], span["data"]["action"]) for span in jobs_told] == [
        ("shop.charge", "run"), ("shop.receipt", "enqueue"),
    ]  # fmt: skip
    check_accounting(project.database)


def test_a_worker_that_the_environment_asks_to_trace_and_a_child_that_is_killed(project):
    """KOLO_PROBE=1 in place of `kolo-probe run`; the job's process kills itself in the middle."""
    (project.folder / "dying.py").write_text(
        "import os, signal\n"
        "from tasks import app\n"
        "def step(number):\n"
        "    return number + 1\n"
        "@app.task(name='shop.die')\n"
        "def die():\n"
        "    step(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    more = {
        "SHOP_BROKER": str(project.folder / "broker"),
        "PYTHONPATH": f"{project.folder}{os.pathsep}{EXAMPLE}",
    }
    worker = project.start(
        [program("celery"), "-A", "dying", "worker", "--pool", "prefork", "--concurrency", "1", *QUIET],
        environment=project.environment(KOLO_PROBE="1", **more),
    )
    project.run(
        "kolo-probe",
        "run",
        "-m",
        "celery",
        "-A",
        "dying",
        "call",
        "shop.die",
        env=project.environment(**more),
    )

    def crashed():
        return [
            trace for trace in project.traces() if (trace["name"], trace["status"]) == ("shop.die", "crashed")
        ]

    (trace,) = wait_until("the job's trace is marked crashed", crashed, 60)
    assert trace["kind"] == "job"
    job, step = project.show(trace["id"])["activations"]
    assert (name_of(job), job["outcome"]) == ("die", "open")
    assert (name_of(step), step["result"]) == ("step", 2)
    assert worker.is_running()

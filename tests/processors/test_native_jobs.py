"""Log records, jobs and tests with the real probe: a program under `kolo-probe run`, and the spans it has.
It imports the libraries while it is traced, as most programs do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging

def say():
    logging.getLogger("shop").warning("%s of %d", "socks", 3, extra={"password": "hunter2"})

def work_celery():
    from celery import Celery
    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True

    @app.task(name="shop.pay")
    def pay(amount):
        return amount * 2

    assert pay.delay(3).get() == 6
    app.send_task("shop.elsewhere", task_id="mine")

def work_huey():
    from huey import MemoryHuey
    queue = MemoryHuey("shop")

    @queue.task()
    def ship(order):
        return order

    ship(7)
    queue.execute(queue.dequeue())

def run_unittest():
    import unittest

    class Cart(unittest.TestCase):
        def test_add(self):
            pass

    Cart("test_add").run(unittest.TestResult())

def run_pytest():
    import pytest
    pytest.main(["-q", "-p", "no:cacheprovider", "test_shop.py"])

say()
work_celery()
work_huey()
run_unittest()
run_pytest()
"""


def run(name, *words, folder):
    dropped = ("PYTHON", "KOLO", "COV", "PYTEST")
    return subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), name), *words],
        cwd=folder, env={k: v for k, v in os.environ.items() if not k.startswith(dropped)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["auto", "profile", "pure"])
def traces(request, tmp_path_factory):
    """All that was recorded, by the trace's name, with each way to see calls."""
    pytest.importorskip("celery")
    pytest.importorskip("huey")
    folder = tmp_path_factory.mktemp("shop")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "test_shop.py").write_text("def test_fails():\n    assert False\n")
    (folder / "pyproject.toml").write_text(f'[tool.kolo]\nhook = "{request.param}"\n')
    run("kolo-probe", "run", "program.py", folder=folder)
    listed = [
        json.loads(line) for line in run("kolo-trace", "list", "--json", folder=folder).stdout.splitlines()
    ]
    shown = (run("kolo-trace", "show", trace["id"], "--json", folder=folder).stdout for trace in listed)
    return {found["trace"]["name"]: found for found in map(json.loads, shown)}


def spans(traces, subtype=None, kind=None, trace="program.py"):
    return [
        span for span in traces[trace]["spans"]
        if subtype in (None, span["subtype"]) and kind in (None, span["kind"])
    ]  # fmt: skip


def test_a_log_record_without_the_secret_in_its_extra(traces):
    (record,) = [span for span in spans(traces, kind="log") if span["data"]["name"] == "shop"]
    assert record["name"] == record["data"]["message"] == "socks of 3"
    assert "hunter2" not in json.dumps(traces)


def test_celery_is_followed_from_its_import_on(traces):
    names = [(span["name"], span["data"]["action"]) for span in spans(traces, "celery")]
    assert names == [("shop.pay", "enqueue"), ("shop.pay", "run"), ("shop.elsewhere", "enqueue")]
    (elsewhere,) = [span for span in spans(traces, "celery") if span["name"] == "shop.elsewhere"]
    assert elsewhere["end_data"]["task_id"] == "mine"


def test_hueys_job_is_enqueued_here_and_executed_in_a_trace_of_its_own(traces):
    assert [span["data"]["action"] for span in spans(traces, "huey")] == ["enqueue"]
    job = traces["__main__.ship"]
    assert job["trace"]["kind"] == "job"
    assert [span["data"]["action"] for span in spans(traces, "huey", trace="__main__.ship")] == ["execute"]


def test_tests_with_their_outcomes(traces):
    found = {
        span["subtype"]: (span["name"], span["end_data"]["outcome"]) for span in spans(traces, kind="test")
    }
    assert found == {
        "unittest": ("__main__.run_unittest.<locals>.Cart.test_add", "passed"),
        "pytest": ("test_shop.py::test_fails", "failed"),
    }

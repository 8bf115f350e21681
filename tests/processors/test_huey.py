"""huey: enqueueing and executing jobs, in memory."""

from __future__ import annotations

import pytest
from driving import driven
from tracing import traced_whole

from kolo_probe import _huey
from kolo_probe.processors.huey import PROCESSORS

huey = pytest.importorskip("huey")


@pytest.fixture
def queue():
    return huey.MemoryHuey("shop", results=True)


@pytest.fixture
def job(queue):
    @queue.task(retries=2)
    def pay(amount, fails=False):
        if fails:
            raise ValueError("declined")
        return amount * 2

    return pay


def test_enqueueing_tells_name_arguments_and_id(queue, job):
    with driven(PROCESSORS) as spans:
        result = job(3, fails=False)
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "job", "background_job", "background_job_end", "huey",
    )  # fmt: skip
    assert span.name == span.start["name"] == f"{__name__}.pay"
    assert (span.start["args"], span.start["kwargs"]) == ((3,), {"fails": False})
    assert (span.start["action"], span.start["task_id"]) == ("enqueue", result.id)
    assert span.outcome == "returned"
    assert queue.pending_count() == 1


def test_executing_tells_the_result(queue, job):
    job(3)
    with driven(PROCESSORS) as spans:
        assert queue.execute(queue.dequeue()) == 6
    (span,) = spans
    assert (span.start["action"], span.start["args"]) == ("execute", (3,))
    assert (span.end["result"], span.outcome) == (6, "returned")


def test_a_failure_is_told_and_the_retry_is_enqueued(queue, job):
    job(3, fails=True)
    with driven(PROCESSORS) as spans:
        queue.execute(queue.dequeue())
    run, retry = spans
    assert (run.outcome, str(run.end["exception"]), run.end["retries"]) == ("raised", "declined", 2)
    assert (retry.start["action"], retry.start["retries"]) == ("enqueue", 1)


def test_immediate_mode_runs_inside_the_enqueueing(queue, job):
    queue.immediate = True
    with driven(PROCESSORS) as spans:
        job(3)
    assert [span.start["action"] for span in spans] == ["enqueue", "execute"]


def test_arguments_by_position_are_secret_by_their_parameters_names(queue):
    @queue.task()
    def log_in(user, password):
        return user

    with driven(PROCESSORS) as spans:
        log_in("ada", "hunter2")
        queue.execute(queue.dequeue())
    assert [span.start["args"] for span in spans] == [("ada", "[redacted]")] * 2


def test_a_group_is_told_job_by_job(queue, job):
    with driven(PROCESSORS) as spans:
        queue.enqueue(huey.group([job.s(1), job.s(2)]))
    assert [span.start["args"] for span in spans] == [(1,), (2,)]


def test_what_only_shares_a_name_with_huey_is_none_of_its_jobs():
    elsewhere = {}
    exec(compile("def execute(self):\n    return self", "/srv/shop/huey/api.py", "exec"), elsewhere)
    with driven(PROCESSORS) as spans:
        elsewhere["execute"](3)
    assert spans == []


@pytest.fixture
def probe(monkeypatch):
    made = traced_whole(monkeypatch, _huey)
    monkeypatch.setattr(huey.Huey, "_execute", huey.Huey._execute)  # put back what the next line replaces
    _huey.follow_huey()
    return made


def test_each_execution_is_a_trace_in_a_consumer_that_is_traced_whole(queue, job, probe):
    job(3)
    job(4, fails=True)
    assert queue.execute(queue.dequeue()) == 6
    queue.execute(queue.dequeue())
    assert [(trace["kind"], trace["name"], trace["ended"]) for trace in probe.traces] == [
        ("job", f"{__name__}.pay", True)
    ] * 2


def test_elsewhere_it_is_none(queue, job, probe):
    probe.here.is_whole_process = False
    job(3)
    assert queue.execute(queue.dequeue()) == 6
    assert probe.traces == []


def test_an_immediate_job_stays_in_the_trace_of_its_caller(queue, job, probe):
    queue.immediate = True
    probe.begin(None, "request", "GET /")
    assert job(3)() == 6
    assert len(probe.traces) == 1


def test_following_twice_begins_one_trace_for_a_job(queue, job, probe):
    _huey.follow_huey()
    job(3)
    queue.execute(queue.dequeue())
    assert len(probe.traces) == 1


def test_a_job_that_is_not_executed_is_no_trace(queue, job, probe):
    job(3).revoke()
    queue.execute(queue.dequeue())
    assert probe.traces == []


def test_importing_huey_in_a_trace_is_noticed_and_is_no_span(monkeypatch):
    followed = []
    monkeypatch.setattr(_huey, "follow", followed.append)
    with driven(PROCESSORS) as spans:
        exec(compile("Huey = 3", "/srv/huey/api.py", "exec"), {"__name__": "huey.api"})
    assert spans == []
    assert [found["Huey"] for found in followed] == [3]

"""Celery: jobs that are enqueued, and their runs, each a trace linked to the one that enqueued it.

The broker is in memory. A run is what a worker makes of a message (celery.worker.request.Request.execute);
tests/e2e/test_celery_workers.py has real workers, with each kind of pool.
"""

from __future__ import annotations

import logging

import pytest
from driving import driven
from tracing import traced_whole

from kolo_probe import _celery, _warnings
from kolo_probe.processors.celery import PROCESSORS

celery = pytest.importorskip("celery")

from celery import signals  # noqa: E402
from celery.worker.request import Request  # noqa: E402

SIGNALS = (signals.before_task_publish, signals.task_prerun, signals.task_postrun)


@pytest.fixture
def probe(monkeypatch):
    made = traced_whole(monkeypatch, _celery)
    monkeypatch.setattr(_celery, "_connected", None)
    _celery.follow(vars(signals))
    yield made
    for signal in SIGNALS:
        signal.disconnect(dispatch_uid="kolo_probe")
    assert _celery._running == {}


@pytest.fixture
def app():
    made = celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)

    # Not shared: Celery would give the task to every application in this process.
    @made.task(name="shop.pay", shared=False, bind=True, max_retries=1, default_retry_delay=0)
    def pay(self, amount, fails=False, again=False):
        if fails:
            raise ValueError("declined")
        if again:
            raise self.retry(exc=ValueError("later"))
        return amount * 2

    made.pay = pay
    yield made
    with made.connection_for_read() as connection:
        connection.default_channel.queue_purge("celery")


def message_of(app):
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        found = queue.get(block=False)
        queue.close()
    return found


def work(app, message=None):
    """Run the oldest job that waits."""
    message = message_of(app) if message is None else message
    request = Request(message, app=app, hostname="worker", on_ack=lambda *_: None)
    request.execute()


def test_enqueueing_is_a_span_with_name_arguments_and_task_id(app):
    with driven(PROCESSORS) as spans:
        result = app.pay.delay(3, fails=False)
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "job", "background_job", "background_job_end", "celery",
    )  # fmt: skip
    assert span.name == span.start["name"] == "shop.pay"
    assert (span.start["args"], span.start["kwargs"]) == ((3,), {"fails": False})
    assert (span.end["task_id"], span.outcome) == (result.id, "returned")


def test_enqueueing_by_signature_or_by_name_is_one_span_too(app):
    with driven(PROCESSORS) as spans:
        app.pay.s(1).apply_async(countdown=5, queue="celery")
        app.send_task("shop.elsewhere", args=[2], task_id="mine")
        celery.group(app.pay.s(3), app.pay.s(4)).apply_async()
    assert [span.name for span in spans] == ["shop.pay", "shop.elsewhere", "shop.pay", "shop.pay"]
    assert spans[0].start["options"] == {"countdown": 5, "queue": "celery"}
    assert spans[1].end["task_id"] == "mine"


def test_sentrys_wrappers_do_not_make_it_two(app, monkeypatch):
    pytest.importorskip("sentry_sdk")
    integration = pytest.importorskip("sentry_sdk.integrations.celery")
    for owner, name in ((celery.app.task.Task, "apply_async"), (celery.Celery, "send_task")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back what the next lines replace
    integration._patch_task_apply_async()
    integration._patch_celery_send_task()
    with driven(PROCESSORS) as spans:
        app.pay.delay(3)
        app.send_task("shop.elsewhere")
    assert [span.name for span in spans] == ["shop.pay", "shop.elsewhere"]


def test_a_job_that_cannot_be_sent_says_why(app):
    with driven(PROCESSORS) as spans, pytest.raises(TypeError):
        app.pay.apply_async(kwargs={"unheard": object()})
    assert spans[0].outcome == "raised"
    assert isinstance(spans[0].end["exception"], TypeError)


def test_arguments_by_position_are_secret_by_their_parameters_names(app, probe):
    @app.task(name="shop.log_in", shared=False)
    def log_in(user, password):
        return user

    @app.task(name="shop.log_out", shared=False, bind=True, autoretry_for=(OSError,))
    def log_out(self, session_id, *rest):
        return rest

    with driven(PROCESSORS) as spans:
        log_in.delay("ada", "hunter2")
        log_out.delay("hunter3", 1)
        app.send_task("shop.log_in", ["ada", "hunter4"])
    assert [span.start["args"] for span in spans] == [
        ("ada", "[redacted]"), ("[redacted]", 1), ["ada", "[redacted]"],
    ]  # fmt: skip
    for _ in spans:
        work(app)
    assert [span.start["args"] for span in probe.spans] == [
        ["ada", "[redacted]"], ["[redacted]", 1], ["ada", "[redacted]"],
    ]  # fmt: skip
    assert [span.end["result"] for span in probe.spans] == ["ada", (1,), "ada"]


def test_a_job_goes_out_with_the_trace_that_enqueued_it_and_its_run_is_linked_to_that(app, probe):
    token = probe.begin(None, "request", "POST /checkout/")
    app.pay.delay(3)
    probe.end_trace(token)
    work(app)
    _request, job = probe.traces
    assert job == {
        "kind": "job", "name": "shop.pay", "parent": probe.trace_id(1), "group": probe.trace_group(1),
        "ended": True,
    }  # fmt: skip
    (span,) = probe.spans
    assert (span.kind, span.type, span.end_type) == ("job", "background_job", "background_job_end")
    assert (span.start["args"], span.start["retries"], span.start["routing_key"]) == ([3], 0, "celery")
    assert (span.end["result"], span.end["state"], span.outcome) == (6, "SUCCESS", "returned")
    assert probe.spans_in == [2]


def test_a_job_from_elsewhere_has_no_parent(app, probe):
    app.pay.delay(3)
    work(app)
    assert [(trace["parent"], trace["group"]) for trace in probe.traces] == [(None, None)]


def test_propagation_can_be_switched_off(app, probe):
    probe.here.options["spans.propagate"] = False
    probe.begin(None, "request", "GET /")
    app.pay.delay(3)
    assert "traceparent" not in message_of(app).headers


def test_a_failure_is_told_and_its_trace_ends(app, probe):
    app.pay.delay(3, fails=True)
    work(app)
    (span,) = probe.spans
    assert (span.outcome, span.end["state"], str(span.end["exception"])) == ("raised", "FAILURE", "declined")
    assert probe.traces[0]["ended"]


def test_a_retry_is_a_run_of_its_own_linked_to_the_run_that_asked_for_it(app, probe):
    token = probe.begin(None, "request", "GET /")
    app.pay.delay(3, again=True)
    probe.end_trace(token)
    work(app)
    work(app)
    first, second = probe.traces[1:]
    assert (first["parent"], second["parent"]) == (probe.trace_id(1), probe.trace_id(2))
    assert first["group"] == second["group"] == probe.trace_group(1)
    assert [(span.start["retries"], span.end["state"]) for span in probe.spans] == [
        (0, "RETRY"),
        (1, "FAILURE"),
    ]


def test_what_leaves_the_worker_ends_the_trace_too(app, probe):
    @app.task(name="shop.leave")
    def leave():
        raise SystemExit

    leave.delay()
    with pytest.raises(SystemExit):
        work(app)
    assert probe.traces[0]["ended"]
    assert probe.spans[0].outcome == "raised"


def test_an_eager_job_stays_in_the_trace_of_its_caller(app, probe):
    app.conf.task_always_eager = True
    probe.begin(None, "request", "GET /")
    with driven(PROCESSORS) as enqueued:
        assert app.pay.delay(3).get() == 6
    assert len(probe.traces) == 1
    assert [span.name for span in enqueued] == ["shop.pay"]
    assert [(span.start["is_eager"], span.end["result"]) for span in probe.spans] == [(True, 6)]


def test_one_job_inside_another_ends_in_order(app, probe):
    @app.task(name="shop.checkout")
    def checkout():
        return app.pay.apply(args=[3]).get(disable_sync_subtasks=False)

    checkout.delay()
    work(app)
    assert [trace["name"] for trace in probe.traces] == ["shop.checkout"]
    assert [(span.name, span.end["result"]) for span in probe.spans] == [
        ("shop.checkout", 6),
        ("shop.pay", 6),
    ]


def test_a_process_that_is_not_traced_whole_begins_no_traces_for_its_jobs(app, probe):
    probe.here.is_whole_process = False
    app.pay.delay(3)
    work(app)
    assert (probe.traces, probe.spans) == ([], [])


def test_without_spans_there_are_traces_still(app, probe):
    probe.here.options["spans.enabled"] = False
    app.pay.delay(3)
    work(app)
    assert [trace["ended"] for trace in probe.traces] == [True]
    assert probe.spans == []


def test_another_tracers_traceparent_stays_and_tracestate_has_the_way_to_us(app, probe):
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    probe.begin(None, "request", "GET /")
    app.pay.apply_async((3,), headers={"traceparent": theirs, "tracestate": "congo=t61, kolo=trc_old"})
    headers = message_of(app).headers
    assert headers["traceparent"] == theirs
    assert headers["tracestate"] == f"kolo={probe.trace_id(1)},congo=t61"


@pytest.mark.parametrize("traceparent", ["", "no", 3, None, "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_traceparent_that_is_none_is_replaced(app, probe, traceparent):
    probe.begin(None, "request", "GET /")
    app.pay.apply_async((3,), headers={"traceparent": traceparent, "tracestate": "a=b"})
    headers = message_of(app).headers
    assert headers["traceparent"].startswith(f"00-{probe.trace_group(1)}-")
    assert headers["tracestate"] == f"kolo={probe.trace_id(1)}"


def test_importing_celery_in_a_trace_is_noticed_and_is_no_span(monkeypatch):
    followed = []
    monkeypatch.setattr(_celery, "follow", followed.append)
    names = {"__name__": "celery.signals"}
    with driven(PROCESSORS) as spans:
        exec(compile("task_prerun = 3", "/srv/celery/signals.py", "exec"), names)
    assert spans == []
    assert [found["task_prerun"] for found in followed] == [3]


def test_what_is_only_half_imported_is_left_for_later(monkeypatch):
    monkeypatch.setattr(_celery, "_connected", None)
    _celery.follow({"task_prerun": signals.task_prerun})
    assert not any(receiver is _celery._begun for _, receiver in signals.task_prerun.receivers)


def test_trouble_of_ours_does_not_reach_the_job_and_is_said_without_values(app, probe, monkeypatch, caplog):
    monkeypatch.setattr(_warnings, "_said", set())

    def fails(*_):
        raise RuntimeError("the card is 4111")

    monkeypatch.setattr(_celery, "begin", fails)
    monkeypatch.setattr(probe, "current_trace", fails)
    with caplog.at_level(logging.WARNING, "kolo_probe"):
        result = app.pay.delay(3)
        work(app)
    assert app.AsyncResult(result.id).state == "SUCCESS"
    said = [record.getMessage() for record in caplog.records if record.name == "kolo_probe"]
    assert said == [
        "kolo-probe: Celery: sends no traceparent (RuntimeError)",
        "kolo-probe: Celery: a job is not traced (RuntimeError)",
    ]

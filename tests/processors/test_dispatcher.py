"""What a processor's dictionary means: which events it is asked at, what becomes of its answers, what its
failures cost."""

from __future__ import annotations

import logging
import os

import pytest
from driving import driven

from kolo_probe import _warnings
from kolo_probe._processors import Processor, ProcessorError, checked

HERE = os.path.basename(__file__)


def pay(amount, fails=False):
    if fails:
        raise ValueError("declined")
    return amount * 2


def steps(count):
    yield from range(count)


def processor(**more):
    return {
        "co_names": ["pay"], "path_fragment": HERE, "call_type": "pay_start", "return_type": "pay_end",
        **more,
    }  # fmt: skip


def told(frame, event, arg, context):
    return {"event": event, "amount": frame.f_locals["amount"], "arg": repr(arg)}


def test_a_call_is_a_span_from_start_to_end():
    with driven([processor(process=told, subtype="bank")]) as spans:
        pay(3)
    (span,) = spans
    assert (span.kind, span.type, span.end_type, span.subtype) == (
        "pay_start",
        "pay_start",
        "pay_end",
        "bank",
    )
    assert span.start == {"event": "call", "amount": 3, "arg": "None"}
    assert span.end == {"event": "return", "amount": 3, "arg": "6"}
    assert span.outcome == "returned"


def test_an_exception_ends_it_with_the_type_of_unwind():
    with (
        driven([processor(process=told, unwind_type="pay_failed")]) as spans,
        pytest.raises(ValueError, match="declined"),
    ):
        pay(3, fails=True)
    assert (spans[0].end_type, spans[0].outcome) == ("pay_failed", "raised")
    assert spans[0].end["arg"] == "ValueError('declined')"


def test_without_process_there_are_no_fields():
    with driven([processor()]) as spans:
        pay(1)
    assert (spans[0].start, spans[0].end) == ({}, {})


def test_events_says_which_are_asked_for_and_one_alone_is_a_point_in_time():
    with driven([processor(process=told, events=["return"])]) as spans:
        pay(2)
    assert (spans[0].type, spans[0].start["arg"], spans[0].end) == ("pay_end", "4", None)


def test_call_decides_at_each_event():
    with driven([processor(call=lambda frame, *rest: frame.f_locals["amount"] > 5)]) as spans:
        pay(3)
        pay(9)
    assert len(spans) == 1


def test_an_end_whose_start_call_refused_is_a_point_in_time():
    with driven([processor(call=lambda frame, event, *rest: event == "return", process=told)]) as spans:
        pay(2)
    assert [(span.type, span.start["arg"], span.end) for span in spans] == [("pay_end", "4", None)]


def test_a_context_is_one_for_each_trace_and_is_built_with_the_configuration():
    def process(frame, event, arg, context):
        context["seen"] = context.get("seen", 0) + 1
        return dict(context)

    one = processor(build_context=lambda config: {"values": config["values"]}, process=process)
    with driven([one]) as spans:
        pay(1)
        pay(1)
    assert [span.end for span in spans] == [{"values": True, "seen": 2}, {"values": True, "seen": 4}]


def test_a_generator_is_one_span_and_its_steps_are_told_only_where_asked_for():
    plain = {**processor(), "co_names": ["steps"]}
    with driven([plain, {**plain, "yield_type": "step"}]) as spans:
        list(steps(2))
    assert [span.type for span in spans] == ["pay_start", "pay_start", "step", "step"]
    assert [span.outcome for span in spans] == ["returned", "returned", None, None]


def test_span_name_is_a_field_or_a_function():
    by_field = processor(process=lambda *_: {"title": "A"}, span_name="title")
    by_function = processor(process=told, span_name=lambda data: f"{data['amount']} to pay")
    with driven([by_field, by_function]) as spans:
        pay(4)
    assert [span.name for span in spans] == ["A", "4 to pay"]


def order(amount):
    return pay(amount) + 1


def test_calls_that_join_are_one_span_until_the_first_end_that_call_lets_through():
    def joins(frame, event):
        return None if (event, frame.f_code.co_name) == ("return", "pay") else "one"

    def call(frame, event, arg, context):
        return (event == "call") == (frame.f_code.co_name == "pay")

    one = processor(co_names=["order", "pay"], joins=joins, call=call, process=told)
    with driven([one]) as spans:
        assert order(2) == 5
    (span,) = spans
    assert (span.start["event"], span.end["arg"], span.outcome) == ("call", "5", "returned")


def test_calls_of_two_processors_that_join_are_one_span():
    begins = processor(co_names=["pay"], joins=lambda frame, event: event == "call", process=told)
    ends = processor(co_names=["order"], events=["return"], joins=lambda frame, event: True, process=told)
    with driven([begins, ends]) as spans:
        assert order(2) == 5
        pay(3)
    assert [(span.start["amount"], span.end and span.end["arg"]) for span in spans] == [(2, "5"), (3, None)]


def test_a_call_that_joins_one_that_is_open_ends_it():
    def joins(frame, event):
        return "one" if event == "call" else None

    with driven([processor(joins=joins, process=told)]) as spans:
        pay(2)
        pay(3)
    assert [(span.start["amount"], span.end) for span in spans] == [(2, {}), (3, None)]


@pytest.fixture
def lines(monkeypatch):
    """The lines that the user was told."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("kolo_probe")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(_warnings, "_said", set())
    yield said
    logger.removeHandler(handler)


@pytest.mark.parametrize("step", ["call", "process"])
def test_a_failure_is_said_once_without_values_and_the_rest_goes_on(lines, step):
    def fails(frame, event, arg, context):
        raise RuntimeError("the card is 4111")

    with driven([processor(**{step: fails}), processor(process=told)], fails=True) as spans:
        assert pay(3) == 6
        assert pay(4) == 8
    good = [span for span in spans if span.start]
    assert [span.end["arg"] for span in good] == ["6", "8"]
    (line,) = lines
    assert f"{step}() at {__file__}" in line
    assert "RuntimeError" in line
    assert "4111" not in line


def test_what_failed_at_the_end_ends_without_fields(lines):
    def process(frame, event, arg, context):
        if event == "return":
            raise RuntimeError
        return {"a": 1}

    with driven([processor(process=process)], fails=True) as spans:
        pay(1)
    assert (spans[0].start, spans[0].end, spans[0].outcome) == ({"a": 1}, {}, "returned")


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ({}, "'co_names' must be a list of function names"),
        (processor(co_names="pay"), "'co_names' must be a list of function names"),
        (processor(path_fragment=3), "'path_fragment' must be a non-empty string"),
        (processor(process="x"), "'process' must be a function"),
        (processor(events=["enter"]), "'events' has 'enter'"),
    ],
)
def test_a_dictionary_that_is_no_processor_is_said_and_left_out(lines, found, complaint):
    with pytest.raises(ProcessorError, match=complaint.replace("(", r"\(")):
        Processor(found, "mine")
    assert checked(found, "mine") is None
    assert complaint in lines[0]


def test_what_is_no_dictionary_is_said(lines):
    assert checked([1], "mine") is None
    assert lines == ["kolo-probe: processor mine is left out: a processor is a dictionary, not a list"]

"""The native probe asks processors at the events that the dispatcher's own tests drive by hand: with every
hook, in threads and tasks, beside filters; and what they tell is in the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
HOOKS = ["monitoring" if sys.version_info >= (3, 12) else "frame_eval", "profile"]

MINE = """
def process(frame, event, arg, context):
    context.setdefault("events", []).append(event)
    told = {"event": event, "amount": frame.f_locals.get("amount"), "arg": arg, "password": "hunter2"}
    return {**told, "caller": frame.f_back.f_code.co_name, "line": frame.f_lineno}

def fails(frame, event, arg, context):
    raise LookupError("4111")

def calls_the_program(frame, event, arg, context):
    import program
    program.helper()
    return {}

def one(name, path="program.py", **more):
    return {"co_names": [name], "path_fragment": path, "call_type": "start", "return_type": "end", **more}

PAY = one("pay", process=process, kind="payment", span_name="event", build_context=lambda config: {})
DUMPS = one("dumps", "json/__init__.py", process=lambda frame, *_: {"sorted": frame.f_locals["sort_keys"]})
TASK = one("task", kind="task", process=lambda frame, event, arg, context: {"n": frame.f_locals["n"]})
STEPS = one("steps", yield_type="step", process=lambda frame, event, arg, context: {"arg": arg})
FAILS = one("careful", process=fails)
NESTED = one("outer", process=calls_the_program)
CLOSED = one("closed", kind="closed", process=lambda frame, *_: {k: frame.f_locals.get(k) for k in "abc"})
"""

PROGRAM = """
import asyncio, json, threading

def pay(amount, fails=False):
    if fails:
        raise ValueError("declined")
    return amount * 2

def helper(): pass
def outer(): return helper()
def careful(): return 5

def closing(a, b):
    def closed(c):
        return a + b + c
    return closed

def steps(count):
    for n in range(count):
        yield n

async def task(n):
    await asyncio.sleep(0.001)
    return n

async def gathered():
    await asyncio.gather(*(task(n) for n in range(3)))

def main():
    assert pay(3) == 6
    try:
        pay(4, True)
    except ValueError:
        pass
    json.dumps([1], sort_keys=True)
    assert list(steps(2)) == [0, 1]
    asyncio.run(gathered())
    assert careful() == 5
    outer()
    assert closing(1, 2)(3) == 6
    thread = threading.Thread(target=pay, args=(9,))
    thread.start()
    thread.join()

if __name__ == "__main__":
    main()
"""


def run(folder, *words, **environment):
    return subprocess.run(
        [PROGRAMS / words[0], *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60,
        env={**{k: v for k, v in os.environ.items() if not k.startswith(("KOLO", "PYTHON"))}, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module", params=HOOKS)
def trace(request, tmp_path_factory):
    """The program recorded with one hook: its trace, and what was said on standard error."""
    folder = tmp_path_factory.mktemp("spans")
    (folder / "mine.py").write_text(MINE)
    (folder / "program.py").write_text(PROGRAM)
    (folder / ".kolo").mkdir()
    names = json.dumps(
        [f"mine:{name}" for name in ("PAY", "DUMPS", "TASK", "STEPS", "FAILS", "NESTED", "CLOSED")]
    )
    (folder / ".kolo/config.toml").write_text(f"processors = {names}\n")
    done = run(folder, "kolo-probe", "run", "--hook", request.param, "program.py", PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stderr
    (listed,) = run(folder, "kolo-trace", "list", "--json").stdout.splitlines()
    shown = json.loads(run(folder, "kolo-trace", "show", json.loads(listed)["id"], "--json").stdout)
    return {**shown, "said": done.stderr, "hook": request.param}


def spans(trace, kind):
    return [span for span in trace["spans"] if span["kind"] == kind]


def test_a_call_is_a_span_in_its_own_activation(trace):
    span = spans(trace, "payment")[0]
    activation = next(one for one in trace["activations"] if one["id"] == span["activation_id"])
    assert activation["qualname"].endswith(".pay")
    assert (span["type"], span["end_type"], span["name"], span["outcome"]) == (
        "start",
        "end",
        "return",
        "returned",
    )
    assert (span["data"]["event"], span["data"]["amount"], span["data"]["caller"]) == ("call", 3, "main")
    assert (span["end_data"]["arg"], span["end_data"]["caller"]) == (6, "main")
    assert span["data"]["password"]["$omitted"] == {"reason": "redacted"}
    assert activation["start_ns"] <= span["start_ns"]
    assert span["duration_ns"] <= activation["duration_ns"]


def test_an_exception_ends_it_and_is_shown_where_the_hook_can_see_it(trace):
    span = spans(trace, "payment")[1]
    assert span["outcome"] == "raised"
    arg = span["end_data"]["arg"]
    assert arg is None if trace["hook"] == "profile" else arg["class"].endswith("ValueError")


def test_variables_of_an_outer_function_are_among_the_locals(trace):
    (span,) = spans(trace, "closed")
    assert span["data"] == span["end_data"] == {"a": 1, "b": 2, "c": 3}


def test_filtered_code_is_seen_by_its_processor_and_recorded_by_none(trace):
    (span,) = [span for span in spans(trace, "start") if "sorted" in (span["data"] or {})]
    assert span["data"] == {"sorted": True}
    assert not [one for one in trace["activations"] if "json" in one["qualname"]]


def test_tasks_at_once_are_spans_apart(trace):
    found = spans(trace, "task")
    assert sorted(span["data"]["n"] for span in found) == [0, 1, 2]
    assert all(span["data"] == span["end_data"] for span in found)
    assert all(span["duration_ns"] >= 1_000_000 for span in found), "from start to end, over suspensions"


def test_steps_of_a_generator_are_points_where_asked_for(trace):
    assert [span["data"]["arg"] for span in trace["spans"] if span["type"] == "step"] == [0, 1]


def test_a_thread_has_the_spans_of_its_calls(trace):
    assert [span["data"]["amount"] for span in spans(trace, "payment")] == [3, 4, 9]


def test_a_failure_costs_its_own_fields_and_one_line(trace):
    (line,) = [line for line in trace["said"].splitlines() if "a processor failed" in line]
    assert "mine:FAILS" in line
    assert "LookupError" in line
    assert "4111" not in trace["said"]


def test_what_a_processor_calls_is_not_the_programs_doing(trace):
    outer = next(one for one in trace["activations"] if one["qualname"].endswith(".outer"))
    helpers = [one for one in trace["activations"] if one["qualname"].endswith(".helper")]
    assert [one["parent_id"] for one in helpers] == [outer["id"]], "once: the program's own call"


def test_nothing_is_lost_or_counted_twice(trace):
    assert trace["trace"]["emitted"] == trace["trace"]["stored"]
    assert trace["trace"]["losses"] == {}

"""The probe in Python speaks the protocol of proto/PROTOCOL.md: its messages are the bytes of proto/vectors,
it believes no nonsense, and what it records is stored and shown.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kolo_probe.pure import messages, msgpack
from kolo_probe.pure.layout import PROTOCOL
from kolo_probe.pure.messages import Ack, BrokenError, Frames, Refused, Welcome

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = json.loads((ROOT / "proto/vectors/messages.json").read_text())["messages"]
BIN = os.path.dirname(sys.executable)


def of_type(number):
    return [pytest.param(case, id=case["name"]) for case in MESSAGES if case["type"] == number]


def body(case):
    return bytes.fromhex(case["hex"])[8:]


@pytest.mark.parametrize("case", [one for one in of_type(1) if one.values[0]["fields"].keys() - {"protocol"}])
def test_a_hello_is_the_bytes_of_its_vector(case):
    fields = msgpack.unpacked(body(case))
    if fields["protocol"] != PROTOCOL:
        pytest.skip("of another protocol, which this probe does not write")
    del fields["protocol"], fields["features"]
    said = Frames()
    said.feed(messages.hello(fields))
    kind, written = said.next()
    assert kind == 1
    assert msgpack.unpacked(written) == msgpack.unpacked(body(case))


@pytest.mark.parametrize("case", of_type(64))
def test_a_welcome_says_its_fields(case):
    welcome, fields = Welcome(body(case)), case["fields"]
    triples = zip(fields["rings"][::3], fields["rings"][1::3], fields["rings"][2::3])
    assert welcome.rings == {ring: (sequence, offset) for ring, sequence, offset in triples}
    assert (welcome.codes_offset, welcome.closed) == (fields["codes_offset"], fields["closed"])


@pytest.mark.parametrize("case", of_type(65))
def test_a_refusal_says_why(case):
    refused = Refused(body(case))
    assert {"reason": refused.reason, "message": refused.message} == case["fields"]


@pytest.mark.parametrize("case", of_type(66))
def test_an_ack_says_its_fields(case):
    ack, fields = Ack(body(case)), case["fields"]
    triples = zip(fields["rings"][::3], fields["rings"][1::3], fields["rings"][2::3])
    assert ack.rings == {ring: (sequence, offset) for ring, sequence, offset in triples}
    assert (ack.codes_offset, ack.closed, ack.is_of_bye) == (
        fields["codes_offset"], fields["closed"], fields["bye"],
    )  # fmt: skip


@pytest.mark.parametrize("kind", [Welcome, Refused, Ack])
def test_every_answer_that_is_cut_off_or_garbled_is_refused(kind):
    number = {Welcome: 64, Refused: 65, Ack: 66}[kind]
    whole = body(next(case for case in MESSAGES if case["type"] == number))
    for end in range(len(whole)):
        with pytest.raises(BrokenError):
            kind(whole[:end])
    for garbled in (b"", b"\xc1", b"\xff" * 64, b"\x80", b"\xdf\xff\xff\xff\xff", b"\x91" * 4000):
        with pytest.raises(BrokenError):
            kind(garbled)


def test_a_frame_of_more_than_a_megabyte_is_none_of_ours():
    frames = Frames()
    frames.feed(b"\x01\x00\x10\x00\x40\x00\x00\x00")
    with pytest.raises(BrokenError):
        frames.next()


def test_frames_come_whole_however_they_arrive():
    stream = b"".join(bytes.fromhex(case["hex"]) for case in MESSAGES)
    frames, got = Frames(), []
    for at in range(len(stream)):
        frames.feed(stream[at : at + 1])
        while (found := frames.next()) is not None:
            got.append(found)
    assert [kind for kind, _ in got] == [case["type"] for case in MESSAGES]


# --- End to end ---


def interpreters():
    found = [sys.executable]
    pypy = shutil.which("pypy3")
    return found + ([pypy] if pypy is not None else [])


def run(python, folder, program, **settings):
    """Runs `program` with the probe in Python, and gives what kolo-trace shows of its traces."""
    options = json.dumps({"hook": "pure", **settings})  # PyPy may have no TOML
    source = textwrap.dedent(program).replace("enable(", f"enable({options}, ")
    (folder / "program.py").write_text(source)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KOLO", "PYTHON"))}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = str(ROOT / "python")
    done = subprocess.run(
        [python, "program.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [f"{BIN}/kolo-trace", "list", "--json"], cwd=folder, capture_output=True, text=True, check=True
    )
    traces = [json.loads(line) for line in listed.stdout.splitlines()]
    shown = [
        subprocess.run(
            [f"{BIN}/kolo-trace", "show", trace["id"], "--json"], cwd=folder, capture_output=True, check=True
        ).stdout
        for trace in traces
    ]
    return done, [json.loads(one) for one in shown]


@pytest.fixture(params=interpreters(), ids=os.path.basename)
def python(request):
    return request.param


CALLS = """
    import kolo_probe

    def down(n):
        return n and down(n - 1)

    with kolo_probe.enable(name="calls"):
        for _ in range(300):
            down(9)
"""


def test_what_it_records_is_stored_and_shown_without_loss(installed, tmp_path, python):
    done, (trace,) = run(python, tmp_path, CALLS)
    assert done.stderr == ""
    summary = trace["trace"]
    assert (summary["name"], summary["status"], summary["lost"]) == ("calls", "complete", 0)
    assert summary["emitted"] == summary["stored"] == 2 * 10 * 300
    assert len(trace["activations"]) == 3000
    assert {one["outcome"] for one in trace["activations"]} == {"returned"}


def test_a_full_arena_drops_and_says_how_much(installed, tmp_path, python):
    program = CALLS.replace("range(300)", "range(8000)")
    _, (trace,) = run(python, tmp_path, program, arena_mb=2, when_full="drop")
    summary = trace["trace"]
    assert summary["emitted"] == summary["stored"] + summary["lost"] == 160_000


def test_a_program_that_would_rather_wait_loses_nothing(installed, tmp_path, python):
    program = CALLS.replace("range(300)", "range(5000)")
    _, (trace,) = run(python, tmp_path, program, arena_mb=2, when_full="wait")
    summary = trace["trace"]
    assert (summary["emitted"], summary["stored"], summary["lost"]) == (100_000, 100_000, 0)


PROCESSED = """
    import kolo_probe, logging

    def work(password, user):
        logging.getLogger("shop").error("no tea for %s", user, extra={"token": "hunter2"})

    with kolo_probe.enable(name="spans"):
        work("hunter2", "me")
"""


def test_what_processors_tell_is_stored_as_spans_without_secrets(installed, tmp_path, python):
    done, (trace,) = run(python, tmp_path, PROCESSED)
    assert "no tea for me" in done.stderr
    (span,) = trace["spans"]
    assert span["kind"] == "log"
    assert "no tea for me" in json.dumps(span)
    assert "hunter2" not in json.dumps(trace)


FLUSHED = """
    import kolo_probe
    from kolo_probe._session import session

    def work():
        return 1

    with kolo_probe.enable(name="flushed"):
        work()
        assert session().native.flush(10)
"""


def test_a_flush_waits_for_what_was_recorded_and_not_for_the_end_of_the_trace(installed, tmp_path, python):
    _, (trace,) = run(python, tmp_path, FLUSHED)
    assert trace["trace"]["stored"] == 2

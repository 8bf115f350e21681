"""The headers that link traces of several processes: what is believed, what is sent."""

from __future__ import annotations

import pytest

from kolo_probe._links import incoming, outgoing

GROUP = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{GROUP}-b7ad6b7169203331-01"
TRACE = "trc_01JD8Z7Q2M3N4P5R6S7T8V9WXY"


def read(traceparent=None, tracestate=None):
    return incoming({"traceparent": traceparent, "tracestate": tracestate}.get)


class OneTrace:
    """A native module with one live trace, token 1."""

    def __init__(self, trace=TRACE):
        self.trace = trace

    def trace_id(self, token):
        return self.trace if token == 1 else None

    def trace_group(self, token):
        return GROUP if token == 1 else None


def test_without_headers_there_is_no_link():
    assert read() == (None, None)
    assert read(None, f"kolo={TRACE}") == (None, None)


def test_another_tracer_gives_the_group_only():
    assert read(PARENT) == (None, GROUP)
    assert read(PARENT, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7") == (None, GROUP)


@pytest.mark.parametrize(
    "state",
    [
        f"kolo={TRACE}",
        f"congo=t61,kolo={TRACE}",
        f" \tkolo={TRACE} , a=b",
        f",,kolo={TRACE}",
        f"x=k,kolo={TRACE},=",
    ],
)
def test_our_member_of_tracestate_names_the_trace_that_asked(state):
    assert read(PARENT, state) == (TRACE, GROUP)


@pytest.mark.parametrize(
    "state",
    [
        "kolo=",
        "kolo",
        "kolo=1",
        f"kolo={TRACE}0",
        f"kolo={TRACE[:-1]}",
        f"kolo={TRACE.lower()}",
        f"kolo={TRACE[:-1]}U",  # no digit of Crockford's
        f"kolo={TRACE[:-1]}\u0663",
        "kolo=trc_8" + TRACE[5:],  # more than 128 bits
        f"kolo={TRACE}\n",
        f"kolo={TRACE}; DROP TABLE trace",
        f"KOLO={TRACE}",
        f"x@kolo={TRACE}",
        f"kolo=no,kolo={TRACE}",  # the first one is the latest sender's
        "a=b," * 5000 + f"kolo={TRACE}",
        TRACE.encode(),
        17,
    ],
)
def test_a_parent_that_is_no_trace_id_is_not_believed(state):
    assert read(PARENT, state) == (None, GROUP)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-what-the-future-will-bring",
        PARENT.upper(),
        PARENT.replace("-", "_"),
        "ff" + PARENT[2:],
        "0x" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{GROUP}-{'0' * 16}-01",
        f"00-{GROUP[:-1]}g-b7ad6b7169203331-01",
        f"00-{GROUP}-b7ad6b7169203331-zz",
        f"00-{GROUP}-b7ad6b7169203331-0-",
        "cc" + PARENT[2:] + "0",
        "\u0660\u0660" + PARENT[2:],
        "0" * 1_000_000,
        PARENT.encode(),
        5,
        [PARENT],
    ],
)
def test_a_bad_traceparent_is_no_link_at_all(parent):
    assert read(parent, f"kolo={TRACE}") == (None, None)


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert read("cc" + PARENT[2:]) == (None, GROUP)
    assert read("cc" + PARENT[2:] + "-what-the-future-will-bring") == (None, GROUP)
    assert read(f"  {PARENT} ") == (None, GROUP)


def test_headers_that_cannot_be_read_raise_nothing():
    def get(name):
        raise KeyError(name)

    assert incoming(get) == (None, None)


def test_what_is_sent_is_what_is_read():
    assert incoming(outgoing(OneTrace(), 1).get) == (TRACE, GROUP)


def test_a_trace_sends_its_group_its_id_and_64_of_its_random_bits():
    sent = outgoing(OneTrace("trc_01JD8Z7Q2M" + "0" * 15 + "Z"), 1)
    assert sent == {
        "traceparent": f"00-{GROUP}-000000000000001f-01",
        "tracestate": "kolo=trc_01JD8Z7Q2M000000000000000Z",
    }


@pytest.mark.parametrize("random", ["0" * 16, "0" * 15 + "1", "Z" * 16, "0000" + "G" + "0" * 11])
def test_the_parent_id_is_never_zero(random):
    sent = outgoing(OneTrace("trc_01JD8Z7Q2M" + random), 1)
    assert len(sent["traceparent"]) == 55
    assert incoming(sent.get)[1] == GROUP


def test_without_a_trace_nothing_is_sent():
    assert outgoing(OneTrace(), 0) == {}
    assert outgoing(OneTrace(), 2) == {}

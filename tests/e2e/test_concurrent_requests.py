"""Concurrent requests stay apart (contract 11), in every way gunicorn can serve them.

The echo views say how many calls and events a complete trace of them has; each request carries a marker of
its own through all its calls. So a lost event, a doubled one and one that went to another request's trace
all show.
"""

from __future__ import annotations

import itertools
import random
import sys

import pytest
from harness.accounting import check_accounting, check_answers, check_whole, events_of, most_at_once, name_of
from harness.visits import get_all

IN_FLIGHT = 8
REQUESTS, LONG_REQUESTS = 200, 2000

WORKERS = {
    "sync": ("shop.wsgi", ["-w", "2", "-k", "sync"], ("", "threads/")),
    "gthread": ("shop.wsgi", ["-w", "1", "-k", "gthread", "--threads", "8"], ("", "threads/", "async/")),
    "uvicorn": ("shop.asgi", ["-w", "2", "-k", "uvicorn.workers.UvicornWorker"], ("async/", "")),
    "gevent": ("shop.wsgi", ["-w", "1", "-k", "gevent"], ("", "threads/")),
}


def targets(count: int, forms: tuple[str, ...]) -> list[str]:
    """A first wave that is in flight at once for sure, as each request pauses for a second, then a mix."""
    chosen = random.Random(3)
    wave = [f"/echo/wave-{n}/{forms[0]}?hops=4&pause_ms=1000" for n in range(IN_FLIGHT)]
    turns = itertools.cycle(forms)
    mix = [
        f"/echo/marker-{n}/{next(turns)}?hops={chosen.randrange(12)}&pause_ms={chosen.choice((0, 0, 1, 5))}"
        for n in range(count - IN_FLIGHT)
    ]
    return wave + mix


# The default hook everywhere; the profile hook, which every Python falls back to, where requests interleave.
CASES = [(workers, "auto") for workers in WORKERS]
CASES += [(workers, "profile") for workers in ("gthread", "uvicorn", "gevent")]


@pytest.mark.parametrize(("workers", "hook"), CASES)
def test_each_request_is_one_whole_trace_of_its_own(project, is_long, workers, hook):
    """Contract: with 8 requests in flight, each has exactly one complete trace that holds all its events and
    no event of another; nothing is lost; processes say good-bye; daemon and server end in order."""
    application, words, forms = WORKERS[workers]
    project.configure(f'hook = "{hook}"\n')
    daemon = project.start_collector()
    server = project.start_server(application, *words)
    answers = get_all(server.address, targets(LONG_REQUESTS if is_long else REQUESTS, forms), IN_FLIGHT)
    server.stop()
    assert server.warnings() == []
    assert daemon.terminate() == 0

    by_name = check_answers(project.database, answers)
    states = check_accounting(project.database, emitted=events_of(answers))
    # uvicorn ends by the signal that stopped it, past every exit function of Python's: the collector reads
    # the rest from the arena, and sees that nothing was going on.
    assert set(states) == {"ended"}
    if workers in ("gthread", "gevent"):
        assert most_at_once(by_name.values()) == IN_FLIGHT
    elif workers == "uvicorn":
        # Two workers share them: one has half of them or more.
        assert most_at_once(by_name.values()) >= IN_FLIGHT // 2
    for answer in answers:
        check_whole(project, by_name[answer.trace_name], answer)


def test_a_tree_has_the_shape_of_the_calls(project):
    """Contract: the activations of a request are nested as the calls were, its generator is one activation
    over all its suspensions, and an exception is on the activation that it left."""
    daemon = project.start_collector()
    server = project.start_server("shop.wsgi", "-w", "1")
    (answer,) = get_all(server.address, ["/echo/shape/?hops=2"], 1)
    server.stop()
    assert daemon.terminate() == 0
    (trace,) = check_answers(project.database, [answer]).values()
    activations = project.show(trace["id"])["activations"]
    by_id = {activation["id"]: activation for activation in activations}

    def path(activation):
        names = []
        while activation is not None:
            names.append(name_of(activation))
            activation = by_id.get(activation["parent_id"])
        return "/".join(reversed(names))

    assert [path(activation) for activation in activations] == [
        "echo",
        "echo/settings_of",
        "echo/settings_of/query_number",
        "echo/settings_of/query_number",
        "echo/walk",
        "echo/walk/relay",
        "echo/walk/relay/relay",
        "echo/walk/relay/relay/relay",
        "echo/walk/staircase",
        "echo/walk/staircase/steps",
        "echo/walk/detour",
        "echo/walk/detour/dead_end",
        "echo/answer",
    ]
    relay = activations[6]
    assert {**relay["arguments"]} == {"marker": "shape", "hops": 1, "pause_s": 0.0}
    assert relay["result"] == {"$type": "tuple", "items": [2, 0]}
    dead_end = activations[11]
    assert dead_end["outcome"] == "raised"
    if sys.version_info >= (3, 12):  # before, only a profile hook is there, which does not get to see it
        assert "DeadEndError" in str(dead_end["exception"])
        assert "shape" in str(dead_end["exception"])

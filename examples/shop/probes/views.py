"""Echo a marker, in the three ways a view can work, and tell what a complete trace of the request holds.

``GET /echo/blue/?hops=3&pause_ms=20`` answers::

    {"marker": "blue", "form": "sync", "calls": 14, "events": 34}

`calls` are the calls of this project's functions in the request, the view and its own parts included;
`events` what they come to: a start and an end for each call, a yield and a resume for each suspension.
"""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from probes.work import Tally, walk, walk_async, walk_threads

THREADS = 3
MAX_HOPS = 500
MAX_PAUSE_MS = 60_000


def query_number(request: HttpRequest, name: str, default: int, limit: int) -> int:
    """A number of the query string, `default` where it is missing or none, at most `limit`."""
    text = request.GET.get(name, "")
    return min(int(text), limit) if text.isdecimal() else default


def settings_of(request: HttpRequest) -> tuple[int, float]:
    """How many hops to make, and how many seconds to pause."""
    hops = query_number(request, "hops", 3, MAX_HOPS)
    return hops, query_number(request, "pause_ms", 0, MAX_PAUSE_MS) / 1000


# The view, settings_of, query_number twice, and answer.
OWN_CALLS = 5


def answer(marker: str, form: str, tally: Tally) -> JsonResponse:
    calls, suspensions = tally
    calls += OWN_CALLS
    events = 2 * calls + 2 * suspensions
    return JsonResponse({"marker": marker, "form": form, "calls": calls, "events": events})


def echo(request: HttpRequest, marker: str) -> JsonResponse:
    hops, pause_s = settings_of(request)
    return answer(marker, "sync", walk(marker, hops, pause_s))


async def echo_async(request: HttpRequest, marker: str) -> JsonResponse:
    hops, pause_s = settings_of(request)
    calls, suspensions = await walk_async(marker, hops, pause_s)
    # This view's own suspension, while it awaits the walk.
    return answer(marker, "async", (calls, suspensions + 1))


def echo_threads(request: HttpRequest, marker: str) -> JsonResponse:
    hops, pause_s = settings_of(request)
    return answer(marker, "threads", walk_threads(marker, hops, pause_s, THREADS))

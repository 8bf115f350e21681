"""A FastAPI application that echoes a marker, and tells what a complete trace of the request holds.

The shop's probes.work does the work; `GET /echo/blue?hops=3&pause_ms=20` answers as the shop's views do, in a
coroutine, `GET /thread/blue?…` in a thread of FastAPI's.
"""

from __future__ import annotations

from fastapi import FastAPI

from kolo_probe.asgi import KoloMiddleware
from probes.work import Tally, walk, walk_async

app = FastAPI()
app.add_middleware(KoloMiddleware)


@app.get("/echo/{marker}")
async def echo(marker: str, hops: int, pause_ms: int) -> dict[str, object]:
    calls, suspensions = await walk_async(marker, hops, pause_ms / 1000)
    return answer(marker, (calls, suspensions + 1))  # the one of this coroutine, while it waits


@app.get("/thread/{marker}")
def in_thread(marker: str, hops: int, pause_ms: int) -> dict[str, object]:
    return answer(marker, walk(marker, hops, pause_ms / 1000))


def answer(marker: str, tally: Tally) -> dict[str, object]:
    calls, suspensions = tally
    calls += 2  # the view, and this one
    return {"marker": marker, "calls": calls, "events": 2 * calls + 2 * suspensions}

"""A Flask application that echoes a marker, and tells what a complete trace of the request holds.

The shop's probes.work does the work; `GET /echo/blue?hops=3&pause_ms=20` answers as the shop's views do.
"""

from __future__ import annotations

from flask import Flask, request

import kolo_probe.flask
from probes.work import walk

app = Flask(__name__)
kolo_probe.flask.init_app(app)


@app.get("/echo/<marker>")
def echo(marker: str) -> dict[str, object]:
    calls, suspensions = walk(marker, int(request.args["hops"]), int(request.args["pause_ms"]) / 1000)
    calls += 1  # this one
    return {"marker": marker, "calls": calls, "events": 2 * calls + 2 * suspensions}

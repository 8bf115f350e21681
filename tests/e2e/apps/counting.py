"""A Django project in one file, whose views keep a count outside the process that survives a SIGKILL.

The count is a file (COUNTER) that is mapped: what is written is there at once, whoever dies then. It is
written by C code alone, so it adds no call of its own.

* ``/count/<marker>/``: calls `step(marker, n)` for n = 0, 1, 2 … without end, and writes n + 1 when the n-th
  has returned.
* ``/hold/<marker>/?depth=3``: calls `hold` so many times inside each other; the innermost adds 1 to the
  second number of the file and never returns.
* ``/ping/<marker>/``: answers at once.
"""

from __future__ import annotations

import mmap
import os
import threading
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="nothing-to-hide",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["kolo_probe.middleware.KoloMiddleware"],
)
django.setup()

# Steps between two pauses: slow enough for any machine to take the events away as they come.
BATCH = 100
PAUSE_S = 0.001

with open(os.environ["COUNTER"], "r+b") as file:
    NUMBERS = memoryview(mmap.mmap(file.fileno(), 16)).cast("Q")
FOREVER = threading.Event()
LOCK = threading.Lock()


def step(marker: str, number: int) -> int:
    return number


def count(request: HttpRequest, marker: str) -> HttpResponse:
    number = 0
    while True:
        step(marker, number)
        number += 1
        NUMBERS[0] = number
        if number % BATCH == 0:
            time.sleep(PAUSE_S)


def hold(marker: str, depth: int) -> None:
    if depth == 1:
        with LOCK:
            NUMBERS[1] += 1
        FOREVER.wait()
    hold(marker, depth - 1)


def hold_view(request: HttpRequest, marker: str) -> HttpResponse:
    hold(marker, int(request.GET["depth"]))
    return HttpResponse("never")


def ping(request: HttpRequest, marker: str) -> HttpResponse:
    return HttpResponse(marker)


urlpatterns = [
    path("count/<slug:marker>/", count),
    path("hold/<slug:marker>/", hold_view),
    path("ping/<slug:marker>/", ping),
]

application = get_wsgi_application()

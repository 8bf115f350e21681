"""The shop's jobs. Messages and results are files in the folder that SHOP_BROKER names."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from celery import Celery, Task

FOLDER = Path(os.environ.get("SHOP_BROKER", Path(tempfile.gettempdir()) / "celery_shop"))
MESSAGES, RESULTS = FOLDER / "messages", FOLDER / "results"
for folder in (MESSAGES, RESULTS):
    folder.mkdir(parents=True, exist_ok=True)

app = Celery("shop", broker="filesystem://", backend=f"file://{RESULTS}")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(MESSAGES),
        "data_folder_out": str(MESSAGES),
        "control_folder": str(FOLDER / "control"),
        "polling_interval": 0.05,
    },
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
)


def total_of(prices: list[int]) -> int:
    """Pence, with delivery."""
    return sum(prices) + (0 if sum(prices) > 5_000 else 399)


@app.task(name="shop.charge")
def charge(number: int, prices: list[int]) -> str:
    """Charge an order. Returns the id of the job that sends the receipt."""
    return receipt.delay(number, total_of(prices)).id


@app.task(name="shop.receipt", bind=True, max_retries=3, default_retry_delay=0)
def receipt(self: Task, number: int, total: int) -> str:
    """The printer needs to be asked twice."""
    if self.request.retries == 0:
        raise self.retry(exc=OSError("the printer is warming up"))
    return write_receipt(number, total)


def write_receipt(number: int, total: int) -> str:
    return f"Order {number}: {total / 100:.2f}"

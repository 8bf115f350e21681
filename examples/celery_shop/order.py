"""Places an order, and waits for its receipt."""

from __future__ import annotations

from celery.result import AsyncResult
from tasks import app, charge

WAIT_S = 60


def place_order(number: int, prices: list[int]) -> AsyncResult:
    return charge.delay(number, prices)


if __name__ == "__main__":
    receipt_id = place_order(7, [1999, 450]).get(timeout=WAIT_S)
    print(AsyncResult(receipt_id, app=app).get(timeout=WAIT_S))

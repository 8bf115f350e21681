"""A library of seeds in FastAPI, traced: a lookup with a dependency, loans with a background task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from pydantic import BaseModel

from kolo_probe.asgi import KoloMiddleware

app = FastAPI()

SEEDS = {"beetroot": 40, "chard": 12, "parsnip": 0}
LEDGER: list[str] = []


class Loan(BaseModel):
    name: str
    count: int
    card_token: str  # a secret, which no trace shows


def shelf() -> Iterator[dict[str, int]]:
    """What lies on the shelf; put back in order when the answer is out."""
    yield SEEDS
    tidy(SEEDS)


Shelf = Annotated[dict[str, int], Depends(shelf)]


@app.get("/seeds/{name}")
def seed(name: str, seeds: Shelf) -> dict[str, int]:
    """A plain function: FastAPI runs it in a thread."""
    return {"count": on_shelf(seeds, name)}


@app.post("/loans", status_code=201)
async def lend(loan: Loan, seeds: Shelf, later: BackgroundTasks) -> dict[str, int]:
    left = on_shelf(seeds, loan.name) - loan.count
    if left < 0:
        raise HTTPException(409, "so many are not there")
    seeds[loan.name] = left
    later.add_task(write_down, loan.name, loan.count)
    return {"left": left}


def on_shelf(seeds: dict[str, int], name: str) -> int:
    if name not in seeds:
        raise HTTPException(404, "no such seed")
    return seeds[name]


def tidy(seeds: dict[str, int]) -> None:
    for name in list(seeds):
        if seeds[name] == 0:
            del seeds[name]


def write_down(name: str, count: int) -> None:
    LEDGER.append(f"{count} × {name}")


# The last one added is the first to see a request.
app.add_middleware(KoloMiddleware)

"""A tea house in Flask, traced: a price list, orders, and one page that fails."""

from __future__ import annotations

from decimal import Decimal

from flask import Flask, abort, request

import kolo_probe.flask

app = Flask(__name__)
kolo_probe.flask.init_app(app)  # first, so that it sees what everything else makes of an answer

PRICES = {"assam": Decimal("3.20"), "darjeeling": Decimal("4.10"), "sencha": Decimal("3.80")}


@app.get("/teas/<name>")
def tea(name: str) -> dict[str, str]:
    return {"name": name, "price": str(price(name))}


@app.post("/orders")
def order() -> tuple[dict[str, str], int]:
    """Takes a form: tea, cups, and a voucher, which is a secret that no trace shows."""
    cups = request.form.get("cups", 1, type=int)
    total = price(request.form["tea"]) * cups
    if is_valid(voucher_token=request.form.get("voucher_token", "")):
        total = discounted(total)
    return {"total": str(total)}, 201


@app.get("/broken")
def broken() -> str:
    return str(price("coffee") / 0)


def price(name: str) -> Decimal:
    if name not in PRICES:
        abort(404)
    return PRICES[name]


def is_valid(voucher_token: str) -> bool:
    return voucher_token.startswith("TEA-")


def discounted(total: Decimal) -> Decimal:
    return (total * Decimal("0.9")).quantize(Decimal("0.01"))

"""Sends the shop requests of every kind it answers, from several visitors at once.

    python traffic.py http://127.0.0.1:8000

Prints a line for each kind of answer. Used by demo.py, which compares what was sent with the traces it finds.
"""

from __future__ import annotations

import http.client
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

VISITORS = 8
TIMEOUT_S = 60
ADMIN = {"username": "admin", "password": "fern-and-clay", "next": "/admin/"}
WALKS = (
    ("ferns", "boston-ferns-small", "ada"),
    ("succulents", "aloe-succulents-large", "grace"),
    ("clay", "tall-clay-medium", "tony"),
    ("cutting", "pruner-cutting-small", "barbara"),
)


@dataclass(frozen=True)
class Exchange:
    """A request and how it was answered; `path` is without the query string."""

    method: str
    path: str
    status: int
    answer: str

    @property
    def name(self) -> str:
        """As the middleware names the trace: ``"200 GET /search/"``."""
        return f"{self.status} {self.method} {self.path}"


@dataclass
class Visitor:
    """A client with cookies of its own, which remembers what it exchanged and follows no redirect."""

    address: str
    exchanges: list[Exchange] = field(default_factory=list)
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def send(self, method: str, target: str, body: str | None = None, content_type: str = "") -> str:
        """Sends one request and returns the body of its answer."""
        headers = {"Cookie": "; ".join(f"{key}={morsel.value}" for key, morsel in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            for header in response.msg.get_all("Set-Cookie", []):
                self.cookies.load(header)
            answer = response.read().decode()
            self.exchanges.append(Exchange(method, urlsplit(target).path, response.status, answer))
            return answer
        finally:
            connection.close()

    def get(self, target: str) -> str:
        return self.send("GET", target)

    def post_json(self, target: str, data: object) -> str:
        return self.send("POST", target, json.dumps(data), "application/json")

    def post_form(self, target: str, data: dict[str, str]) -> str:
        token = self.cookies["csrftoken"].value
        form = urlencode({**data, "csrfmiddlewaretoken": token})
        return self.send("POST", target, form, "application/x-www-form-urlencoded")


def buy(visitor: Visitor, number: int) -> None:
    """Looks around, orders something, and asks when it comes."""
    category, product, customer = WALKS[number % len(WALKS)]
    visitor.get("/")
    visitor.get(f"/categories/{category}/")
    visitor.get(f"/products/{product}/")
    visitor.get(f"/search/?q={category}+for+the+balcony")
    order = {"email": f"{customer}@example.com", "items": {product: 1 + number, "can-watering-small": 1}}
    placed = json.loads(visitor.post_json("/orders/", order))
    # Without a reference the order failed, and the exchange says so: the pages are then asked for in vain.
    reference = placed.get("reference", "none")
    visitor.get(f"/orders/{reference}/")
    visitor.get(f"/orders/{reference}/delivery/")
    visitor.get("/reports/sales/")
    for form in ("", "async/", "threads/"):
        visitor.get(f"/echo/visitor-{number}/{form}")


def make_mistakes(visitor: Visitor) -> None:
    """What goes wrong in a shop: wrong addresses, orders that are none, too much of one product, a bug."""
    visitor.get("/products/moon-dust/")
    visitor.post_json("/orders/", {"email": "nobody@example.com", "items": {"tall-clay-small": 1}})
    visitor.post_json("/orders/", {"email": "ada@example.com", "items": {"tall-clay-small": 1000}})
    visitor.get("/orders/")
    visitor.get("/reports/basket/1999/1/")


def administrate(visitor: Visitor) -> None:
    """Logs into the admin and looks at its lists."""
    visitor.get("/admin/")
    visitor.get("/admin/login/?next=/admin/")
    visitor.post_form("/admin/login/", ADMIN)
    visitor.get("/admin/")
    visitor.get("/admin/catalog/product/?q=fern")
    visitor.get("/admin/orders/order/")


def send_all(address: str) -> list[Exchange]:
    """Sends everything to `address` (``"127.0.0.1:8000"``), VISITORS at once, and returns what was exchanged.

    Raises OSError or http.client.HTTPException when a request is not answered at all.
    """
    visitors = [Visitor(address) for _ in range(VISITORS + 2)]
    with ThreadPoolExecutor(max_workers=len(visitors)) as pool:
        journeys = [pool.submit(buy, visitor, number) for number, visitor in enumerate(visitors[:VISITORS])]
        journeys.append(pool.submit(make_mistakes, visitors[-2]))
        journeys.append(pool.submit(administrate, visitors[-1]))
        for journey in journeys:
            journey.result()
    return [exchange for visitor in visitors for exchange in visitor.exchanges]


def summary(exchanges: list[Exchange]) -> str:
    """How many answers of each status: ``"90 × 200, 1 × 500"``."""
    counted = sorted(Counter(exchange.status for exchange in exchanges).items())
    return ", ".join(f"{count} × {status}" for status, count in counted)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not urlsplit(sys.argv[1]).netloc:
        sys.exit(f"usage: {sys.argv[0]} http://HOST:PORT")
    print(summary(send_all(urlsplit(sys.argv[1]).netloc)))

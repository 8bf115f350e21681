"""From what a client sends to an order in the database."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from django.db import transaction

from catalog.models import Product
from orders.models import Customer, Order, OrderLine
from orders.pricing import Item, line_amount, quote, to_cents
from orders.stock import reserve

MAX_QUANTITY = 1000


class InvalidOrderError(ValueError):
    """What was sent is no order; the message says why, to whoever sent it."""


@dataclass(frozen=True)
class OrderRequest:
    """What a client asks for: a customer's address, and how many of which product."""

    email: str
    quantities: dict[str, int]


def parse_quantity(slug: str, value: object) -> int:
    # bool is an int to Python, but "true pots" are no order.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_QUANTITY:
        raise InvalidOrderError(f"quantity of {slug!r} must be a whole number from 1 to {MAX_QUANTITY}")
    return value


def parse(body: bytes) -> OrderRequest:
    """Reads ``{"email": "ada@example.com", "items": {"fern": 2}}``."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise InvalidOrderError("the body must be JSON") from error
    if not isinstance(data, dict) or not isinstance(data.get("email"), str):
        raise InvalidOrderError('"email" is missing')
    items = data.get("items")
    if not isinstance(items, dict) or not items:
        raise InvalidOrderError('"items" must name at least one product')
    return OrderRequest(data["email"], {slug: parse_quantity(slug, value) for slug, value in items.items()})


def find_items(quantities: dict[str, int]) -> list[Item]:
    products = {product.slug: product for product in Product.objects.filter(slug__in=quantities)}
    unknown = sorted(set(quantities) - set(products))
    if unknown:
        raise InvalidOrderError(f"no such product: {', '.join(unknown)}")
    return [Item(products[slug], quantity) for slug, quantity in quantities.items()]


def place(wanted: OrderRequest) -> Order:
    """Stores the order and takes its goods off the shelf: both or nothing.

    Raises InvalidOrderError for an unknown customer or product, OutOfStockError when something is not left.
    """
    customer = Customer.objects.filter(email=wanted.email).first()
    if customer is None:
        raise InvalidOrderError(f"no customer has the address {wanted.email!r}")
    items = find_items(wanted.quantities)
    price = quote(customer, items)
    with transaction.atomic():
        reserve(items)
        order = Order.objects.create(
            reference=secrets.token_hex(6),
            customer=customer,
            discount=price.discount,
            shipping=price.shipping,
            tax=price.tax,
            total=price.total,
        )
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=item.product,
                quantity=item.quantity,
                unit_price=to_cents(line_amount(item) / item.quantity),
            )
            for item in items
        )
    return order

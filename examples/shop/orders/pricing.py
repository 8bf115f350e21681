"""What an order costs: discounts first, then shipping, then tax. Pure functions, amounts in euros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from catalog.models import Product
from orders.models import Customer

CENT = Decimal("0.01")
TAX_RATE = Decimal("0.20")
FREE_SHIPPING_FROM = Decimal("80.00")
SHIPPING_BASE = Decimal("3.90")
SHIPPING_PER_KILOGRAM = Decimal("1.20")
# From so many of one product, so much off: the highest step reached counts.
BULK_STEPS = ((50, Decimal("0.15")), (10, Decimal("0.08")), (5, Decimal("0.03")))
TIER_RATES = {
    Customer.Tier.REGULAR: Decimal("0"),
    Customer.Tier.SILVER: Decimal("0.03"),
    Customer.Tier.GOLD: Decimal("0.07"),
}


@dataclass(frozen=True)
class Item:
    """So many of one product, wanted but not yet bought."""

    product: Product
    quantity: int


@dataclass(frozen=True)
class Quote:
    subtotal: Decimal
    discount: Decimal
    shipping: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount + self.shipping + self.tax


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def bulk_rate(quantity: int) -> Decimal:
    """The discount for buying `quantity` of one product: ``bulk_rate(12) == Decimal("0.08")``."""
    for step, rate in BULK_STEPS:
        if quantity >= step:
            return rate
    return Decimal(0)


def line_amount(item: Item) -> Decimal:
    return to_cents(item.product.price * item.quantity * (1 - bulk_rate(item.quantity)))


def shipping_cost(items: Sequence[Item], goods: Decimal) -> Decimal:
    """By weight, begun kilograms in full; nothing from FREE_SHIPPING_FROM on."""
    if goods >= FREE_SHIPPING_FROM:
        return Decimal(0)
    grams = sum(item.product.weight_grams * item.quantity for item in items)
    kilograms = -(-grams // 1000)
    return to_cents(SHIPPING_BASE + SHIPPING_PER_KILOGRAM * kilograms)


def quote(customer: Customer, items: Sequence[Item]) -> Quote:
    """What `customer` would pay for `items` now."""
    subtotal = sum((to_cents(item.product.price * item.quantity) for item in items), Decimal(0))
    after_bulk = sum((line_amount(item) for item in items), Decimal(0))
    goods = to_cents(after_bulk * (1 - TIER_RATES[Customer.Tier(customer.tier)]))
    shipping = shipping_cost(items, goods)
    return Quote(
        subtotal=subtotal,
        discount=subtotal - goods,
        shipping=shipping,
        tax=to_cents((goods + shipping) * TAX_RATE),
    )

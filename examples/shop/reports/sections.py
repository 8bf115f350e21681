"""The sections of the sales report. Each reads the database for itself, so that threads can make them."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, F, Sum

from catalog.models import Product
from orders.models import Customer, Order, OrderLine

LOW_STOCK = 10


def revenue() -> dict[str, object]:
    figures = Order.objects.aggregate(orders=Count("pk"), total=Sum("total"))
    return {"orders": figures["orders"], "total": str(figures["total"] or Decimal(0))}


def best_sellers(limit: int = 3) -> list[dict[str, object]]:
    amount = Sum(F("quantity") * F("unit_price"))
    sold = OrderLine.objects.values("product__name").annotate(pieces=Sum("quantity"), amount=amount)
    best = sold.order_by("-amount", "product__name")[:limit]
    return [{"product": row["product__name"], "pieces": row["pieces"]} for row in best]


def low_stock() -> list[dict[str, object]]:
    return list(Product.objects.filter(stock__lt=LOW_STOCK).order_by("stock", "name").values("slug", "stock"))


def loyal_customers(limit: int = 3) -> list[dict[str, object]]:
    spenders = Customer.objects.annotate(spent=Sum("orders__total")).exclude(spent=None)
    return [{"customer": each.name, "spent": str(each.spent)} for each in spenders.order_by("-spent")[:limit]]


SECTIONS = {
    "revenue": revenue,
    "best_sellers": best_sellers,
    "low_stock": low_stock,
    "loyal_customers": loyal_customers,
}


def average_basket(year: int, month: int) -> Decimal:
    """The average total of the orders placed in a month.

    Nobody thought of a month without orders: it raises ZeroDivisionError. The example keeps this mistake on
    purpose, to show what the trace of a failed request looks like.
    """
    orders = Order.objects.filter(placed_at__year=year, placed_at__month=month)
    totals = list(orders.values_list("total", flat=True))
    return Decimal(sum(totals) / len(totals))

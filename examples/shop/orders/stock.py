"""Taking goods off the shelf, safely when several customers reach for the last one."""

from collections.abc import Sequence

from django.db.models import F

from catalog.models import Product
from orders.pricing import Item


class OutOfStockError(Exception):
    """Less of a product is left than was asked for."""

    def __init__(self, product: Product, wanted: int) -> None:
        super().__init__(f"{product.name}: {wanted} wanted, too few left")
        self.product = product
        self.wanted = wanted


def reserve(items: Sequence[Item]) -> None:
    """Takes all of `items` off the shelf. Call it first in a transaction: an OutOfStockError then undoes it.

    The check and the change are one statement: two requests cannot both take the last one. As the first
    statement of its transaction it also makes SQLite wait for the write lock, where a read before it would
    make it give up.
    """
    for item in sorted(items, key=lambda item: item.product.pk):
        on_shelf = Product.objects.filter(pk=item.product.pk, stock__gte=item.quantity)
        if not on_shelf.update(stock=F("stock") - item.quantity):
            raise OutOfStockError(item.product, item.quantity)

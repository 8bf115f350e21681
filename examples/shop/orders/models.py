"""Who bought what, and for how much."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.urls import reverse

from catalog.models import Product


class Customer(models.Model):
    """Somebody who buys; `tier` decides their discount (orders.pricing)."""

    class Tier(models.TextChoices):
        REGULAR = "regular"
        SILVER = "silver"
        GOLD = "gold"

    name = models.CharField(max_length=80)
    email = models.EmailField(unique=True)
    tier = models.CharField(max_length=8, choices=Tier.choices, default=Tier.REGULAR)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class Order(models.Model):
    """What a customer bought at once. The amounts are those of the day: later prices change nothing here."""

    reference = models.CharField(max_length=16, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    placed_at = models.DateTimeField(auto_now_add=True)
    discount = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))
    shipping = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))
    tax = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))
    total = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))

    class Meta:
        ordering = ["-placed_at", "-pk"]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.reference])


class OrderLine(models.Model):
    """So many of one product, at the price they were sold for."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="order_lines")
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def amount(self) -> Decimal:
        return self.unit_price * self.quantity

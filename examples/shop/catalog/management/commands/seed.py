"""``manage.py seed`` fills the shop: products with reviews, customers, and somebody for the admin."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.text import slugify

from catalog.models import Category, Product, Review
from orders.models import Customer

SHELVES = {
    "Plants": {"Ferns": ["Boston", "Maidenhair", "Staghorn"], "Succulents": ["Aloe", "Agave", "Echeveria"]},
    "Pots": {"Clay": ["Round", "Tall", "Hanging"], "Glazed": ["Blue", "Ochre", "Moss"]},
    "Tools": {"Cutting": ["Pruner", "Shears"], "Watering": ["Can", "Mister", "Drip line"]},
}
SIZES = {"small": 1, "medium": 2, "large": 4}
OPINIONS = {
    1: "Fell apart.",
    2: "Not what the picture shows.",
    3: "Does what it should.",
    4: "Good, and arrived quickly.",
    5: "The best I ever had.",
}
PEOPLE = ["Ada", "Barbara", "Edsger", "Grace", "Katherine", "Margaret", "Niklaus", "Tony"]
STOCK = 200
ADMIN_NAME, ADMIN_PASSWORD = "admin", "fern-and-clay"


def shelf(name: str, parent: Category | None) -> Category:
    found, _ = Category.objects.get_or_create(slug=slugify(name), defaults={"name": name, "parent": parent})
    return found


def fill_shelf(category: Category, kinds: list[str], chance: random.Random) -> None:
    for kind in kinds:
        for size, factor in SIZES.items():
            name = f"{kind} {category.name.lower()}, {size}"
            product, is_new = Product.objects.update_or_create(
                slug=slugify(name),
                defaults={
                    "category": category,
                    "name": name,
                    "description": f"A {size} one from our {category.name.lower()} shelf, chosen with care.",
                    "price": factor * Decimal(chance.randrange(300, 700)) / 100,
                    "weight_grams": factor * 350,
                    "stock": STOCK,
                },
            )
            if is_new:
                write_reviews(product, chance)


def write_reviews(product: Product, chance: random.Random) -> None:
    for author in chance.sample(PEOPLE, chance.randrange(5)):
        stars = chance.choice([1, 2, 3, 4, 4, 5, 5])
        Review.objects.create(product=product, author=author, stars=stars, text=OPINIONS[stars])


def invite_customers() -> None:
    tiers = list(Customer.Tier)
    for number, name in enumerate(PEOPLE):
        Customer.objects.get_or_create(
            email=f"{name.lower()}@example.com",
            defaults={"name": name, "tier": tiers[number % len(tiers)]},
        )


def employ_admin() -> None:
    users = get_user_model().objects
    if not users.filter(username=ADMIN_NAME).exists():
        users.create_superuser(ADMIN_NAME, "admin@example.com", ADMIN_PASSWORD)


class Command(BaseCommand):
    help = "Fills the shop with products, reviews, customers and an admin; run again, it refills the stock."

    def handle(self, *args: Any, **options: Any) -> None:
        chance = random.Random(1843)
        with transaction.atomic():
            for name, children in SHELVES.items():
                parent = shelf(name, None)
                for child, kinds in children.items():
                    fill_shelf(shelf(child, parent), kinds, chance)
            invite_customers()
            employ_admin()
        self.stdout.write(
            f"{Product.objects.count()} products, {Review.objects.count()} reviews, "
            f"{Customer.objects.count()} customers; the admin is {ADMIN_NAME!r}, password {ADMIN_PASSWORD!r}"
        )

"""Search in names and descriptions, the best match first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Q

from catalog.models import Product

NAME_WEIGHT = 3
DESCRIPTION_WEIGHT = 1
CATEGORY_WEIGHT = 2
STOP_WORDS = frozenset({"a", "an", "and", "for", "of", "the", "with"})


@dataclass(frozen=True)
class Hit:
    product: Product
    score: int


def terms(query: str) -> list[str]:
    """The words worth looking for: ``terms("The pot for a fern") == ["pot", "fern"]``."""
    words = re.findall(r"\w+", query.lower())
    return [word for word in dict.fromkeys(words) if word not in STOP_WORDS]


def score(product: Product, wanted: list[str]) -> int:
    fields = (
        (NAME_WEIGHT, product.name),
        (DESCRIPTION_WEIGHT, product.description),
        (CATEGORY_WEIGHT, product.category.name),
    )
    return sum(weight for weight, text in fields for term in wanted if term in text.lower())


def search(query: str, limit: int = 20) -> list[Hit]:
    """The products that have at least one word of `query`, the best match first."""
    wanted = terms(query)
    if not wanted:
        return []
    any_word = Q()
    for term in wanted:
        any_word |= (
            Q(name__icontains=term) | Q(description__icontains=term) | Q(category__name__icontains=term)
        )
    candidates = Product.objects.filter(any_word).select_related("category")
    hits = [Hit(product, score(product, wanted)) for product in candidates]
    hits.sort(key=lambda hit: (-hit.score, not hit.product.in_stock, hit.product.name))
    return hits[:limit]

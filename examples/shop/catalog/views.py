"""The pages of the catalogue."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from catalog.models import Category, Product
from catalog.ratings import rate
from catalog.search import search


def home(request: HttpRequest) -> HttpResponse:
    """All categories, each with how much is in it."""
    categories = Category.objects.filter(parent=None).prefetch_related("children")
    counted = categories.annotate(product_count=Count("products"))
    return render(request, "catalog/home.html", {"categories": counted})


def category(request: HttpRequest, slug: str) -> HttpResponse:
    """The products of one category, the best rated first."""
    shelf = get_object_or_404(Category.objects.select_related("parent"), slug=slug)
    rated = [(product, rate(product.reviews.all())) for product in shelf.products.prefetch_related("reviews")]
    rated.sort(key=lambda pair: -pair[1].score)
    return render(request, "catalog/category.html", {"category": shelf, "rated_products": rated})


def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product, its reviews, and what else stands on its shelf."""
    item = get_object_or_404(Product.objects.select_related("category"), slug=slug)
    reviews = list(item.reviews.all())
    context = {
        "product": item,
        "reviews": reviews,
        "rating": rate(reviews),
        "related": item.category.products.exclude(pk=item.pk)[:4],
    }
    return render(request, "catalog/product.html", context)


def search_page(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "")
    return render(request, "catalog/search.html", {"query": query, "hits": search(query)})

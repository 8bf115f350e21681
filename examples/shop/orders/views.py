"""Orders: the JSON endpoint that places one, its page, and an async view that asks the carriers."""

from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from orders import checkout, delivery
from orders.models import Order, OrderLine
from orders.stock import OutOfStockError


@csrf_exempt  # called by programs, not by a page of ours
@require_POST
def place_order(request: HttpRequest) -> JsonResponse:
    """201 with the order; 400 when what was sent is no order; 409 when something is out of stock."""
    try:
        order = checkout.place(checkout.parse(request.body))
    except checkout.InvalidOrderError as error:
        return JsonResponse({"error": str(error)}, status=400)
    except OutOfStockError as error:
        return JsonResponse({"error": str(error), "product": error.product.slug}, status=409)
    summary = {"reference": order.reference, "total": str(order.total), "url": order.get_absolute_url()}
    return JsonResponse(summary, status=201)


def order_page(request: HttpRequest, reference: str) -> HttpResponse:
    order = get_object_or_404(Order.objects.select_related("customer"), reference=reference)
    lines = order.lines.select_related("product")
    return render(request, "orders/order.html", {"order": order, "lines": lines})


async def delivery_offers(request: HttpRequest, reference: str) -> JsonResponse:
    """What each carrier would deliver the order for; they are asked concurrently."""
    lines = OrderLine.objects.filter(order__reference=reference)
    weight = await lines.aaggregate(grams=Sum(F("quantity") * F("product__weight_grams")))
    if weight["grams"] is None:
        return JsonResponse({"error": f"no order {reference!r}"}, status=404)
    found = await delivery.offers(weight["grams"])
    answer = [{"carrier": offer.carrier, "price": str(offer.price), "days": offer.days} for offer in found]
    return JsonResponse({"reference": reference, "offers": answer})

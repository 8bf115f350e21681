"""The report pages, as JSON."""

from django.http import HttpRequest, JsonResponse

from reports.parallel import run_all
from reports.sections import SECTIONS, average_basket


def sales(request: HttpRequest) -> JsonResponse:
    """All sections of the sales report, made in one thread each."""
    return JsonResponse(run_all(SECTIONS))


def basket(request: HttpRequest, year: int, month: int) -> JsonResponse:
    """The average basket of a month; 500 for a month without orders (see average_basket)."""
    return JsonResponse({"average_basket": str(average_basket(year, month))})

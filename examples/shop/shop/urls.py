"""Which view answers which address."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("catalog.urls")),
    path("orders/", include("orders.urls")),
    path("reports/", include("reports.urls")),
    path("echo/", include("probes.urls")),
    path("admin/", admin.site.urls),
]

from django.urls import path

from orders import views

urlpatterns = [
    path("", views.place_order, name="place-order"),
    path("<slug:reference>/", views.order_page, name="order"),
    path("<slug:reference>/delivery/", views.delivery_offers, name="delivery-offers"),
]

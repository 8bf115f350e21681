from django.urls import path

from probes import views

urlpatterns = [
    path("<slug:marker>/", views.echo, name="echo"),
    path("<slug:marker>/async/", views.echo_async, name="echo-async"),
    path("<slug:marker>/threads/", views.echo_threads, name="echo-threads"),
]

"""Serves the shop over WSGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

application = get_wsgi_application()

# Django loads the URLs, and with them all views, at the first request: load them now, so that every worker's
# first request does what its second one does.
import shop.urls  # noqa: E402, F401

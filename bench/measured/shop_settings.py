"""The example shop's settings with another tracer's middleware in the place of the probe's, or with none."""

import os

from shop.settings import *  # noqa: F403
from shop.settings import MIDDLEWARE as WITH_PROBE

MIDDLEWARE = [*os.environ.get("SHOP_FIRST_MIDDLEWARE", "").split(), *WITH_PROBE[1:]]

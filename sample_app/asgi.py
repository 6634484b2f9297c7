"""The web server's entry: pages and GraphQL by Django, subscriptions by Strawberry, and the supplier that the sample carries."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.core.asgi import get_asgi_application
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.types import ASGIApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sample_app.settings")
django_application = cast("ASGIApp", get_asgi_application())

from django.conf import settings  # noqa: E402 - what follows wants Django set up

from sample_app import supplier  # noqa: E402
from sample_app.shop.schema import schema  # noqa: E402
from strawberry_tasks.django.asgi import with_websockets  # noqa: E402

static = StaticFiles(
    directory=Path(__file__).parent / "shop" / "static",
    packages=[(package, "static") for package in ("django.contrib.admin", "strawberry_tasks.django")],
)

http = Starlette(
    routes=[
        Mount(settings.STATIC_URL.rstrip("/"), static),
        Mount("/supplier", routes=supplier.routes),
        Mount("/", django_application),
    ]
)
application = with_websockets(http, schema, path="/graphql")

# By default Python looks through all objects so often that a thousand subscribers notice: the event loop waits meanwhile.
gc.set_threshold(50_000, 20, 1000)

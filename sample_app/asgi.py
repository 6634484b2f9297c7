"""The web server's entry: pages and GraphQL by Django, subscriptions by Strawberry, and the supplier that the sample carries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sample_app.settings")
django_application = ASGIStaticFilesHandler(get_asgi_application())

from sample_app import supplier, websocket  # noqa: E402 - models want Django set up

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each connection where it belongs."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await websocket.application(scope, receive, send)
    elif scope["path"].startswith("/supplier/"):
        await supplier.application(scope, receive, send)
    else:
        await django_application(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})

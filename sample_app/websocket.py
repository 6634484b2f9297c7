"""GraphQL subscriptions over a websocket, for whoever is signed in to Django."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import aget_user
from django.db import close_old_connections
from django.http.request import split_domain_port, validate_host
from starlette.datastructures import Headers
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from sample_app.shop.schema import schema

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send
    from starlette.websockets import WebSocket


@dataclass(frozen=True, slots=True)
class _Visit:
    """As much of a Django request as finding its user takes."""

    session: SessionBase


class Subscriptions(GraphQL[dict[str, Any], None]):
    """Strawberry's websocket protocol; the context has the user whose session cookie the handshake brought."""

    def __init__(self) -> None:
        super().__init__(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept websockets that come from our own pages, or from no page at all."""
        headers = Headers(scope=scope)
        if not is_own_origin(headers.get("origin"), headers.get("host", "")):
            await send({"type": "websocket.close", "code": 4403})
            return
        await super().__call__(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> dict[str, Any]:
        """Look the user up, once per connection."""
        visit = _Visit(_session_store(request.cookies.get(settings.SESSION_COOKIE_NAME)))
        try:
            user = await aget_user(visit)  # type: ignore[arg-type]
        finally:
            # No Django request ends here that would do it.
            await sync_to_async(close_old_connections)()
        return {"request": request, "response": response, "user": user}


def is_own_origin(origin: str | None, host: str) -> bool:
    """Tell whether a handshake may go on: browsers send their cookies along from any page, but also tell which page it is.

    Args:
        origin: The ``Origin`` header; ``None`` from programs that are no browser.
        host: The ``Host`` header.
    """
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    return origin is None or urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS


def _session_store(key: str | None) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store

"""GraphQL over websockets beside Django, without Channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.utils.http import is_same_domain
from django.utils.module_loading import import_string
from strawberry.asgi import GraphQL
from strawberry.django.context import StrawberryDjangoContext
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from .connections import in_database
from .sessions import open_session, session_user

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.websockets import WebSocket
    from strawberry.schema.base import BaseSchema

FORBIDDEN = 4403
NOT_FOUND = 4404


class Handshake(ASGIRequest):
    """The request that opens a websocket, as Django has requests: with cookies, a session and a user."""

    def __init__(self, scope: Scope) -> None:
        scheme = "https" if scope.get("scheme") == "wss" else "http"
        super().__init__({**scope, "method": "GET", "scheme": scheme}, BytesIO())
        self.session = open_session(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    def sign_in(self) -> None:
        """Find the session's user; uses the database."""
        self.user = session_user(self.session.session_key)

    async def auser(self) -> Any:
        """Return the user, as Django's requests do in async code."""
        return self.user


@dataclass
class WebsocketContext(StrawberryDjangoContext):
    """What Strawberry's view for Django gives to resolvers, and the client's connection parameters."""

    connection_params: object = field(default_factory=dict)


def with_websockets(
    http: ASGIApp,
    schema: BaseSchema | str,
    *,
    path: str = "/graphql",
    protocols: Sequence[str] = (GRAPHQL_TRANSPORT_WS_PROTOCOL,),
) -> ASGIApp:
    """Add GraphQL over websockets to Django's ASGI application; all else goes to Django.

    Resolvers find a context as over HTTP: ``info.context.request`` has the session, and the user whom it has signed in.
    A handshake is refused from a page of another origin, unless it is one of ``CSRF_TRUSTED_ORIGINS``, to a host that is not in
    ``ALLOWED_HOSTS``, and to another path.

    Args:
        http: What `django.core.asgi.get_asgi_application` returned.
        schema: The schema, or its import path, e.g. ``"shop.schema.schema"``: it is imported here, when Django is set up.
        path: Where websockets are taken.
        protocols: Which of GraphQL's websocket protocols.
    """
    found: BaseSchema = import_string(schema) if isinstance(schema, str) else schema
    websockets = _Websockets(found, subscription_protocols=protocols)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await http(scope, receive, send)
        elif scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/") != path.rstrip("/"):
            await _refuse(receive, send, NOT_FOUND)
        elif not is_own_origin(Handshake(scope)):
            await _refuse(receive, send, FORBIDDEN)
        else:
            await websockets(scope, receive, send)

    return application


def is_own_origin(request: ASGIRequest) -> bool:
    """Tell whether a handshake comes from a page of our own, or from no page at all.

    Browsers send their cookies along with a handshake from any page, but also tell which page it is.
    """
    try:
        host = request.get_host()
    except DisallowedHost:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    # A proxy may have taken the encryption off, so that our scheme says nothing unless it is the better one.
    if page.netloc == host and (page.scheme == "https" or not request.is_secure()):
        return True
    return any(_is_trusted(page.scheme, page.netloc, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _is_trusted(scheme: str, netloc: str, trusted: str) -> bool:
    own = urlsplit(trusted)
    return scheme == own.scheme and is_same_domain(netloc, own.netloc.removeprefix("*"))


async def _refuse(receive: Receive, send: Send, code: int) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code})


class _Websockets(GraphQL[StrawberryDjangoContext, None]):
    """Strawberry's protocols; the origin has been checked."""

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> StrawberryDjangoContext:
        """Look the user up, once per connection."""
        handshake = Handshake(request.scope)
        await in_database(handshake.sign_in)
        return WebsocketContext(request=handshake, response=HttpResponse())

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        """Leave it at what was decided."""
        return True

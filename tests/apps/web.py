"""The scenarios behind GraphQL, as a plain ASGI application; whoever calls says who they are."""

from __future__ import annotations

from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import Mount
from strawberry.asgi import GraphQL
from strawberry.schema.config import StrawberryConfig

from strawberry_tasks import Schema
from tests.apps.documents import Seeds
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings, User

PROTOCOLS = ("graphql-transport-ws", "graphql-ws", "graphql-sse", "multipart-subscription")
"""How subscriptions may come."""

scenarios = Scenarios(Settings.from_environment().make_tasks())
seeds = Seeds(scenarios.tasks)


@strawberry.type
class Query:
    """What is there beside the tasks."""

    ok: bool = True


class SignedIn(GraphQL[Any, Any]):
    """Believes the ``X-User`` header, or else the payload of the websocket's first message."""

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """Return a context with the user."""
        name = request.headers.get("x-user")
        user = User(id=name, is_staff=name == "staff", tenant="acme") if name else None
        return {"request": request, "response": response, "user": user}


def _serve(**config: Any) -> SignedIn:
    schema = Schema(Query, extensions=[scenarios.tasks.extension], config=StrawberryConfig(**config))
    return SignedIn(schema, multipart_uploads_enabled=True, subscription_protocols=PROTOCOLS)


app = Starlette(
    routes=[Mount("/graphql", _serve()), Mount("/snake", _serve(auto_camel_case=False))],
)

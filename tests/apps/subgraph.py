"""One of two services with tasks, as a subgraph; the environment says which."""

from __future__ import annotations

import os
from typing import Any

import strawberry
from strawberry.asgi import GraphQL

from strawberry_tasks import Tasks, federation

WORD = os.environ.get("SUBGRAPH", "orders")
_TITLE = WORD.capitalize()

tasks = Tasks(
    "memory://",
    fields={
        "task": f"{WORD}Task",
        "tasks": f"{WORD}Tasks",
        "schedules": f"{WORD}Schedules",
        "cancelTask": f"cancel{_TITLE}Task",
        "retryTask": f"retry{_TITLE}Task",
        "taskProgress": f"{WORD}TaskProgress",
        "taskUpdated": f"{WORD}TaskUpdated",
    },
)


@strawberry.federation.type(name=f"{_TITLE}Report", keys=["id"])
class Report:
    """What the service's task returns: an entity of the supergraph."""

    id: strawberry.ID
    total: int

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Report:
        """Find a report by its key."""
        return cls(id=id, total=len(id))


@tasks.mutation(name=f"count{_TITLE}")
def count(total: int) -> Report:
    return Report(id=strawberry.ID(f"{WORD}-{total}"), total=total)


@tasks.periodic(cron="0 0 * * *")
def clean_up() -> None: ...


class Believing(GraphQL[Any, Any]):
    """Takes everybody for the one user that there is."""

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """Return a context with the user."""
        return {"request": request, "response": response, "user": {"id": "ann"}}


schema = federation.Schema(extensions=[tasks.extension])
app = Believing(schema)

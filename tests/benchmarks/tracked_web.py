"""The tasks of the benchmarks as GraphQL under plain ASGI."""

from __future__ import annotations

from strawberry.asgi import GraphQL
from tracked import tasks

from strawberry_tasks import Schema

app = GraphQL(Schema(extensions=[tasks.extension]))

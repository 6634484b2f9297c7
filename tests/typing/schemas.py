"""What type checkers say of schemas with tasks: checked by mypy, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=false
# The ignores are for mypy alone.

from __future__ import annotations

from typing import assert_type

import strawberry

from strawberry_tasks import (
    Handle,
    OwnerPolicy,
    Policy,
    Schema,
    Snapshot,
    TaskHandle,
    TaskQuery,
    Tasks,
    TaskStatus,
    TaskSubscription,
    UntypedTaskHandle,
    Viewer,
    federation,
)
from strawberry_tasks.uploads import DirectoryUploads

tasks = Tasks("memory://", uploads=DirectoryUploads("/tmp"), fields={"task": "run", "tasks": None})


@tasks.mutation()
def work(number: int) -> int:
    return number


@strawberry.type
class Query(TaskQuery):
    """Mixins are plain bases."""

    hello: str = "hello"


@strawberry.type
class Mutation:
    """A task's field stands like any other."""

    work = work.mutation_field()


@strawberry.type
class Subscription(TaskSubscription):
    """Nothing of its own."""


@strawberry.type
class Placing:
    """Mutations of one's own return handles as one type or the other."""

    @strawberry.mutation(graphql_type=work.handle_type)  # type: ignore[untyped-decorator]
    def placed(self) -> Handle[int]:
        return work.enqueue(1)

    @strawberry.mutation(graphql_type=work.handle_type | None)  # type: ignore[untyped-decorator]
    async def perhaps(self) -> Handle[int] | None:
        return await work.aenqueue(1)

    @strawberry.mutation(graphql_type=list[TaskHandle])  # type: ignore[untyped-decorator]
    def several(self) -> list[Handle[int]]:
        return work.enqueue_many([(1,)])


plain = strawberry.Schema(Query, Mutation, Subscription, types=[UntypedTaskHandle], extensions=[tasks.extension])
brought: strawberry.Schema = Schema(query=Query, extensions=[tasks.extension])
federated: strawberry.federation.Schema = federation.Schema(query=Query, extensions=[tasks.extension])


class Tenants(OwnerPolicy):
    """A policy of one's own keeps what it does not change."""

    def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
        return super().may_see(viewer, run) or run.claims.get("tenant") == viewer.claims.get("tenant")


policy: Policy = Tenants()
Tasks("memory://", policy=policy)
Tasks("memory://", policy=object())  # type: ignore[arg-type]


def shown(handle: TaskHandle) -> None:
    """A handle's fields have their types."""
    assert_type(handle.status, TaskStatus)
    assert_type(handle.progress_total, float | None)

"""Field extensions of strawberry_django, and ones that use the ORM, stand around the start of a run; nodes are found in tasks."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
import strawberry_django
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from strawberry.extensions import FieldExtension
from strawberry.relay import GlobalID, Node
from strawberry_django.permissions import HasPerm, IsAuthenticated
from strawberry_django.resolvers import django_resolver

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.django.connections import DatabaseConnections
from strawberry_tasks.testing import inline, recorded
from tests.django.project.models import Item

pytestmark = pytest.mark.django_db(transaction=True)


class Context:
    """What Strawberry's Django views have as the context."""

    def __init__(self, user: Any) -> None:
        self.request = RequestFactory().post("/graphql/")
        self.request.user = user


class Audit(FieldExtension):
    """Has only `resolve`, and writes a row."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        handle = next_(source, info, **kwargs)
        Item.objects.create(name=handle.id)
        return handle


class Decorated(FieldExtension):
    """Has only a `resolve` that strawberry_django moves off the event loop by itself."""

    @django_resolver(qs_hook=None)
    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        Item.objects.create(name="before")
        return next_(source, info, **kwargs)


def schema_with(*extensions: FieldExtension) -> tuple[Tasks, Schema]:
    tasks = Tasks("memory://", surroundings=DatabaseConnections())

    @tasks.mutation(extensions=list(extensions))
    def work(number: int) -> int:
        return number

    return tasks, Schema(extensions=[tasks.extension])


async def execute(schema: Schema, user: Any, *, sync: bool) -> Any:
    document, context = "mutation { work(number: 1) { id } }", Context(user)
    if sync:
        return await sync_to_async(schema.execute_sync)(document, context_value=context)
    return await schema.execute(document, context_value=context)


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("before", [False, True])
async def test_permissions_of_strawberry_django(sync: bool, before: bool) -> None:
    """They let start one run, or none, beside an extension that uses the ORM, in any order."""
    guards = [IsAuthenticated(fail_silently=False), HasPerm("auth.add_user", fail_silently=False)]
    tasks, schema = schema_with(*([Audit(), *guards] if before else [*guards, Audit()]))
    users = [await User.objects.acreate(username="root", is_superuser=True), AnonymousUser()]

    with recorded(tasks) as recorder:
        allowed, refused = [await execute(schema, user, sync=sync) for user in users]

    assert allowed.errors is None
    (run,) = recorder.runs
    assert allowed.data == {"work": {"id": run.id}}
    assert [item.name async for item in Item.objects.all()][:1] == [run.id]
    assert refused.errors


@pytest.mark.parametrize("sync", [False, True])
async def test_a_resolver_of_strawberry_django(sync: bool) -> None:
    """A `resolve` that strawberry_django has wrapped is called once."""
    tasks, schema = schema_with(Decorated())

    with recorded(tasks) as recorder:
        result = await execute(schema, AnonymousUser(), sync=sync)

    assert result.errors is None
    assert len(recorder.runs) == await Item.objects.acount() == 1


@strawberry_django.type(Item)
class TaskItem(Node):
    name: strawberry.auto


@pytest.mark.parametrize("is_async", [False, True])
async def test_nodes(is_async: bool) -> None:
    """A task finds the row that a `GlobalID` stands for."""
    tasks = Tasks("memory://", surroundings=DatabaseConnections())
    item = await Item.objects.acreate(name="found")

    async def afind(info: strawberry.Info, id: GlobalID) -> str:
        node: Any = await id.resolve_node(info, required=True)
        return str(node.name)

    def find(info: strawberry.Info, id: GlobalID) -> str:
        node: Any = id.resolve_node_sync(info, required=True)
        return str(node.name)

    task = tasks.task(name="find")(afind if is_async else find)
    with inline(tasks):
        handle = await task.aenqueue(GlobalID("TaskItem", str(item.pk)))
        assert await handle.aresult() == "found"

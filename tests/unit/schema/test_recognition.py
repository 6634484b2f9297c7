"""The tasks' extension is found however a schema is given it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from strawberry_tasks import Schema, TaskQuery, Tasks, federation
from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.testing import inline
from tests.operations import execute, refuse

pytestmark = pytest.mark.filterwarnings("ignore:Passing an extension instance:DeprecationWarning")


def declared() -> Tasks:
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work(number: int) -> int:
        return number

    return tasks


def a_function(tasks: Tasks) -> Callable[[], SchemaExtension]:
    def make() -> SchemaExtension:
        extension: SchemaExtension = tasks.extension()
        return extension

    return make


def a_subclass(tasks: Tasks) -> type[SchemaExtension]:
    class Mine(tasks.extension):  # type: ignore[name-defined, misc]
        def get_results(self) -> dict[str, Any]:
            return {"mine": True}

    return Mine


class Maker:
    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks

    def make(self) -> SchemaExtension:
        return self.tasks.extension()

    def __call__(self) -> SchemaExtension:
        return self.tasks.extension()


WAYS: dict[str, Callable[[Tasks], Any]] = {
    "class": lambda tasks: tasks.extension,
    "instance": lambda tasks: tasks.extension(),
    "lambda": lambda tasks: lambda: tasks.extension(),  # noqa: PLW0108 - as Strawberry advises
    "function": a_function,
    "method": lambda tasks: Maker(tasks).make,
    "callable": Maker,
    "partial of the class": lambda tasks: partial(tasks.extension),
    "partial of a partial": lambda tasks: partial(partial(tasks.extension)),
    "partial of a function": lambda tasks: partial(a_function(tasks)),
    "subclass": a_subclass,
    "lambda of a subclass": lambda tasks: lambda: a_subclass(tasks)(),  # noqa: PLW0108
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [Schema, federation.Schema])
def test_our_schemas(kind: Any, way: str) -> None:
    """Its fields come along, and work."""
    tasks = declared()
    schema = kind(extensions=[WAYS[way](tasks)])

    with inline(tasks):
        started = execute(schema, "mutation { work(number: 3) { id output } }")["work"]
        found = execute(schema, f'{{ task(id: "{started["id"]}") {{ status }} }}')

    assert started["output"] == 3
    assert found == {"task": {"status": "COMPLETED"}}


@pytest.mark.parametrize("way", WAYS)
def test_a_plain_schema(way: str) -> None:
    """Fields that were placed by hand find the tasks through it."""
    tasks = declared()

    @strawberry.type
    class Query(TaskQuery): ...

    @strawberry.type
    class Mutation:
        work = tasks.find("work").mutation_field()  # type: ignore[attr-defined]

    schema = strawberry.Schema(Query, Mutation, extensions=[WAYS[way](tasks)])
    with inline(tasks):
        data = execute(schema, "mutation { work(number: 3) { status output } }")

    assert data == {"work": {"status": "COMPLETED", "output": 3}}


@pytest.mark.parametrize("way", WAYS)
def test_two_of_one(way: str) -> None:
    """The extension of one `Tasks` may stand there twice."""
    tasks = declared()

    schema = Schema(extensions=[tasks.extension, WAYS[way](tasks)])

    assert "work(number: Int!)" in schema.as_str()


@pytest.mark.parametrize("way", WAYS)
def test_those_of_two(way: str) -> None:
    """Those of two `Tasks` are refused, also by a plain schema: it would look up the runs of one in the other."""
    one, other = declared(), declared()

    @strawberry.type
    class Query(TaskQuery): ...

    with pytest.raises(ConfigurationError, match="expected the extension of one Tasks, got those of 2"):
        Schema(extensions=[one.extension, WAYS[way](other)])
    plain = strawberry.Schema(Query, extensions=[one.extension, WAYS[way](other)])
    message, _ = refuse(plain, '{ task(id: "1") { id } }')
    assert "got those of 2" in message


def test_makers_of_other_extensions() -> None:
    """They are asked once when the schema is made, and one that cannot answer then is left alone."""
    asked = []

    class Other(SchemaExtension): ...

    def make() -> Other:
        asked.append("make")
        return Other()

    def make_for_operations() -> Other:
        asked.append("make_for_operations")
        if len(asked) <= 2:
            raise LookupError("There is no operation.")
        return Other()

    tasks = declared()
    schema = Schema(extensions=[make, make_for_operations, lambda: tasks.extension()])  # noqa: PLW0108 - as Strawberry advises
    assert asked == ["make", "make_for_operations"]

    with inline(tasks):
        data = execute(schema, "mutation { work(number: 3) { output } }")

    assert data == {"work": {"output": 3}}
    assert asked == ["make", "make_for_operations"] * 2


async def test_subscriptions() -> None:
    """Subscriptions find it, too."""
    tasks = declared()
    schema = Schema(extensions=[lambda: tasks.extension()])  # noqa: PLW0108 - as Strawberry advises
    with inline(tasks):
        run_id = tasks.find("work").enqueue(number=3).id
        stream: Any = await schema.subscribe(f'subscription {{ taskProgress(taskId: "{run_id}") {{ status }} }}')
        states = [state.data async for state in stream]

    assert states == [{"taskProgress": {"status": "COMPLETED"}}]

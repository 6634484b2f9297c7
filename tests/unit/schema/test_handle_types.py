"""Each task has a handle type of its own, and no two definitions share a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import pytest
import strawberry
from strawberry.exceptions import DuplicatedTypeName
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types.base import StrawberryObjectDefinition

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.policy import NOBODY
from strawberry_tasks.testing import inline
from tests.operations import execute

T = TypeVar("T")


@strawberry.type
class User:
    name: str


def made(name: str, **fields: Any) -> type:
    """Make a class of this name in a place of its own."""
    return type(name, (), {"__qualname__": f"{min(fields)}.{name}", "__annotations__": fields})


def declare(tasks: Tasks, name: str, result: Any, value: object = None, **parameters: Any) -> Any:
    """Declare a task with a result of this type."""

    def function(**arguments: Any) -> Any:
        return value

    function.__annotations__ = {**parameters, "return": result}
    function.__signature__ = _signature(parameters, result)  # type: ignore[attr-defined]
    return tasks.mutation(name=name)(function)


def _signature(parameters: dict[str, Any], result: Any) -> inspect.Signature:
    kinds = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in parameters.items()
    ]
    return inspect.Signature(kinds, return_annotation=result)


@strawberry.type
class Page(Generic[T]):
    items: list[T]


@strawberry.type
class UserList:
    count: int


@strawberry.type
class Str:
    text: str


@strawberry.type
class UserPage:
    number: int


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            (UserList, UserList(count=2), "{ count }", {"count": 2}),
            (list[User], [User(name="A")], "{ name }", [{"name": "A"}]),
        ),
        ((Str, Str(text="a"), "{ text }", {"text": "a"}), (str, "b", "", "b")),
        ((User, User(name="A"), "{ name }", {"name": "A"}), (User | None, None, "{ name }", None)),
    ],
    ids=["UserList", "Str", "User"],
)
def test_results_whose_names_are_alike(first: Any, second: Any) -> None:
    """The handles of two tasks have two types, whatever their results are called, and each reads its own output."""
    tasks = Tasks("memory://")
    for name, (annotation, value, _, _) in (("first", first), ("second", second)):
        declare(tasks, name, annotation, value)
    document = f"mutation {{ first {{ __typename output {first[2]} }} second {{ __typename output {second[2]} }} }}"

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        data = execute(schema, document)

    assert data == {
        "first": {"__typename": "FirstTaskHandle", "output": first[3]},
        "second": {"__typename": "SecondTaskHandle", "output": second[3]},
    }


def _types_of_results(tasks: Tasks) -> None:
    declare(tasks, "first", strawberry.type(made("Report", total=int)))
    declare(tasks, "second", strawberry.type(made("Report", password=str)))


def _types_within_results(tasks: Tasks) -> None:
    declare(tasks, "first", list[strawberry.type(made("Report", total=int))])  # type: ignore[misc]
    declare(tasks, "second", strawberry.type(made("Wrapper", inner=strawberry.type(made("Report", password=str)))))


def _generic_and_plain(tasks: Tasks) -> None:
    declare(tasks, "first", Page[User])
    declare(tasks, "second", UserPage)


def _enums(tasks: Tasks) -> None:
    for name, members in (("first", ["A"]), ("second", ["B"])):
        declare(tasks, name, strawberry.enum(Enum("Level", members)))


def _inputs(tasks: Tasks) -> None:
    for name, field in (("first", "low"), ("second", "high")):
        kind = strawberry.input(made("Filter", **{field: int}))
        declare(tasks, name, int, where=kind)


def _input_and_result(tasks: Tasks) -> None:
    declare(tasks, "first", int, where=strawberry.input(made("Report", low=int)))
    declare(tasks, "second", strawberry.type(made("Report", total=int)))


def _handles(tasks: Tasks) -> None:
    declare(tasks, "syncStock", int)
    declare(tasks, "sync_stock", int)


def _handle_and_result(tasks: Tasks) -> None:
    declare(tasks, "first", strawberry.type(made("FirstTaskHandle", total=int)))


def _untyped_handle_and_result(tasks: Tasks) -> None:
    declare(tasks, "first", strawberry.type(made("UntypedTaskHandle", total=int)))


@pytest.mark.parametrize(
    "declare_all",
    [
        _types_of_results,
        _types_within_results,
        _generic_and_plain,
        _enums,
        _inputs,
        _input_and_result,
        _handles,
        _handle_and_result,
        _untyped_handle_and_result,
    ],
)
def test_two_definitions_of_one_name(declare_all: Callable[[Tasks], None]) -> None:
    """Two definitions of one name are refused when the schema is made, as Strawberry does."""
    tasks = Tasks("memory://")
    declare_all(tasks)

    with pytest.raises(DuplicatedTypeName):
        Schema(extensions=[tasks.extension])


class Prefixed(NameConverter):
    """Puts the project's letters before the name of each object type."""

    def from_object(self, object_type: StrawberryObjectDefinition) -> str:
        """Return the type's name."""
        return "Acme" + super().from_object(object_type)


@pytest.mark.parametrize(
    ("config", "field", "typename", "untyped"),
    [
        (StrawberryConfig(name_converter=Prefixed()), "syncStock", "AcmeSyncStockTaskHandle", "AcmeUntypedTaskHandle"),
        (StrawberryConfig(auto_camel_case=False), "sync_stock", "SyncStockTaskHandle", "UntypedTaskHandle"),
    ],
    ids=["prefix", "snake_case"],
)
def test_a_schema_with_names_of_its_own(config: StrawberryConfig, field: str, typename: str, untyped: str) -> None:
    """Handles are found under the names that the schema's converter gives them."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def sync_stock() -> int:
        return 3

    @tasks.task()
    def hidden() -> int:
        return 4

    schema = Schema(extensions=[tasks.extension], config=config)
    with inline(tasks):
        started = execute(schema, f"mutation {{ {field} {{ id __typename output }} }}")[field]
        ids = [started["id"], hidden.enqueue().id]
        found = [execute(schema, f'{{ task(id: "{run_id}") {{ __typename }} }}')["task"] for run_id in ids]

    assert started["__typename"] == typename
    assert started["output"] == 3
    assert found == [{"__typename": typename}, {"__typename": untyped}]


def test_a_handle_type_among_others() -> None:
    """In a union of handle types each run is shown as its own task's."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def first() -> int:
        return 1

    @tasks.mutation()
    def second() -> str:
        return "b"

    either = Annotated[first.handle_type | second.handle_type, strawberry.union("Either")]

    @strawberry.type
    class Query:
        @strawberry.field(graphql_type=list[either])  # type: ignore[valid-type]
        def both(self, info: strawberry.Info) -> list[object]:
            return [tasks.registry.handle(task.start((), {}), NOBODY, info.schema) for task in (second, first)]

    schema = Schema(Query, extensions=[tasks.extension])
    with inline(tasks):
        data = execute(schema, "{ both { __typename } }")

    assert data == {"both": [{"__typename": "SecondTaskHandle"}, {"__typename": "FirstTaskHandle"}]}


def test_options_for_a_run_leave_its_type() -> None:
    """What `using` returns has the same handle type."""
    tasks = Tasks("memory://")
    task = declare(tasks, "first", int)

    assert task.using(priority=3).handle_type is task.handle_type

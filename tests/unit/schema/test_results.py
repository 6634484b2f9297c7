"""Results of every type come out of the handle's typed `output`, and as JSON out of `result`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Optional, TypeVar
from uuid import UUID

import pytest
import strawberry
from strawberry import relay

from strawberry_tasks import Schema, Tasks
from tests.operations import execute, perform

T = TypeVar("T")


@strawberry.enum
class Level(Enum):
    LOW = 1
    HIGH = 2


@strawberry.type
class Cat:
    name: str

    @strawberry.field
    def sound(self) -> str:
        return f"{self.name} meows"


@strawberry.type
class Dog:
    name: str
    friend: Cat | None = None


@strawberry.interface
class Vehicle:
    wheels: int


@strawberry.type
class Bike(Vehicle):
    bell: bool


@strawberry.type
class Cart(Vehicle):
    load: float


@strawberry.type
class Page(Generic[T]):
    items: list[T]
    total: int


@strawberry.type
class Shelf(relay.Node):
    code: relay.NodeID[int]
    label: str

    @classmethod
    def resolve_nodes(cls, *, info: object, node_ids: object, required: bool = False) -> list[Shelf]:
        return []


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


@dataclass
class Case:
    """A declared result, a value of it, how it is asked for, and what then comes."""

    annotation: Any
    value: Any
    output: Any
    selection: str = ""


CASES = [
    Case(int, 3, 3),
    Case(float, 1.5, 1.5),
    Case(str, "ä", "ä"),
    Case(bool, False, False),
    Case(strawberry.ID, "x", "x"),
    Case(datetime, MOMENT, "2026-01-02T03:04:05+00:00"),
    Case(date, MOMENT.date(), "2026-01-02"),
    Case(time, time(3, 4, 5), "03:04:05"),
    Case(Decimal, Decimal("1.10"), "1.10"),
    Case(UUID, UUID(UUID_TEXT), UUID_TEXT),
    Case(Level, Level.HIGH, "HIGH"),
    Case(Cat, Cat(name="Tom"), {"name": "Tom", "sound": "Tom meows"}, "{ name sound }"),
    Case(
        Dog,
        Dog(name="Rex", friend=Cat(name="Tom")),
        {"name": "Rex", "friend": {"sound": "Tom meows"}},
        "{ name friend { sound } }",
    ),
    Case(list[int], [1, 2], [1, 2]),
    Case(list[Cat], [Cat(name="Tom")], [{"name": "Tom"}], "{ name }"),
    Case(list[int | None], [1, None], [1, None]),
    Case(int | None, None, None),
    Case(int | None, 4, 4),
    Case(Optional[Cat], Cat(name="Tom"), {"name": "Tom"}, "{ name }"),  # noqa: UP045
    Case(list[Cat] | None, None, None, "{ name }"),
    Case(
        Pet,
        Dog(name="Rex"),
        {"__typename": "Dog", "name": "Rex"},
        "{ __typename ... on Dog { name } }",
    ),
    Case(Pet | None, Cat(name="Tom"), {"__typename": "Cat"}, "{ __typename }"),
    Case(Cat | Dog, Cat(name="Tom"), {"__typename": "Cat"}, "{ __typename }"),
    Case(list[Pet], [Cat(name="Tom")], [{"__typename": "Cat"}], "{ __typename }"),
    Case(
        Vehicle,
        Bike(wheels=2, bell=True),
        {"__typename": "Bike", "wheels": 2, "bell": True},
        "{ __typename wheels ... on Bike { bell } }",
    ),
    Case(Page[int], Page(items=[1], total=1), {"items": [1], "total": 1}, "{ items total }"),
    Case(
        Page[Cat],
        Page(items=[Cat(name="T")], total=1),
        {"items": [{"name": "T"}]},
        "{ items { name } }",
    ),
    Case(Shelf, Shelf(code=7, label="A"), {"id": "U2hlbGY6Nw==", "label": "A"}, "{ id label }"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.annotation}-{case.output}"[:50])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_typed_result(case: Case, is_async: bool) -> None:
    """The handle is named after the task, and its output resolves like a value of the result's type."""
    tasks = Tasks("memory://")
    declare(tasks, case.annotation, lambda: case.value, is_async=is_async)

    handle = perform(
        tasks, f"mutation {{ work {{ __typename status error output {case.selection} }} }}", types=[Bike, Cart]
    )

    assert handle == {"__typename": "WorkTaskHandle", "status": "COMPLETED", "error": None, "output": case.output}


def declare(tasks: Tasks, annotation: Any, value: Callable[[], Any], *, is_async: bool) -> None:
    """Declare the task `work` with a result annotation."""

    async def work_async() -> annotation:
        return value()

    def work_sync() -> annotation:
        return value()

    function = work_async if is_async else work_sync
    function.__annotations__["return"] = annotation
    tasks.mutation(name="work")(function)


@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        (None, None, None),
        (dict, {"a": [1, None]}, {"a": [1, None]}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (list, [1, "a"], [1, "a"]),
        (Any, {"at": MOMENT, "id": UUID(UUID_TEXT)}, {"at": "2026-01-02T03:04:05+00:00", "id": UUID_TEXT}),
    ],
    ids=str,
)
def test_untyped_result(annotation: Any, value: object, result: object) -> None:
    """A result without a GraphQL type is JSON, in a handle that has no output."""
    tasks = Tasks("memory://")
    declare(tasks, annotation, lambda: value, is_async=False)

    handle = perform(tasks, "mutation { work { __typename status result } }")

    assert handle == {"__typename": "WorkTaskHandle", "status": "COMPLETED", "result": result}
    assert "output" not in Schema(extensions=[tasks.extension]).as_str()


def test_result_without_annotation() -> None:
    """A function that says nothing about its result has an untyped one."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work():  # type: ignore[no-untyped-def]
        return {"a": 1}

    assert perform(tasks, "mutation { work { __typename result } }") == {
        "__typename": "WorkTaskHandle",
        "result": {"a": 1},
    }


def test_json_beside_the_output() -> None:
    """`result` is the typed result as JSON, with the names that GraphQL has."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work() -> Page[Cat]:
        return Page(items=[Cat(name="Tom")], total=1)

    handle = perform(tasks, "mutation { work { result } }")

    assert handle == {"result": {"items": [{"name": "Tom"}], "total": 1}}


def test_output_before_the_end() -> None:
    """Until the run has completed, output and result are null."""
    tasks = Tasks("memory://", max_retries=0)

    @tasks.mutation()
    def work() -> list[int]:
        raise ValueError

    handle = perform(tasks, "mutation { work { status output result } }")

    assert handle == {"status": "FAILED", "output": None, "result": None}


def test_result_that_no_longer_fits() -> None:
    """A result that was stored under an older declaration makes an error of `output`, and is not shown."""
    old, new = Tasks("memory://"), Tasks("memory://")

    @old.mutation(name="work")
    def old_work() -> str:
        return "text"

    @new.mutation(name="work")
    def new_work() -> Cat:
        return Cat(name="Tom")

    schema = Schema(extensions=[new.extension])
    runtime = old.runtime()
    with old.replaced(runtime), new.replaced(runtime):
        run = old_work.start((), {})
        assert old_work.handle(run).result() == "text"
        data = execute(schema, f'{{ task(id: "{run.id}") {{ __typename status result }} }}')
        failed = schema.execute_sync(
            f'{{ task(id: "{run.id}") {{ status ... on WorkTaskHandle {{ output {{ name }} }} }} }}'
        )
    old.close()

    assert data["task"] == {"__typename": "WorkTaskHandle", "status": "COMPLETED", "result": None}
    assert failed.data == {"task": {"status": "COMPLETED", "output": None}}

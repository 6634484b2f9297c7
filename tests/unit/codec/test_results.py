"""Results come back as the values that the task returned, and read well as JSON."""

from __future__ import annotations

import dataclasses
import inspect
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import pytest
import strawberry
from strawberry import relay
from strawberry.permission import BasePermission
from strawberry.scalars import JSON

from strawberry_tasks.codec import Codec, output_codec
from strawberry_tasks.errors import ValueEncodingError
from tests.labels import label

T = TypeVar("T")


class Nobody(BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.enum
class Size(Enum):
    SMALL = "s"


class Tone(StrEnum):
    WARM = "warm"


@strawberry.type
class Report:
    updated_count: int
    size: Size = Size.SMALL

    @strawberry.field
    def doubled(self) -> int:
        return self.updated_count * 2


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Cat(Animal):
    lives: int = 9


@strawberry.type
class Dog(Animal):
    friend: Animal | None = None


@strawberry.type
class Page(Generic[T]):
    items: list[T]
    total: int = 0


@strawberry.type
class Fruit(relay.Node):
    code: relay.NodeID[int]
    name: str


@strawberry.type
class Guarded:
    shown: int
    salary: int = strawberry.field(permission_classes=[Nobody])
    token: strawberry.Private[str] = ""
    extra: strawberry.Private[dict[str, Any]] = dataclasses.field(default_factory=dict)


@strawberry.type
class Computed:
    first: int
    total: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.total = self.first + 1


@strawberry.type
class Friend:
    name: str
    friends: list[Friend] = strawberry.field(default_factory=list)


@strawberry.type
class Broken(Exception):  # noqa: N818
    reason: str


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]


def codec(annotation: object) -> Codec:
    """Make the codec of a result of this type."""
    return output_codec(annotation, where="task 'demo', result", namespace=globals(), scalar_map={})


def travel(annotation: object, value: object) -> object:
    """Send a value through JSON text and back."""
    made = codec(annotation)
    return made.load(json.loads(json.dumps(made.dump(value))))


ROUND_TRIPS = [
    (int, 3),
    (Report, Report(updated_count=3)),
    (Report | None, None),
    (list[Report], [Report(updated_count=1)]),
    (Cat, Cat(name="Tom")),
    (Animal, Dog(name="Rex", friend=Cat(name="Tom"))),
    (list[Animal | None], [None, Cat(name="Tom")]),
    (Cat | Dog, Cat(name="Tom", lives=3)),
    (Cat | Dog | None, None),
    (Pet, Dog(name="Rex")),
    (Page[Report], Page(items=[Report(updated_count=1)])),
    (Page[Page[int]], Page(items=[Page(items=[1])])),
    (Page[int] | Page[str], Page(items=["a"])),
    (Fruit, Fruit(code=1, name="fig")),
    (relay.Node, Fruit(code=1, name="fig")),
    (Guarded, Guarded(shown=1, salary=2, token="t", extra={"a": 1})),
    (Computed, Computed(first=1)),
    (Friend, Friend(name="a", friends=[Friend(name="b")])),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS, ids=label)
def test_a_result_comes_back_as_it_was(annotation: object, value: object) -> None:
    """What is awaited equals what the task returned."""
    made = codec(annotation)

    arrived = travel(annotation, value)

    assert arrived == value
    assert type(arrived) is type(value)
    assert made.typed
    assert made.schema_type == made.annotation is not None


def test_a_type_that_is_an_exception_comes_back() -> None:
    """Error types of a union may derive from Exception."""
    arrived = travel(Broken, Broken(reason="x"))

    assert isinstance(arrived, Broken)
    assert arrived.reason == "x"


def test_the_json_reads_like_a_graphql_answer() -> None:
    """Names and enum values are those of the schema, and what is computed is left to GraphQL."""
    assert codec(Report).dump(Report(updated_count=42)) == {"updatedCount": 42, "size": "SMALL"}


@pytest.mark.parametrize(("annotation", "expected"), [(Cat, None), (Cat | Dog, "Cat"), (Animal, "Cat")])
def test_the_type_is_named_only_where_there_is_a_choice(annotation: object, expected: str | None) -> None:
    """Unions and interfaces carry ``__typename``, others don't."""
    data = codec(annotation).dump(Cat(name="Tom"))

    assert isinstance(data, dict)
    assert data.get("__typename") == expected


def test_any_iterable_becomes_a_list() -> None:
    """A generator or a set is as good as a list in a result."""
    assert codec(list[int]).dump(n for n in (1, 2)) == [1, 2]


def test_clients_see_no_private_and_no_guarded_field() -> None:
    """What GraphQL hides or checks permissions for is left out of the JSON for clients."""
    made = codec(list[Guarded])
    data = made.dump([Guarded(shown=1, salary=2, token="t")])

    published = made.publish(data)

    assert published == [{"shown": 1}]


def test_clients_see_all_the_rest() -> None:
    """Where nothing is hidden, the JSON is published as it is."""
    made = codec(Cat | Dog)
    data = made.dump(Cat(name="Tom"))

    assert made.publish(data) == data


def test_hidden_fields_are_left_out_behind_an_interface() -> None:
    """The type is looked up by its name, and the fields are left out as elsewhere."""
    made = codec(relay.Node)
    data = made.dump(Fruit(code=1, name="fig"))

    assert made.publish(data) == {"__typename": "Fruit", "name": "fig"}


@pytest.mark.parametrize("data", [{"__typename": "Cow", "name": "x"}, {"name": "x"}, [], 3], ids=label)
def test_data_of_an_unknown_type_is_not_published(data: Any) -> None:
    """Nobody knows what to hide in it."""
    assert codec(Animal).publish(data) is None


UNTYPED: list[object] = [
    inspect.Signature.empty, None, "None", JSON, dict, dict[str, Any], "dict[str, int] | None", list, list[dict[str, Any]], Any,
]  # fmt: skip


@pytest.mark.parametrize("annotation", UNTYPED, ids=label)
def test_a_result_may_go_without_a_type(annotation: object) -> None:
    """JSON passes through, and the codec says that it knows no type."""
    made = codec(annotation)
    value = {"updated_count": [1, 2.5, None, {"ok": True}]}

    assert made.load(made.dump(value)) == value
    assert not made.typed
    assert made.annotation is None
    assert not made.touches_database


def test_untyped_results_show_what_graphql_would() -> None:
    """Values that JSON doesn't have become their GraphQL text."""
    value = {
        "at": datetime(2024, 1, 1, tzinfo=UTC), "id": UUID(int=1), "price": Decimal("1.50"),
        "size": Size.SMALL, "tone": Tone.WARM, "pair": (1, 2), 7: "seven",
    }  # fmt: skip

    data = codec(None).dump(value)

    assert data == {
        "at": "2024-01-01T00:00:00+00:00", "id": "00000000-0000-0000-0000-000000000001", "price": "1.50",
        "size": "SMALL", "tone": "warm", "pair": [1, 2], "7": "seven",
    }  # fmt: skip
    assert json.loads(json.dumps(data)) == data


def test_an_untyped_result_that_is_no_json_is_refused_with_its_path() -> None:
    """The error says where in the result the odd value stands."""
    with pytest.raises(ValueEncodingError, match=r"rows.*\[1\]: expected a JSON value, got object"):
        codec(None).dump({"rows": [1, object()]})

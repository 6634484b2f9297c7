"""Arguments arrive in the task as the values that were given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import InitVar
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, NewType, TypeVar
from uuid import UUID

import pytest
import strawberry
from strawberry.relay import GlobalID
from strawberry.scalars import JSON, Base64

from strawberry_tasks.codec import Codec, input_codec
from tests.labels import label

T = TypeVar("T")
Fahrenheit = NewType("Fahrenheit", float)
TEMPERATURE = strawberry.scalar(
    name="Temperature", serialize=lambda value: f"{value}F", parse_value=lambda text: Fahrenheit(float(text[:-1]))
)


class Plain(Enum):
    """No Strawberry in sight; Strawberry takes it all the same."""

    FIRST = 1
    SECOND = object()


@strawberry.enum
class Color(Enum):
    RED = "r"
    BLUE = strawberry.enum_value("b", name="AZURE")


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@strawberry.input
class Range(Generic[T]):
    low: T
    high: T | None = None


@strawberry.input
class Page:
    first_rows: int = 10
    after: str | None = strawberry.UNSET


@strawberry.input
class NamedPage(Page):
    name: str
    tags: list[str] = strawberry.field(default_factory=list)
    renamed: int = strawberry.field(default=0, name="other")


@strawberry.input
class Tree:
    label: str
    children: list[Tree] = strawberry.field(default_factory=list)
    parent: Tree | None = None


@strawberry.input
class Patch:
    name: strawberry.Maybe[str]
    note: strawberry.Maybe[str | None]


@strawberry.input(one_of=True)
class Key:
    by_id: int | None = strawberry.UNSET
    by_name: str | None = strawberry.UNSET


@strawberry.input
class Derived:
    name: str
    slug: str = strawberry.field(default="")

    def __post_init__(self) -> None:
        self.cache: dict[str, str] = {"slug": self.slug}


@strawberry.input
class Seeded:
    name: str
    seed: InitVar[int] = 0

    def __post_init__(self, seed: int) -> None:
        self.name = f"{self.name}{seed}"


def codec(annotation: object, **scalars: Any) -> Codec:
    """Make the codec of a parameter of this type."""
    return input_codec(
        annotation,
        where="task 'demo', parameter 'value'",
        namespace=globals(),
        scalar_map={Fahrenheit: TEMPERATURE, **scalars},
    )


def travel(annotation: object, value: object) -> object:
    """Send a value through JSON text and back."""
    made = codec(annotation)
    return made.load(json.loads(json.dumps(made.dump(value), ensure_ascii=False).encode()))


ROUND_TRIPS = [
    (int, -(2**31)),
    (float, 1.5),
    (float, 2),
    (str, "naïve 🐍"),
    (bool, False),
    (strawberry.ID, "x1"),
    (JSON, {"a": [1, 2.5, None, {"b": True}], "": "x"}),
    (JSON, None),
    (datetime, datetime(2024, 2, 29, 23, 59, 59, 999999)),  # noqa: DTZ001
    (datetime, datetime(2024, 2, 29, tzinfo=UTC)),
    (datetime, datetime(1890, 1, 1, tzinfo=timezone(timedelta(minutes=9, seconds=21)))),
    (date, date(1, 1, 1)),
    (time, time(12, 30, tzinfo=UTC)),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=7)),
    (GlobalID, GlobalID("Fruit", "1")),
    (Base64, b"\x00\xff"),
    (Fahrenheit, Fahrenheit(99.5)),
    (Color, Color.RED),
    (Color, Color.BLUE),
    (Plain, Plain.SECOND),
    (Level, Level.HIGH),
    (list[int], []),
    (list[list[int | None]], [[1, None], []]),
    (Sequence[Color], [Color.BLUE]),
    (list[int] | None, None),
    (Annotated[int, strawberry.argument(description="How many")], 3),
    (Range[int], Range(low=1, high=2)),
    (Range[Range[date]], Range(low=Range(low=date(2024, 1, 1)))),
    (Page, Page(after=None)),
    (Page, Page()),
    (Page, Page(first_rows=strawberry.UNSET)),
    (NamedPage, NamedPage(name="x", tags=["a"], renamed=5)),
    (Tree, Tree(label="a", children=[Tree(label="b", parent=Tree(label="c"))])),
    (Patch, Patch(name=None, note=None)),
    (Patch, Patch(name=strawberry.Some("x"), note=strawberry.Some(None))),
    (Key, Key(by_name="x")),
    (Derived, Derived(name="x", slug="y")),
    (Seeded, Seeded(name="x", seed=7)),
    (strawberry.Maybe[int], None),
    (strawberry.Maybe[int], strawberry.Some(3)),
    (strawberry.Maybe[int | None], strawberry.Some(None)),
    (str | None, strawberry.UNSET),
    ("list[Tree]", [Tree(label="x")]),
    ("Annotated[list['Page'] | None, strawberry.argument(name='p')]", [Page()]),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS, ids=label)
def test_a_value_arrives_as_it_was(annotation: object, value: object) -> None:
    """What the task gets equals what was passed, and is of the same type."""
    arrived = travel(annotation, value)

    assert arrived == value
    assert type(arrived) is type(value) or annotation is float


def test_unset_stays_unset() -> None:
    """A field that was left out is UNSET in the task too, not None."""
    arrived = travel(Page, Page())

    assert arrived.after is strawberry.UNSET  # type: ignore[attr-defined]


def test_fields_travel_under_their_graphql_names() -> None:
    """The JSON reads like the variables of a GraphQL client."""
    data = codec(NamedPage).dump(NamedPage(name="x", renamed=5))

    assert data == {"firstRows": 10, "name": "x", "tags": [], "other": 5}


def test_a_field_added_since_gets_its_default() -> None:
    """A worker that runs newer code takes messages that an older process sent."""
    loaded = codec(NamedPage).load({"name": "x"})

    assert loaded == NamedPage(name="x", first_rows=10, tags=[])


def test_a_default_is_not_shared() -> None:
    """Each object gets a default list of its own."""
    made = codec(NamedPage)

    first, second = made.load({"name": "x"}), made.load({"name": "x"})

    assert first.tags is not second.tags  # type: ignore[attr-defined]


def test_post_init_prepares_what_is_no_field() -> None:
    """An object that sets up more than fields in ``__post_init__`` is whole when it arrives."""
    arrived = travel(Derived, Derived(name="x", slug="y"))

    assert arrived.cache == {"slug": "y"}  # type: ignore[attr-defined]


def test_a_scalar_of_the_schema_wins_over_the_built_in_one() -> None:
    """What the schema maps a type to is how it travels."""
    cents = strawberry.scalar(
        name="Cents", serialize=lambda value: int(value * 100), parse_value=lambda n: Decimal(n) / 100
    )
    made = input_codec(Decimal, where="here", namespace={}, scalar_map={Decimal: cents})

    data = made.dump(Decimal("1.5"))

    assert data == 150
    assert made.load(data) == Decimal("1.5")


def test_a_mapped_generic_may_be_a_parameter() -> None:
    """A ``dict`` crosses where the schema says which scalar it is."""
    mapping = strawberry.scalar(name="Mapping", serialize=dict, parse_value=dict)
    made = input_codec(dict[str, int], where="here", namespace={}, scalar_map={dict: mapping})

    assert made.load(made.dump({"a": 1})) == {"a": 1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_decorated_scalar_travels() -> None:
    """Scalars that are declared on their class need no map."""
    reverse = strawberry.scalar(
        NewType("Reverse", str), name="Reverse", serialize=lambda v: v[::-1], parse_value=lambda v: v[::-1]
    )
    made = input_codec(list[reverse], where="here", namespace={}, scalar_map={})  # type: ignore[valid-type]

    data = made.dump(["ab"])

    assert data == ["ba"]
    assert made.load(data) == ["ab"]


def test_an_argument_may_say_its_graphql_type() -> None:
    """``strawberry.argument(graphql_type=...)`` decides how the value travels."""
    try:
        marked = Annotated[object, strawberry.argument(graphql_type=int)]
    except TypeError:
        pytest.skip("this version of Strawberry has no graphql_type on arguments")

    assert codec(marked).dump(3) == 3


def test_the_schema_sees_the_annotation() -> None:
    """Strings are resolved, and what Annotated says is kept."""
    made = codec("Annotated[Range[int] | None, strawberry.argument(name='r')]")

    assert made.schema_type == made.annotation
    assert str(made.schema_type).startswith("typing.Annotated[")
    assert made.typed


def test_plain_types_touch_no_database() -> None:
    """Loading them needs no thread."""
    assert not codec(Tree).touches_database

"""A task may return what a resolver of plain Strawberry may, and `output` shows the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import SimpleNamespace
from typing import Annotated, Any, Generic, NewType, TypeVar
from uuid import UUID

import pytest
import strawberry
from strawberry.relay import GlobalID
from strawberry.scalars import Base16, Base32, Base64
from strawberry.schema.config import StrawberryConfig

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.codec import output_codec
from strawberry_tasks.errors import ValueEncodingError
from strawberry_tasks.testing import inline
from tests.labels import label

T = TypeVar("T")


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Colour(StrEnum):
    RED = "r"


class Rank(IntEnum):
    FIRST = 1


strawberry.enum(Size)


class Index:
    """A whole number of somebody else's."""

    def __index__(self) -> int:
        return 7


class Text:
    """Something that has a text."""

    def __str__(self) -> str:
        return "text"


UUID_TEXT = "12345678-1234-5678-1234-567812345678"
DASHLESS = UUID_TEXT.replace("-", "")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES: list[Any] = [
    None, True, False, 0, 1, 7, -1, 2**31 - 1, 2**31, 2**53, 3.0, 0.0, 1.5, 1e300, float("nan"), float("inf"),
    "", "7", "1.5", "abc", "true", "s", "SMALL", UUID_TEXT, DASHLESS, "2026-01-02", "2026-01-02T03:04:05",
    Decimal("1.5"), Decimal(7), Decimal("NaN"), Fraction(3, 2), Fraction(7), UUID(UUID_TEXT), Size.SMALL, Colour.RED, Rank.FIRST,
    MOMENT, MOMENT.replace(tzinfo=None), MOMENT.date(), MOMENT.time(), timedelta(1), b"abc", bytearray(b"abc"), [], [1], {}, {"a": 1},
    (1,), {1}, Index(), Text(), GlobalID("User", "1"), object(), int,
]  # fmt: skip
TYPES: list[Any] = [
    int, float, str, bool, strawberry.ID, datetime, date, time, Decimal, UUID, GlobalID, Size, Base16, Base32, Base64,
]  # fmt: skip


def ask_plainly(annotation: object, values: list[Any], selection: str = "", **options: Any) -> list[Any]:
    """Return what plain Strawberry shows of each value; REFUSED in place of what it does not show."""

    def work(number: int) -> Any:
        return values[number]

    work.__annotations__["return"] = annotation | None  # type: ignore[operator]

    @strawberry.type
    class Query:
        ok: bool = True

    mutation = strawberry.type(type("Mutation", (), {"output": strawberry.mutation(work)}))
    schema = strawberry.Schema(query=Query, mutation=mutation, **options)

    def ask_for(number: int) -> Any:
        answer = schema.execute_sync(f"mutation {{ output(number: {number}) {selection} }}")
        assert answer.data
        return REFUSED if answer.errors else answer.data["output"]

    return [ask_for(number) for number in range(len(values))]


def ask(
    annotation: object,
    values: list[Any],
    selection: str = "",
    scalar_map: dict[Any, Any] | None = None,
    **options: Any,
) -> list[tuple[Any, Any, Any]]:
    """Return `output` and `result` of a task that returns a value, and what it comes back as, for each value."""
    tasks = Tasks("memory://", max_retries=0, scalar_map=scalar_map or {})

    def work(number: int) -> Any:
        return values[number]

    work.__annotations__["return"] = annotation | None  # type: ignore[operator]
    tasks.mutation()(work)
    schema = Schema(extensions=[tasks.extension], **options)

    def ask_for(number: int) -> tuple[Any, Any, Any]:
        answer = schema.execute_sync(f"mutation {{ work(number: {number}) {{ id status output {selection} result }} }}")
        assert answer.data
        assert not answer.errors
        handle = answer.data["work"]
        if handle["status"] == "FAILED":
            return REFUSED, REFUSED, REFUSED
        return handle["output"], handle["result"], tasks.handle(handle["id"]).result()

    with inline(tasks):
        return [ask_for(number) for number in range(len(values))]


REFUSED = "refused"

# What Strawberry shows as it came, and a task as the declared type shows it.
READ = {
    (Decimal, "1e+300"): "1E+300", (Decimal, "nan"): "NaN", (Decimal, "inf"): "Infinity", (UUID, DASHLESS): UUID_TEXT,
}  # fmt: skip


@pytest.mark.parametrize("annotation", TYPES, ids=label)
def test_a_scalar_is_shown_as_strawberry_shows_it(annotation: Any) -> None:
    """What is shown there is shown here, in `result` as well; what is refused there fails the run."""
    plain = ask_plainly(annotation, VALUES)

    found = ask(annotation, VALUES)

    for value, there, (output, result, _) in zip(VALUES, plain, found, strict=True):
        assert output == result == READ.get((annotation, there), there), value


MEANT: list[tuple[Any, Any, Any]] = [
    (int, 3.0, 3), (int, "3", 3), (int, Decimal(3), 3), (int, True, 1), (int, Rank.FIRST, 1), (int, Index(), 7),
    (float, Decimal("1.5"), 1.5), (float, 3, 3.0), (float, "1.5", 1.5), (float, Fraction(3, 2), 1.5),
    (str, 3, "3"), (str, True, "true"), (str, Text(), "text"), (str, UUID(UUID_TEXT), UUID_TEXT), (str, Colour.RED, "r"),
    (bool, 1, True), (bool, 0.0, False), (strawberry.ID, 3.0, "3"), (strawberry.ID, UUID(UUID_TEXT), UUID_TEXT),
    (Decimal, "1.50", Decimal("1.50")), (Decimal, 1.5, Decimal("1.5")), (Decimal, "a few", "a few"),
    (UUID, UUID_TEXT, UUID(UUID_TEXT)), (UUID, DASHLESS, UUID(UUID_TEXT)), (UUID, "none", "none"),
    (datetime, MOMENT.date(), MOMENT.date()), (date, MOMENT, MOMENT), (time, MOMENT.date(), MOMENT.date()),
    (Size, "s", Size.SMALL), (list[Size], ["s", Size.LARGE], [Size.SMALL, Size.LARGE]),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "value", "meant"), MEANT, ids=label)
def test_a_scalar_comes_back_as_the_declared_type(annotation: Any, value: Any, meant: Any) -> None:
    """What is awaited is what the value means there, or what was returned if it means nothing."""
    codec = output_codec(annotation, where="here", namespace={}, scalar_map={})

    arrived = codec.load(json.loads(json.dumps(codec.dump(value))))

    assert arrived == meant
    assert type(arrived) is type(meant)


def test_a_scalar_that_is_only_shown() -> None:
    """What its `serialize` gives is shown once, though no `parse_value` undoes it."""
    price, ticket = NewType("Price", int), NewType("Ticket", object)
    scalars: dict[Any, Any] = {
        price: strawberry.scalar(name="Price", serialize=lambda cents: f"{cents} ct"),
        ticket: strawberry.scalar(name="Ticket", serialize=str, parse_value=int),
    }
    config = StrawberryConfig(scalar_map=scalars)

    assert ask(price, [5], scalar_map=scalars, config=config) == [("5 ct", "5 ct", 5)]
    assert ask(ticket, [Text()], scalar_map=scalars, config=config) == [("text", "text", "text")]


@strawberry.type
class Author:
    name: str


@strawberry.type
class Book:
    id: strawberry.ID
    title: str
    price: float
    size: Size
    author: Author | None
    tags: list[str]
    secret: strawberry.Private[str]

    @strawberry.field
    def loud(self) -> str:
        return self.title.upper()


@dataclass
class BookRow:
    """A row of an ORM, of which no class is known to Strawberry."""

    id: int
    title: object
    price: object
    size: object
    author: object
    tags: object
    other: object = None


ROW = BookRow(1, "t", Decimal("1.5"), "s", SimpleNamespace(name="A"), ("x", 1))
BOOK = "{ id title price size author { name } tags loud }"


def test_an_object_with_the_attributes_is_shown() -> None:
    """Rows, dataclasses and models: whatever a resolver may return for the type."""
    (plain,) = ask_plainly(Book, [ROW], BOOK.replace(" loud", ""))

    ((output, result, arrived),) = ask(Book, [ROW], BOOK)

    assert output == {**plain, "loud": "T"}
    assert result == plain
    assert isinstance(arrived, Book)
    assert isinstance(arrived.author, Author)
    assert (arrived.id, arrived.price, arrived.size) == ("1", 1.5, Size.SMALL)


class Gone:
    """A row whose session is closed."""

    @property
    def name(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    "value", [{"name": "A"}, "A", 1, ["A"], Author, object(), Gone(), SimpleNamespace(nam="A")], ids=label
)
def test_what_has_not_the_attributes_is_refused(value: Any) -> None:
    """As by a resolver."""
    assert ask_plainly(Author, [value], "{ name }") == [REFUSED]
    assert ask(Author, [value], "{ name }") == [(REFUSED, REFUSED, REFUSED)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "A"}, "expected Author, got dict"),
        (SimpleNamespace(), "name: expected str, got None (it is missing)"),
        (Gone(), "name: expected str, got None (reading it raised LookupError)"),
        (SimpleNamespace(name=b"A"), "name: expected str, got bytes"),
    ],
    ids=label,
)
def test_the_error_says_where(value: Any, message: str) -> None:
    """And shows no values."""
    codec = output_codec(Author, where="here", namespace={}, scalar_map={})

    with pytest.raises(ValueEncodingError) as caught:
        codec.dump(value)

    assert str(caught.value) == f"here: {message}"


@strawberry.interface
class Being:
    name: str


@strawberry.type
class Cat(Being):
    @classmethod
    def is_type_of(cls, value: object, info: object) -> bool:
        return isinstance(value, Cat | CatRow)


@strawberry.type
class Dog(Being):
    pass


@strawberry.type
class Stone:
    name: str


@dataclass
class CatRow:
    name: str


BEINGS: list[Any] = [
    Cat(name="a"), Dog(name="b"), CatRow("c"), strawberry.cast(Dog, SimpleNamespace(name="d")), strawberry.cast(Stone, SimpleNamespace(name="e")),
    SimpleNamespace(name="f"), Stone(name="g"), {"name": "h"},
]  # fmt: skip


@pytest.mark.parametrize(
    "annotation", [Being, Cat | Dog, Annotated[Cat | Stone, strawberry.union("Both")], Cat, Dog, Stone], ids=label
)
def test_an_object_is_the_type_that_strawberry_takes_it_for(annotation: Any) -> None:
    """By its class, by `strawberry.cast`, and by `is_type_of`."""
    selection = "{ __typename ... on Cat { name } ... on Dog { name } ... on Stone { name } }"
    if annotation in (Cat, Dog, Stone):
        selection = "{ __typename name }"
    elif annotation == Cat | Dog or annotation is Being:
        selection = selection.replace("... on Stone { name }", "")
    else:
        selection = selection.replace("... on Dog { name }", "")
    plain = ask_plainly(annotation, BEINGS, selection, types=[Cat, Dog])

    found = [output for output, _, _ in ask(annotation, BEINGS, selection, types=[Cat, Dog])]

    assert found == plain


@strawberry.type
class Page(Generic[T]):
    items: list[T]


@pytest.mark.parametrize("value", [Page(items=[1]), Page(items=["1"]), Page(items=[])], ids=label)
@pytest.mark.parametrize("annotation", [Page[int] | Page[str], Page[str] | Page[int]], ids=label)
def test_a_generic_is_told_by_what_is_in_it(annotation: Any, value: Any) -> None:
    """Though a page of texts would take numbers."""
    selection = "{ __typename ... on IntPage { numbers: items } ... on StrPage { texts: items } }"

    ((output, _, arrived),) = ask(annotation, [value], selection)

    assert [output] == ask_plainly(annotation, [value], selection)
    assert arrived == value


def test_pydantic_models_stand_for_their_types() -> None:
    """Those of `strawberry.experimental.pydantic`, nested ones too."""
    pydantic = pytest.importorskip("pydantic")
    home = pydantic.create_model("Home", street=(str, ...))
    user = pydantic.create_model("User", age=(int, ...), home=(home, ...))

    @strawberry.experimental.pydantic.type(model=home, all_fields=True)
    class HomeType:
        pass

    @strawberry.experimental.pydantic.type(model=user, all_fields=True)
    class UserType:
        pass

    value = user(age=3, home=home(street="S"))
    selection = "{ age home { street } }"

    ((output, result, arrived),) = ask(UserType, [value], selection)

    assert [output] == ask_plainly(UserType, [value], selection)
    assert result == output
    assert isinstance(arrived, UserType)

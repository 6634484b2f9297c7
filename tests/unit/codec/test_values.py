"""Values that are not of the declared type are refused before they are sent."""

from __future__ import annotations

from collections import UserString
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NewType
from uuid import UUID

import pytest
import strawberry
from strawberry.relay import GlobalID
from strawberry.scalars import JSON, Base64

from strawberry_tasks.codec import input_codec, output_codec
from strawberry_tasks.errors import ValueEncodingError

Odd = NewType("Odd", int)


def fail(value: Any) -> Any:
    raise LookupError(value)


ODD = strawberry.scalar(name="Odd", serialize=fail, parse_value=fail)
WEIRD = NewType("WEIRD", int)


@strawberry.enum
class Color(Enum):
    RED = "r"


class Elsewhere(Enum):
    RED = "r"


@strawberry.input
class Row:
    price: Decimal


@strawberry.input
class Report:
    rows: list[Row]
    title: str | None = None


@strawberry.input(one_of=True)
class Key:
    by_id: int | None = strawberry.UNSET
    by_name: str | None = strawberry.UNSET


@strawberry.input
class Loop:
    next: Loop | None = None


def looped() -> Loop:
    """Make an object that contains itself."""
    loop = Loop()
    loop.next = loop
    return loop


def dump(annotation: object, value: object) -> object:
    """Dump a value as an argument."""
    scalars = {Odd: ODD, WEIRD: strawberry.scalar(name="Weird", serialize=lambda value: {value})}
    made = input_codec(annotation, where="here", namespace=globals(), scalar_map=scalars)
    return made.dump(value)


WRONG: list[tuple[object, object, str]] = [
    (int, "1", "expected int, got str '1'"),
    (int, 1.0, "expected int, got float 1.0"),
    (int, 2**31, "32 bits"),
    (int, None, "expected int, got None"),
    (int, strawberry.Some(1), "expected int"),
    (float, "1", "expected float"),
    (float, float("nan"), "expected a finite float, got float nan"),
    (float, 10**400, "expected float"),
    (float, Decimal(1), "expected float, got Decimal"),
    (str, 1, "expected str"),
    (str, b"x", "expected str, got bytes"),
    (str, UserString("x"), "expected str"),
    (str, "\ud800", "UTF-8"),
    (bool, 1, "expected bool, got int 1"),
    (strawberry.ID, 1.5, "expected ID"),
    (datetime, date(2024, 1, 1), "expected datetime, got date"),
    (date, datetime(2024, 1, 1, tzinfo=UTC), "expected date, got datetime"),
    (Decimal, 1.5, "expected Decimal, got float"),
    (UUID, str(UUID(int=1)), "expected UUID, got str"),
    (GlobalID, "RnJ1aXQ6MQ==", "expected GlobalID"),
    (GlobalID, GlobalID("a", "\ud800"), "expected GlobalID"),
    (Base64, "text", "expected Base64"),
    (Color, "RED", "expected Color, got str 'RED'"),
    (Color, Elsewhere.RED, "expected Color"),
    (JSON, {"a": datetime(2024, 1, 1, tzinfo=UTC)}, r"\['a'\]: expected a JSON value, got datetime"),
    (JSON, {1: 2}, "expected a string as key"),
    (JSON, [float("inf")], r"\[0\]: expected a finite number"),
    (JSON, {"__unset": True}, "stands for UNSET"),
    (list[int], "12", r"expected list\[int\]"),
    (list[int], {1}, r"expected list\[int\]"),
    (list[list[int]], [[], [1, "x"]], r"\[1\]\[1\]: expected int"),
    (Odd, 1, "its serialize raised LookupError"),
    (WEIRD, 1, "expected a JSON value, got set"),
    (Report, Report(rows=[Row(price=Decimal(1)), Row(price="x")]), r"rows\[1\]\.price: expected Decimal, got str 'x'"),  # type: ignore[arg-type]
    (Report, Row(price=Decimal(1)), "expected Report, got Row"),
    (Report, {"rows": []}, "expected Report, got dict"),
    (Key, Key(), "expected Key with exactly one field"),
    (Key, Key(by_id=1, by_name="x"), "expected Key with exactly one field"),
    (strawberry.Maybe[int], 3, r"expected Some\(int\) or None, got int 3"),
    (Loop, looped(), "contains itself"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), WRONG, ids=repr)
def test_a_wrong_value_is_refused_with_its_path(annotation: object, value: object, message: str) -> None:
    """The error says where, what was expected, and what came."""
    with pytest.raises(ValueEncodingError, match=message):
        dump(annotation, value)


def test_the_error_opens_with_the_task() -> None:
    """Whoever reads a log sees which task and which parameter."""
    with pytest.raises(ValueEncodingError, match=r"^here: rows\[0\]: expected Row, got int 3$"):
        dump(Report, Report(rows=[3]))  # type: ignore[list-item]


def test_long_values_are_shortened() -> None:
    """A message stays one line that can be read."""
    with pytest.raises(ValueEncodingError) as caught:
        dump(int, "x" * 10_000)

    assert len(str(caught.value)) < 100


MALFORMED: list[tuple[object, Any, str]] = [
    (int, "1", "expected int"),
    (int, True, "expected int"),
    (float, "1", "expected float"),
    (bool, 1, "expected bool"),
    (str, 1, "expected str"),
    (datetime, "yesterday", "expected datetime"),
    (datetime, 5, "expected datetime"),
    (Decimal, "x", "expected Decimal"),
    (UUID, {}, "expected UUID"),
    (GlobalID, "x", "expected GlobalID"),
    (Color, "GREEN", "expected Color"),
    (Color, [], "expected Color"),
    (Odd, 1, "its parse_value raised LookupError"),
    (list[int], 3, "expected list"),
    (list[int], [1, "x"], r"\[1\]: expected int"),
    (strawberry.Maybe[int], 3, "expected Some"),
    (Report, [], "expected Report"),
    (Report, {}, "rows: .*it is missing"),
    (Report, {"rows": [{"price": "x"}]}, r"rows\[0\]\.price: expected Decimal"),
]


@pytest.mark.parametrize(("annotation", "data", "message"), MALFORMED, ids=repr)
def test_data_of_another_shape_is_refused(annotation: object, data: Any, message: str) -> None:
    """Data that was written under another declaration fails with a clear error."""
    made = input_codec(annotation, where="here", namespace=globals(), scalar_map={Odd: ODD})

    with pytest.raises(ValueEncodingError, match=message):
        made.load(data)


@strawberry.type
class Cat:
    name: str


@strawberry.type
class Dog:
    name: str


@strawberry.interface
class Named:
    name: str


@pytest.mark.parametrize("annotation", [Cat | Dog, Named], ids=repr)
@pytest.mark.parametrize("data", [None, 3, [], {}, {"__typename": "Cow"}, {"__typename": 3}], ids=repr)
def test_data_without_a_known_type_is_refused(annotation: object, data: Any) -> None:
    """A union or an interface needs a name that it knows."""
    made = output_codec(annotation, where="here", namespace=globals(), scalar_map={})

    with pytest.raises(ValueEncodingError, match="expected"):
        made.load(data)


@pytest.mark.parametrize("value", [Row(price=Decimal(1)), Cat, None, "Cat"], ids=repr)
def test_a_value_outside_the_union_is_refused(value: object) -> None:
    """Only the members of a union are returned as it."""
    made = output_codec(Cat | Dog, where="here", namespace=globals(), scalar_map={})

    with pytest.raises(ValueEncodingError, match=r"expected Cat \| Dog"):
        made.dump(value)


def test_a_value_outside_the_interface_is_refused() -> None:
    """A type that looks alike is no implementation."""
    made = output_codec(Named, where="here", namespace=globals(), scalar_map={})

    with pytest.raises(ValueEncodingError, match="expected Named, got Cat"):
        made.dump(Cat(name="Tom"))

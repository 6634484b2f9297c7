"""Types of ``strawberry.pydantic`` travel like others."""

from __future__ import annotations

import json

import pytest
import strawberry

pydantic = pytest.importorskip("pydantic")
strawberry_pydantic = pytest.importorskip(
    "strawberry.pydantic", reason="this version of Strawberry has no strawberry.pydantic"
)

from strawberry_tasks.codec import input_codec, output_codec  # noqa: E402
from strawberry_tasks.errors import ValueEncodingError  # noqa: E402


@strawberry_pydantic.input
class Line(pydantic.BaseModel):
    sku: str
    count: int = 1


@strawberry_pydantic.input
class Order(pydantic.BaseModel):
    lines: list[Line]
    sent_by: str | None = None


@strawberry_pydantic.type
class Receipt(pydantic.BaseModel):
    total_cents: int
    note: str = ""


def test_an_input_arrives_as_its_model() -> None:
    """The task gets models, nested ones too, and which fields were set."""
    made = input_codec(Order, where="here", namespace=globals(), scalar_map={})
    order = Order(lines=[Line(sku="a", count=2)])

    arrived = made.load(json.loads(json.dumps(made.dump(order))))

    assert arrived == order
    assert isinstance(arrived, Order)


def test_a_result_comes_back_as_its_model() -> None:
    """The JSON has the GraphQL names."""
    made = output_codec(Receipt, where="here", namespace=globals(), scalar_map={})
    receipt = Receipt(total_cents=5)

    data = made.dump(receipt)

    assert data == {"totalCents": 5, "note": ""}
    assert made.load(data) == receipt


def test_a_wrong_value_is_refused() -> None:
    """Whatever pydantic let through unvalidated."""
    made = output_codec(Receipt, where="here", namespace=globals(), scalar_map={})

    with pytest.raises(ValueEncodingError, match="total_cents: expected int"):
        made.dump(Receipt.model_construct(total_cents="x"))


@strawberry.experimental.pydantic.type(model=pydantic.create_model("User", age=(int, ...)), all_fields=True)
class UserType:
    pass


def test_experimental_types_are_ordinary_ones() -> None:
    """Their classes are dataclasses."""
    made = output_codec(UserType, where="here", namespace=globals(), scalar_map={})
    user = UserType(age=3)  # type: ignore[call-arg]

    assert made.load(made.dump(user)) == user

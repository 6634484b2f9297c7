"""What counts as a product, row by row."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_app.shop.product_rows import (
    COLUMNS,
    MAX_CATEGORY,
    MAX_NAME,
    MAX_SKU,
    MAX_STOCK,
    ProductRow,
    RowError,
    parse_row,
)

GOOD = {"sku": "P-1", "name": "Oak chair", "category": "Chairs", "price": "12.50", "stock": "3"}


def test_a_good_row_becomes_a_product() -> None:
    """Each column becomes a value of its type."""
    row = parse_row(GOOD)

    assert row == ProductRow(sku="P-1", name="Oak chair", category="Chairs", price=Decimal("12.50"), stock=3)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0", "0.00"),
        ("7", "7.00"),
        ("7.5", "7.50"),
        ("7,25", "7.25"),
        (" 1.00 ", "1.00"),
        ("99999999.99", "99999999.99"),
    ],
)
def test_a_price_is_an_amount(text: str, price: str) -> None:
    """Point and comma both divide euros and cents; the amount has two places."""
    assert str(parse_row({**GOOD, "price": text}).price) == price


@pytest.mark.parametrize("text", ["free", "1.234", "1e3", "NaN", "1,000.00", "€ 5", "٣", "100000000", "1.", ".5"])
def test_what_is_no_amount_is_named(text: str) -> None:
    """A price that is something else is rejected, showing it."""
    with pytest.raises(RowError, match=r"is no amount like 12\.50") as rejected:
        parse_row({**GOOD, "price": text})

    assert text in str(rejected.value)


@pytest.mark.parametrize("text", ["many", "1.5", "+1", "٣", str(MAX_STOCK + 1), "99999999999"])
def test_what_is_no_stock_is_named(text: str) -> None:
    """A stock that is no whole number that fits is rejected, showing it."""
    with pytest.raises(RowError, match="is no whole number from 0 to 2147483647") as rejected:
        parse_row({**GOOD, "stock": text})

    assert text in str(rejected.value)


@pytest.mark.parametrize(("column", "text"), [("price", "-3.50"), ("stock", "-3")])
def test_negative_numbers_are_called_so(column: str, text: str) -> None:
    """A minus sign gets a reason of its own."""
    with pytest.raises(RowError, match=f"{column} “{text}” is negative"):
        parse_row({**GOOD, column: text})


@pytest.mark.parametrize(("column", "limit"), [("sku", MAX_SKU), ("name", MAX_NAME), ("category", MAX_CATEGORY)])
def test_texts_have_to_fit(column: str, limit: int) -> None:
    """The longest text that fits is taken; one character more is rejected with both numbers."""
    assert getattr(parse_row({**GOOD, column: "x" * limit}), column) == "x" * limit

    with pytest.raises(RowError, match=f"{column} has {limit + 1} characters, at most {limit} fit"):
        parse_row({**GOOD, column: "x" * (limit + 1)})


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_may_be_empty(column: str, text: str) -> None:
    """Each column needs a value."""
    with pytest.raises(RowError, match=f"{column} is empty"):
        parse_row({**GOOD, column: text})


@pytest.mark.parametrize("text", ["two\nlines", "a\0zero", "a\u202ebend"])
def test_texts_are_printable(text: str) -> None:
    """Control characters stay out of the database."""
    with pytest.raises(RowError, match="name has a character that cannot be printed"):
        parse_row({**GOOD, "name": text})


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Several problems make one reason."""
    with pytest.raises(RowError) as rejected:
        parse_row({"sku": "", "name": "Cup", "category": "Cups", "price": "x", "stock": "-1"})

    assert str(rejected.value) == "sku is empty; price “x” is no amount like 12.50; stock “-1” is negative"


@given(st.fixed_dictionaries({column: st.text(max_size=200) for column in COLUMNS}))
def test_any_row_is_taken_or_rejected(values: dict[str, str]) -> None:
    """Whatever stands in a row, it becomes a product that fits the database, or a reason."""
    try:
        row = parse_row(values)
    except RowError as rejected:
        reason = str(rejected)
    else:
        reason = "none"
        assert len(row.sku) <= MAX_SKU
        assert 0 <= row.price < 10**8
        assert 0 <= row.stock <= MAX_STOCK
    assert reason

"""What a row of a product file has to be, and what is wrong with one that isn't."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

COLUMNS = ("sku", "name", "category", "price", "stock")
"""The columns that a product file must have, in any order."""

MAX_SKU = 32
MAX_NAME = 120
MAX_CATEGORY = 60
PRICE_DIGITS = 10
PRICE_PLACES = 2
MAX_STOCK = 2_147_483_647

_PRICE = re.compile(r"[0-9]{1,8}([.,][0-9]{1,2})?", re.ASCII)
_STOCK = re.compile(r"[0-9]{1,10}", re.ASCII)
_LENGTHS = {"sku": MAX_SKU, "name": MAX_NAME, "category": MAX_CATEGORY}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """A row that can be imported."""

    sku: str
    """Names the product, case and all."""

    name: str
    """What customers read."""

    category: str
    """Where it stands in the shop."""

    price: Decimal
    """With two places, 0 or more."""

    stock: int
    """Pieces, 0 or more."""


class RowError(ValueError):
    """A row that cannot be imported; the message says all that is wrong with it."""


def parse_row(values: Mapping[str, str]) -> ProductRow:
    """Read a product from the texts of a row.

    Args:
        values: The text of each of `COLUMNS`.

    Raises:
        RowError: If it is no product.
    """
    texts = {column: values[column].strip() for column in COLUMNS}
    if problems := [problem for column in COLUMNS if (problem := _problem(column, texts[column]))]:
        raise RowError("; ".join(problems))
    return ProductRow(
        sku=texts["sku"],
        name=texts["name"],
        category=texts["category"],
        price=Decimal(texts["price"].replace(",", ".")).quantize(Decimal("0.01")),
        stock=int(texts["stock"]),
    )


def _problem(column: str, text: str) -> str | None:
    if not text:
        return f"{column} is empty"
    if column == "price":
        return _price_problem(text)
    if column == "stock":
        return _stock_problem(text)
    if len(text) > _LENGTHS[column]:
        return f"{column} has {len(text)} characters, at most {_LENGTHS[column]} fit"
    if not text.isprintable():
        return f"{column} has a character that cannot be printed"
    return None


def _price_problem(text: str) -> str | None:
    if _PRICE.fullmatch(text):
        return None
    if text.startswith("-") and _PRICE.fullmatch(text[1:]):
        return f"price {_short(text)} is negative"
    return f"price {_short(text)} is no amount like 12.50"


def _stock_problem(text: str) -> str | None:
    if _STOCK.fullmatch(text) and int(text) <= MAX_STOCK:
        return None
    if text.startswith("-") and _STOCK.fullmatch(text[1:]):
        return f"stock {_short(text)} is negative"
    return f"stock {_short(text)} is no whole number from 0 to {MAX_STOCK}"


def _short(text: str) -> str:
    return f"“{text if len(text) <= 20 else text[:19] + '…'}”"

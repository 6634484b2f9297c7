"""Makes up products, always the same ones, and product files with and without mistakes."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .product_rows import COLUMNS, ProductRow

SEED = 20_260_101
CATALOGUE_SIZE = 3_000
"""How many products the shop has to begin with."""

SALES = 12_000
DAYS = 730

MAX_ROWS = 1_000_000
CHUNK_ROWS = 500

_KINDS = {
    "Kitchen": ("Kettle", "Teapot", "Chopping board", "Whisk", "Mixing bowl", "Salt cellar", "Colander"),
    "Garden": ("Watering can", "Trowel", "Plant pot", "Rake", "Bird feeder", "Pruning shears"),
    "Office": ("Notebook", "Desk lamp", "Stapler", "Pen tray", "Letter opener", "Filing box"),
    "Bath": ("Towel", "Soap dish", "Bath mat", "Laundry basket", "Mirror"),
    "Workshop": ("Hammer", "Spirit level", "Clamp", "Tape measure", "Tool roll", "Chisel"),
    "Bedroom": ("Pillow", "Blanket", "Reading lamp", "Alarm clock", "Bed tray"),
    "Outdoor": ("Rucksack", "Camping stove", "Lantern", "Water bottle", "Tarp"),
}
_MATERIALS = ("Oak", "Linen", "Copper", "Enamel", "Cork", "Steel", "Wool", "Glass", "Beech", "Cotton", "Clay", "Brass")
_COLOURS = ("blue", "green", "natural", "grey", "red", "white", "black", "ochre")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpSale:
    """Some pieces of a product, sold at once."""

    sku: str
    quantity: int
    price: Decimal
    sold_at: datetime


class SampleKind(StrEnum):
    """A product file to try the import with."""

    GOOD = "good"
    BAD_ROWS = "bad-rows"
    WRONG_COLUMNS = "wrong-columns"
    WRONG_ENCODING = "windows-1252"


def sku_of(number: int) -> str:
    """Name a made-up product; the first one is number 1."""
    return f"P-{number:06}"


def made_up_product(number: int) -> ProductRow:
    """Make up the product of that number."""
    chance = random.Random(f"{SEED} {number}")
    category = chance.choice(list(_KINDS))
    name = f"{chance.choice(_MATERIALS)} {chance.choice(_KINDS[category]).lower()}, {chance.choice(_COLOURS)}"
    price = Decimal(chance.randrange(290, 14_900, 10)) / 100
    return ProductRow(
        sku=sku_of(number),
        name=name,
        category=category,
        price=price.quantize(Decimal("0.01")),
        stock=chance.randrange(250),
    )


def made_up_sales(now: datetime) -> Iterator[MadeUpSale]:
    """Make up the sales of two years: more of cheap things, more before Christmas, more of late."""
    chance = random.Random(SEED)
    products = [made_up_product(number) for number in range(1, CATALOGUE_SIZE + 1)]
    weights = [1 / (5 + float(product.price)) for product in products]
    for product in chance.choices(products, weights, k=SALES):
        sold_at = now - timedelta(days=DAYS * chance.random() ** 1.15, seconds=chance.randrange(86_400))
        busy = sold_at.month in {11, 12}
        quantity = chance.choice((1, 1, 1, 2, 2, 3, 5)) + busy * chance.choice((0, 1, 2))
        yield MadeUpSale(sku=product.sku, quantity=quantity, price=product.price, sold_at=sold_at)


def sample_file(kind: SampleKind, rows: int) -> Iterator[bytes]:
    """Write a product file bit by bit.

    It has what the shop has to begin with, one product in three at a new price, and products that are new.
    """
    header = ["article", "description", "price"] if kind is SampleKind.WRONG_COLUMNS else list(COLUMNS)
    encoding = "cp1252" if kind is SampleKind.WRONG_ENCODING else "utf-8"
    yield _lines([header]).encode(encoding)
    for first in range(1, rows + 1, CHUNK_ROWS):
        numbers = range(first, min(first + CHUNK_ROWS, rows + 1))
        yield _lines([_sample_row(kind, number) for number in numbers]).encode(encoding)


def _sample_row(kind: SampleKind, number: int) -> list[str]:
    product = made_up_product(number)
    price = product.price + 1 if number % 3 == 0 else product.price
    row = [product.sku, product.name, product.category, str(price), str(product.stock)]
    if kind is SampleKind.WRONG_COLUMNS:
        return [row[0], row[1], row[3]]
    if kind is SampleKind.WRONG_ENCODING:
        row[1] = f"Café {row[1].lower()}"
    if kind is SampleKind.BAD_ROWS and number % 97 == 0:
        _spoil(row, number // 97 % 6)
    return row


def _spoil(row: list[str], way: int) -> None:
    if way == 0:
        row[3] = "about 12"
    elif way == 1:
        row[4] = str(-1 - int(row[4]))
    elif way == 2:
        row[0] = sku_of(1)
    elif way == 3:
        row[1] *= 8
    elif way == 4:
        row.pop()
    else:
        row[2] = ""


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

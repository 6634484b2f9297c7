"""Brings product rows into the database, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import TypeVar

from django.db import transaction

from .models import Product
from .product_csv import Rejection
from .product_rows import ProductRow

T = TypeVar("T")

BATCH = 500
"""Rows of one transaction."""

SHOWN_REJECTIONS = 20

_CHANGED = [own.name for own in fields(ProductRow) if own.name != "sku"]


@dataclass(slots=True, kw_only=True)
class ImportCount:
    """What became of the rows so far."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    """The first `SHOWN_REJECTIONS`."""

    @property
    def done(self) -> int:
        """How many rows were looked at."""
        return self.created + self.updated + self.skipped + self.rejected


def import_products(items: Iterable[ProductRow | Rejection]) -> Iterator[ImportCount]:
    """Create and change products, and yield the count after each batch.

    A batch is a transaction of its own. What an import that broke off has done stays, and repeating it does no harm.
    """
    count = ImportCount()
    for batch in _batches(items, BATCH):
        rejections = [item for item in batch if isinstance(item, Rejection)]
        count.rejected += len(rejections)
        count.rejections += rejections[: SHOWN_REJECTIONS - len(count.rejections)]
        _store([item for item in batch if isinstance(item, ProductRow)], count)
        yield count


@transaction.atomic
def _store(rows: Sequence[ProductRow], count: ImportCount) -> None:
    known = Product.objects.in_bulk([row.sku for row in rows], field_name="sku")
    new = [row for row in rows if row.sku not in known]
    changed = [row for row in rows if row.sku in known and _differs(known[row.sku], row)]
    Product.objects.bulk_create(
        [_product(row) for row in [*new, *changed]],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=_CHANGED,
    )
    count.created += len(new)
    count.updated += len(changed)
    count.skipped += len(rows) - len(new) - len(changed)


def _product(row: ProductRow) -> Product:
    return Product(sku=row.sku, name=row.name, category=row.category, price=row.price, stock=row.stock)


def _differs(product: Product, row: ProductRow) -> bool:
    return any(getattr(product, name) != getattr(row, name) for name in _CHANGED)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    # itertools.batched came with Python 3.12.
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch

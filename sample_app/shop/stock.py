"""Takes a supplier's stock levels over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from .models import Product
from .product_rows import MAX_STOCK
from .results import RefusedStock
from .supplier_client import Level

SHOWN_FAILURES = 20


@dataclass(slots=True)
class StockCount:
    """What became of the levels so far."""

    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    failures: list[RefusedStock] = field(default_factory=list)
    """The first `SHOWN_FAILURES`."""

    def refuse(self, level: Level, reason: str) -> None:
        """Count a level that is not taken over."""
        self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append(RefusedStock(sku=level.sku, reason=reason))


@transaction.atomic
def take_over(levels: Sequence[Level], count: StockCount) -> None:
    """Change the products' stock, and count what was done."""
    products = Product.objects.in_bulk([level.sku for level in levels], field_name="sku")
    changed = []
    for level in levels:
        product = products.get(level.sku)
        if product is None:
            count.refuse(level, "The shop has no such product.")
        elif not 0 <= level.stock <= MAX_STOCK:
            count.refuse(level, f"A stock of {level.stock} is impossible.")
        elif product.stock == level.stock:
            count.unchanged += 1
        else:
            product.stock = level.stock
            changed.append(product)
    Product.objects.bulk_update(changed, ["stock"])
    count.updated += len(changed)

"""What the shop's tasks return, as GraphQL shows it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import strawberry


@strawberry.type(description="A row that was not imported.")
class RejectedRow:
    """A row that was not imported."""

    line: int = strawberry.field(description="Where it begins in the file; 1 is the header.")
    reason: str = strawberry.field(description="All that is wrong with it.")
    content: str = strawberry.field(description="How it begins.")


@strawberry.type(description="What became of the rows of a product file.")
class ImportReport:
    """What became of the rows of a product file."""

    total: int = strawberry.field(description="Rows in the file, without the header.")
    created: int = strawberry.field(description="Rows that became new products.")
    updated: int = strawberry.field(description="Rows that changed a product.")
    skipped: int = strawberry.field(description="Rows whose product was like that already.")
    rejected_count: int = strawberry.field(description="Rows that were not imported.")
    rejected: list[RejectedRow] = strawberry.field(description="The first of them.")


@strawberry.enum(description="What the rows of a sales report stand for.")
class GroupBy(StrEnum):
    """What the rows of a sales report stand for."""

    MONTH = "month"
    WEEKDAY = "weekday"
    CATEGORY = "category"
    PRODUCT = "product"


@strawberry.type(description="A line of a sales report.")
class SalesRow:
    """A line of a sales report."""

    label: str = strawberry.field(description="The month, weekday, category or product.")
    sales: int = strawberry.field(description="How many sales.")
    quantity: int = strawberry.field(description="How many pieces.")
    revenue: Decimal = strawberry.field(description="In euros.")


@strawberry.type(description="A file that a task made.")
class ReportFile:
    """A file that a task made."""

    url: str = strawberry.field(description="Where to get it, while the run's record is kept.")
    name: str = strawberry.field(description="What to save it as.")
    size: int = strawberry.field(description="In bytes.")


@strawberry.type(description="What was sold in a period.")
class SalesReport:
    """What was sold in a period."""

    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The last day.")
    group_by: GroupBy = strawberry.field(description="What the rows stand for.")
    rows: list[SalesRow] = strawberry.field(description="At most 25.")
    sales: int = strawberry.field(description="How many sales in all, also of what has no row.")
    total: Decimal = strawberry.field(description="The revenue of all of them in euros.")
    chart: ReportFile | None = strawberry.field(description="The rows as a picture, SVG; null if nothing was sold.")
    table: ReportFile | None = strawberry.field(description="The rows as CSV; null if nothing was sold.")


@strawberry.type(description="A stock level that was not taken over.")
class RefusedStock:
    """A stock level that was not taken over."""

    sku: str = strawberry.field(description="The product, as the supplier names it.")
    reason: str = strawberry.field(description="Why not.")


@strawberry.type(description="What a supplier's stock levels changed.")
class InventoryReport:
    """What a supplier's stock levels changed."""

    provider: str = strawberry.field(description="The supplier's name.")
    updated: int = strawberry.field(description="Products whose stock changed.")
    unchanged: int = strawberry.field(description="Products whose stock was right already.")
    failed: int = strawberry.field(description="Levels that were not taken over.")
    failures: list[RefusedStock] = strawberry.field(description="The first of them.")
    pages: int = strawberry.field(description="How many pages were read.")
    retries: int = strawberry.field(description="How many requests had to be repeated.")

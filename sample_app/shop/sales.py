"""Adds up sales."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import ExtractIsoWeekDay, TruncMonth

from .models import Sale
from .results import GroupBy, SalesRow

MAX_ROWS = 25

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(slots=True)
class GroupTotal:
    """What the sales of one group come to."""

    sales: int = 0
    quantity: int = 0
    revenue: Decimal = Decimal(0)


class Totals:
    """Adds up the sales of a period, part by part.

    Args:
        group_by: What the rows stand for.
    """

    def __init__(self, group_by: GroupBy) -> None:
        self._group_by = group_by
        self._groups: dict[Any, GroupTotal] = {}

    @property
    def sales(self) -> int:
        """How many sales there were."""
        return sum(group.sales for group in self._groups.values())

    @property
    def revenue(self) -> Decimal:
        """What they brought in."""
        return sum((group.revenue for group in self._groups.values()), Decimal(0)).quantize(Decimal("0.01"))

    def add(self, start: date, end: date) -> None:
        """Add the sales of these days; both ends belong to them."""
        sales = Sale.objects.filter(sold_at__gte=_midnight(start), sold_at__lt=_midnight(end + timedelta(days=1)))
        key = {
            GroupBy.MONTH: TruncMonth("sold_at"),
            GroupBy.WEEKDAY: ExtractIsoWeekDay("sold_at"),
            GroupBy.CATEGORY: F("product__category"),
            GroupBy.PRODUCT: F("product__name"),
        }[self._group_by]
        rows = sales.values(key=key).annotate(
            sales=Count("id"), pieces=Sum("quantity"), revenue=Sum(F("quantity") * F("price"))
        )
        for row in rows.order_by():
            group = self._groups.setdefault(row["key"], GroupTotal())
            group.sales += row["sales"]
            group.quantity += row["pieces"]
            group.revenue += row["revenue"]

    def rows(self) -> list[SalesRow]:
        """Return the groups: times in their order, the rest by revenue, at most `MAX_ROWS`."""
        if self._group_by in {GroupBy.MONTH, GroupBy.WEEKDAY}:
            keys = sorted(self._groups)[-MAX_ROWS:]
        else:
            keys = sorted(self._groups, key=lambda key: self._groups[key].revenue, reverse=True)[:MAX_ROWS]
        return [_row(key, self._groups[key]) for key in keys]


def _row(key: object, group: GroupTotal) -> SalesRow:
    revenue = group.revenue.quantize(Decimal("0.01"))
    return SalesRow(label=_label(key), sales=group.sales, quantity=group.quantity, revenue=revenue)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _label(key: object) -> str:
    if isinstance(key, datetime):
        return f"{key:%b %Y}"
    if isinstance(key, int):
        return _WEEKDAYS[key - 1]
    return str(key)

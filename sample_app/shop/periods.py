"""Cuts periods into parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """Cut a period into the parts of it that lie in one month each; both ends belong to it."""
    while start <= end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(end, following - timedelta(days=1))
        start = following

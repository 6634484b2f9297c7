"""Made-up products, sales and files."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from sample_app.shop.catalogue import DAYS, SALES, SampleKind, made_up_product, made_up_sales, sample_file
from sample_app.shop.csv_encoding import CsvEncoding
from sample_app.shop.product_csv import Rejection, count_rows, read_products
from strawberry_tasks import TaskError

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def file_of(kind: SampleKind, rows: int) -> io.BytesIO:
    """Return a sample file."""
    return io.BytesIO(b"".join(sample_file(kind, rows)))


def test_a_product_is_always_the_same() -> None:
    """The sample files fit the sample data."""
    assert made_up_product(7) == made_up_product(7) != made_up_product(8)


def test_the_good_file_has_no_bad_row() -> None:
    """Each of its rows is imported; one in three has a new price."""
    rows = list(read_products(file_of(SampleKind.GOOD, 1200)))

    assert len(rows) == 1200
    assert not [row for row in rows if isinstance(row, Rejection)]
    assert sum(row != made_up_product(number) for number, row in enumerate(rows, start=1)) == 400


def test_the_file_with_bad_rows_has_every_kind() -> None:
    """Prices, stocks, double SKUs, long names, missing values and empty ones."""
    rejected = [row.reason for row in read_products(file_of(SampleKind.BAD_ROWS, 1200)) if isinstance(row, Rejection)]

    assert len(rejected) == 12
    for word in ("price", "negative", "already on line", "characters", "4 values", "category is empty"):
        assert any(word in reason for reason in rejected), word


@pytest.mark.parametrize(
    ("kind", "code"), [(SampleKind.WRONG_COLUMNS, "WRONG_COLUMNS"), (SampleKind.WRONG_ENCODING, "WRONG_ENCODING")]
)
def test_the_other_files_are_refused(kind: SampleKind, code: str) -> None:
    """Each shows what it is named for."""
    with pytest.raises(TaskError) as refused:
        count_rows(file_of(kind, 10))

    assert refused.value.code == code


def test_the_windows_file_is_good_in_its_own_encoding() -> None:
    """Choosing the encoding is all it takes."""
    assert count_rows(file_of(SampleKind.WRONG_ENCODING, 10), CsvEncoding.WINDOWS_1252) == 10


def test_sales_lie_in_two_years() -> None:
    """There is something to report on, up to now."""
    sales = list(made_up_sales(NOW))

    assert len(sales) == SALES
    assert NOW - timedelta(days=DAYS + 1) <= min(sale.sold_at for sale in sales)
    assert NOW - timedelta(days=2) <= max(sale.sold_at for sale in sales) <= NOW

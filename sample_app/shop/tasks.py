"""The shop's tasks: imported by the web server, which starts them, and by the workers, which run them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings

from strawberry_tasks import TaskContext, TaskError
from strawberry_tasks.django import periodic_task, task_mutation
from strawberry_tasks.uploads import Upload

from . import report_files
from .chart import draw_sales
from .csv_encoding import CsvEncoding
from .periods import months
from .product_csv import count_rows, read_products
from .product_import import ImportCount
from .product_import import import_products as store_products
from .results import GroupBy, ImportReport, InventoryReport, RejectedRow, ReportFile, SalesReport, SalesRow
from .sales import Totals
from .stock import StockCount, take_over
from .supplier_client import Page, Supplier

LONGEST_PERIOD = timedelta(days=366 * 20)


@task_mutation(queue="imports")
def import_products(task: TaskContext, file: Upload, encoding: CsvEncoding = CsvEncoding.AUTO) -> ImportReport:
    """Create and update products from a CSV file with the columns sku, name, category, price and stock.

    Rows that cannot be imported are told in the report, and do not stop the others. A file that is no such file changes nothing.
    """
    task.progress(0, message="Checking the file")
    total = count_rows(file, encoding)
    count = ImportCount()
    for count in store_products(read_products(file, encoding)):
        task.progress(count.done, total=total, message="Importing rows")
    return ImportReport(
        total=total,
        created=count.created,
        updated=count.updated,
        skipped=count.skipped,
        rejected_count=count.rejected,
        rejected=[RejectedRow(line=row.line, reason=row.reason, content=row.content) for row in count.rejections],
    )


@task_mutation(queue="reports")
def sales_report(task: TaskContext, start: date, end: date, group_by: GroupBy = GroupBy.MONTH) -> SalesReport:
    """Add up the sales of a period, and draw them."""
    if not start <= end <= start + LONGEST_PERIOD:
        raise TaskError(
            f"Expected a period of 20 years at most that ends after it starts; got {start} to {end}.",
            code="BAD_PERIOD",
            retry=False,
        )
    totals, parts = Totals(group_by), list(months(start, end))
    for done, (first, last) in enumerate(parts):
        task.progress(done, total=len(parts) + 1, message=f"Adding up {first:%B %Y}")
        totals.add(first, last)
    task.progress(len(parts), message="Drawing the chart")
    rows = totals.rows()
    name = f"sales-{start}-{end}-by-{group_by.value}"
    return SalesReport(
        start=start,
        end=end,
        group_by=group_by,
        rows=rows,
        sales=totals.sales,
        total=totals.revenue,
        chart=_chart(task, name, rows, f"Sales by {group_by.value}, {start} to {end}"),
        table=report_files.keep(task.id, f"{name}.csv", report_files.sales_csv(rows)) if rows else None,
    )


@task_mutation(queue="inventory", max_retries=1, retry_delay=3)
async def sync_inventory(task: TaskContext, provider: str) -> InventoryReport:
    """Take over a supplier's stock levels."""
    count = StockCount()
    done = 0

    async def take(page: Page) -> None:
        nonlocal done
        await sync_to_async(take_over)(page.levels, count)
        done += 1
        task.progress(done, total=page.pages, message="Reading the supplier's pages")

    task.progress(0, message="Calling the supplier")
    async with httpx.AsyncClient(base_url=settings.SUPPLIER_URL, timeout=10) as client:
        supplier = Supplier(client, provider.strip().upper(), task.id)
        pages = await supplier.read_all(take)
    return InventoryReport(
        provider=supplier.provider,
        updated=count.updated,
        unchanged=count.unchanged,
        failed=count.failed,
        failures=count.failures,
        pages=pages,
        retries=supplier.retries,
    )


@periodic_task(every=timedelta(hours=1), queue="reports")
def remove_expired_reports() -> None:
    """Remove the files of reports whose runs are forgotten."""
    report_files.remove_expired()


def _chart(task: TaskContext, name: str, rows: Sequence[SalesRow], title: str) -> ReportFile | None:
    return report_files.keep(task.id, f"{name}.svg", draw_sales(rows, title)) if rows else None

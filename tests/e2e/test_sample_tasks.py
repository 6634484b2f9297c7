"""The sample application's tasks, from the GraphQL mutation to the typed result, through real processes."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.processes import wait_until
from tests.shops import Shop, Visitor

HEADER = "sku,name,category,price,stock\n"


@pytest.fixture
def visitor(shop: Shop) -> Iterator[Visitor]:
    """Somebody who is not signed in."""
    with shop.visit() as visitor:
        yield visitor


def product(visitor: Visitor, sku: str) -> Any:
    """Return a product of the shop, or ``None``."""
    document = "query ($sku: String!) { products(filters: {sku: {exact: $sku}}) { name category price stock } }"
    found = visitor.execute(document, sku=sku)["products"]
    return found[0] if found else None


def test_a_good_file_is_imported(visitor: Visitor) -> None:
    """Every row of a good file becomes a product, and the report says so."""
    rows = "".join(f"GOOD-{number},Oak chair {number},Chairs,{number}.50,{number}\n" for number in range(1, 1201))

    run = visitor.wait(visitor.upload((HEADER + rows).encode()))

    assert run["status"] == "COMPLETED"
    assert run["progress"] == 100
    assert run["result"] == {
        "total": 1200,
        "created": 1200,
        "updated": 0,
        "skipped": 0,
        "rejectedCount": 0,
        "rejected": [],
    }
    assert product(visitor, "GOOD-7") == {"name": "Oak chair 7", "category": "Chairs", "price": "7.50", "stock": 7}


def test_importing_again_changes_what_differs(visitor: Visitor) -> None:
    """Rows that differ from their product update it; the others are skipped."""
    visitor.wait(visitor.upload(f"{HEADER}AGAIN-1,Cup,Cups,1,1\nAGAIN-2,Mug,Cups,2,2\n".encode()))

    run = visitor.wait(visitor.upload(f"{HEADER}AGAIN-1,Cup,Cups,1.00,1\nAGAIN-2,Mug,Cups,2.20,2\n".encode()))

    assert (run["result"]["created"], run["result"]["updated"], run["result"]["skipped"]) == (0, 1, 1)
    assert product(visitor, "AGAIN-2")["price"] == "2.20"


def test_bad_rows_are_told_and_the_others_imported(visitor: Visitor) -> None:
    """Rows that cannot be imported are listed with line and reason, and do not stop the others."""
    rows = "BAD-1,Cup,Cups,cheap,1\nBAD-2,Mug,Cups,2,2\nBAD-2,Mug,Cups,2,2\nBAD-4,Jug,Cups,3\n"

    run = visitor.wait(visitor.upload((HEADER + rows).encode()))

    assert run["status"] == "COMPLETED"
    assert run["result"]["created"] == 1
    assert run["result"]["rejectedCount"] == 3
    assert [(row["line"], row["reason"]) for row in run["result"]["rejected"]] == [
        (2, "price “cheap” is no amount like 12.50"),
        (4, "sku “BAD-2” is already on line 3"),
        (5, "it has 4 values, the header has 5"),
    ]
    assert product(visitor, "BAD-1") is None


def test_two_imports_at_once_do_not_disturb_each_other(visitor: Visitor) -> None:
    """Two files with the same products are imported side by side; one of them finds each product new."""
    rows = "".join(f"BOTH-{number},Oak chair {number},Chairs,1,1\n" for number in range(5000))
    content = (HEADER + rows).encode()

    runs = [visitor.wait(run_id) for run_id in [visitor.upload(content), visitor.upload(content)]]

    assert [run["status"] for run in runs] == ["COMPLETED", "COMPLETED"]
    assert sum(run["result"]["created"] for run in runs) == 5000
    assert sum(run["result"]["skipped"] for run in runs) == 5000


def test_a_wrong_encoding_is_explained_and_can_be_chosen(visitor: Visitor) -> None:
    """Bytes that are no UTF-8 end the import before it starts, with line and byte; the right encoding imports them."""
    content = f"{HEADER}ENC-1,Cup,Cups,1,1\nENC-2,Café table,Cups,1,1\n".encode("cp1252")

    refused = visitor.wait(visitor.upload(content))
    nothing = product(visitor, "ENC-1")
    accepted = visitor.wait(visitor.upload(content, encoding="WINDOWS_1252"))

    assert refused["failure"]["code"] == "WRONG_ENCODING"
    assert "line 3 has the byte 0xE9" in refused["error"]
    assert nothing is None
    assert accepted["result"]["created"] == 2
    assert product(visitor, "ENC-2")["name"] == "Café table"


def test_wrong_columns_are_listed(visitor: Visitor) -> None:
    """A file of something else fails at its first attempt, with the columns that were expected and those that were found."""
    run = visitor.wait(visitor.upload(b"article;price\nCup;1\n"))

    assert run["status"] == "FAILED"
    assert run["attempt"] == 1
    assert run["failure"] == {"code": "WRONG_COLUMNS", "exception": None}
    assert "Expected the columns sku, name, category, price, stock; found article, price" in run["error"]


def test_an_upload_is_removed_when_its_run_has_ended(shop: Shop, visitor: Visitor) -> None:
    """Nothing of an uploaded file stays behind, whether the import worked or not."""
    uploads = shop.directory / "uploads"

    visitor.wait(visitor.upload(f"{HEADER}GONE-1,Cup,Cups,1,1\n".encode()))
    visitor.wait(visitor.upload(b"nothing,of,use\n"))

    wait_until(
        lambda: not [path for path in uploads.rglob("*") if path.name != "strawberry_tasks"], "the end of all uploads"
    )


def test_a_sales_report_adds_up_and_can_be_downloaded(visitor: Visitor) -> None:
    """The report's rows come to its total, and its chart and its table are files to fetch."""
    document = """mutation ($start: Date!, $end: Date!) {
      salesReport(start: $start, end: $end, groupBy: CATEGORY) { id }
    }"""
    today = date.today()  # noqa: DTZ011 - two years of sales end about now
    period = {"start": str(today - timedelta(days=300)), "end": str(today)}

    run = visitor.wait(visitor.execute(document, **period)["salesReport"]["id"])
    report = run["result"]
    chart, table = (visitor.client.get(report[name]["url"]) for name in ("chart", "table"))

    assert run["__typename"] == "SalesReportTaskHandle"
    assert {row["label"] for row in report["rows"]} >= {"Kitchen", "Garden"}
    assert sum(Decimal(row["revenue"]) for row in report["rows"]) == Decimal(report["total"])
    assert sum(row["sales"] for row in report["rows"]) == report["sales"] > 1000
    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert b"Kitchen" in chart.content
    assert len(list(csv.reader(io.StringIO(table.text)))) == len(report["rows"]) + 1


FIRE = """
from strawberry_tasks.django import default_tasks
print(default_tasks.schedules.fire("removeExpiredReports").id)
"""


def test_files_of_expired_runs_are_removed(shop: Shop, visitor: Visitor) -> None:
    """The periodic task takes away the files of runs whose records are gone, and leaves the others."""
    reports = shop.directory / "files" / "reports"
    expired, recent = reports / "expired", reports / "recent"
    for folder in (expired, recent):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "chart.svg").write_text("<svg/>")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(expired / "chart.svg", (two_days_ago, two_days_ago))

    visitor.wait(shop.manage("shell", "--no-imports", "-c", FIRE).strip())

    assert not expired.exists()
    assert (recent / "chart.svg").exists()


def test_a_report_of_a_time_without_sales_is_empty(visitor: Visitor) -> None:
    """Nothing sold: no rows, no chart, no error."""
    document = """mutation { salesReport(start: "1999-01-01", end: "1999-03-01", groupBy: MONTH) { id } }"""

    run = visitor.wait(visitor.execute(document)["salesReport"]["id"])

    assert run["status"] == "COMPLETED"
    assert (run["result"]["rows"], run["result"]["total"], run["result"]["chart"]) == ([], "0.00", None)


def test_a_period_that_ends_before_it_starts_is_explained(visitor: Visitor) -> None:
    """The days the wrong way round fail with what was expected."""
    document = """mutation { salesReport(start: "2020-02-01", end: "2020-01-01", groupBy: MONTH) { id } }"""

    run = visitor.wait(visitor.execute(document)["salesReport"]["id"])

    assert run["failure"]["code"] == "BAD_PERIOD"
    assert "got 2020-02-01 to 2020-01-01" in run["error"]


def sync(visitor: Visitor, provider: str) -> Any:
    """Sync the inventory with a supplier, and return the run as it ended."""
    document = "mutation ($provider: String!) { syncInventory(provider: $provider) { id } }"
    return visitor.wait(visitor.execute(document, provider=provider)["syncInventory"]["id"])


def test_a_supplier_that_is_busy_is_asked_again(visitor: Visitor) -> None:
    """Every third page is refused once; all of them are read, and each level is accounted for."""
    run = sync(visitor, "GLOBEX")
    report = run["result"]

    assert run["status"] == "COMPLETED"
    assert (report["pages"], report["retries"]) == (61, 20)
    assert report["updated"] > 100
    assert report["updated"] + report["unchanged"] + report["failed"] == 3005
    assert {"sku": "X-000001", "reason": "The shop has no such product."} in report["failures"]


def test_a_supplier_that_is_down_fails_the_run_after_a_retry(visitor: Visitor) -> None:
    """The run gets its second attempt, and then says which supplier is not available."""
    run = sync(visitor, "INITECH")

    assert (run["status"], run["attempt"]) == ("FAILED", 2)
    assert run["failure"]["code"] == "SUPPLIER_UNAVAILABLE"
    assert "“INITECH” is not available" in run["error"]


def test_an_unknown_supplier_is_named(visitor: Visitor) -> None:
    """There is no second attempt for a name that nobody has."""
    run = sync(visitor, "Nobody")

    assert (run["failure"]["code"], run["attempt"]) == ("UNKNOWN_SUPPLIER", 1)


def test_loading_the_sample_data_again_changes_nothing(shop: Shop) -> None:
    """What is there stays as it is."""
    first = shop.manage("load_sample_data")

    assert shop.manage("load_sample_data") == first
    assert "12000 sales" in first


@pytest.mark.parametrize(("kind", "columns"), [("good", 5), ("wrong-columns", 3)])
def test_sample_files_are_streamed(visitor: Visitor, kind: str, columns: int) -> None:
    """The page offers files to try the import with."""
    answer = visitor.client.get(f"/samples/{kind}.csv", params={"rows": 1500})
    rows = list(csv.reader(io.StringIO(answer.text)))

    assert f"products-{kind}-1500.csv" in answer.headers["content-disposition"]
    assert len(rows) == 1501
    assert {len(row) for row in rows} == {columns}


@pytest.mark.parametrize("path", ["/samples/nothing.csv", "/samples/good.csv?rows=1000001", "/samples/good.csv?rows=x"])
def test_other_sample_files_are_not_there(visitor: Visitor, path: str) -> None:
    """Kinds and lengths that are not offered are not found."""
    assert visitor.client.get(path).status_code == 404


def test_reports_of_nobody_are_not_found(shop: Shop, visitor: Visitor) -> None:
    """Only report files are served, and only by their exact address."""
    secret = shop.directory / "files" / "secret.txt"
    secret.parent.mkdir(exist_ok=True)
    Path(secret).write_text("secret")

    answers = [
        visitor.client.get(path) for path in ("/files/secret.txt", "/files/reports/", "/files/reports/../secret.txt")
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]

"""The sample application on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import fresh_postgres
from tests.shops import Shop, running_shop

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A database that is gone after the tests."""
    with fresh_postgres("sample") as url:
        yield url


@pytest.fixture(scope="module")
def shop(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The sample application."""
    with running_shop(tmp_path_factory.mktemp("shop"), database_url) as shop:
        yield shop


def test_a_file_is_imported(shop: Shop) -> None:
    """Products are created and updated there as well, and bad rows are told."""
    with shop.visit() as visitor:
        content = visitor.client.get("/samples/bad-rows.csv", params={"rows": 5000}).content
        run = visitor.wait(visitor.upload(content))
        products = visitor.execute("{ productCount }")["productCount"]

    report = run["result"]
    assert run["status"] == "COMPLETED"
    assert report["rejectedCount"] == 51
    assert report["updated"] > 900
    assert report["created"] + report["updated"] + report["skipped"] + report["rejectedCount"] == 5000
    assert products == 3000 + report["created"]


@pytest.mark.parametrize("group_by", ["MONTH", "WEEKDAY", "CATEGORY", "PRODUCT"])
def test_sales_are_added_up(shop: Shop, group_by: str) -> None:
    """Each kind of report works with that database's functions."""
    document = """mutation ($groupBy: GroupBy!) {
      salesReport(start: "2015-01-01", end: "2034-01-01", groupBy: $groupBy) { id }
    }"""
    with shop.visit() as visitor:
        run = visitor.wait(visitor.execute(document, groupBy=group_by)["salesReport"]["id"])

    assert run["status"] == "COMPLETED"
    assert run["result"]["sales"] == 12_000


def test_an_inventory_is_synced(shop: Shop) -> None:
    """The async task's own connections work there as well."""
    document = 'mutation { syncInventory(provider: "AMAZON") { id } }'
    with shop.visit("alice") as visitor:
        run = visitor.wait(visitor.execute(document)["syncInventory"]["id"])

    assert run["status"] == "COMPLETED"
    assert run["result"]["updated"] > 100

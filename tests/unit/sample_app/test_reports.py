"""The parts of a sales report that need no database: its months, its chart, its table."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from sample_app.shop.chart import draw_sales
from sample_app.shop.periods import months
from sample_app.shop.report_files import sales_csv
from sample_app.shop.results import SalesRow


def row(label: str, revenue: int = 10) -> SalesRow:
    """Make a line of a report."""
    return SalesRow(label=label, sales=1, quantity=2, revenue=Decimal(revenue))


def test_months_are_cut_at_their_ends() -> None:
    """The first and the last part are what the period has of their months."""
    parts = list(months(date(2025, 11, 20), date(2026, 1, 5)))

    assert parts == [
        (date(2025, 11, 20), date(2025, 11, 30)),
        (date(2025, 12, 1), date(2025, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 5)),
    ]


@given(st.dates(date(1990, 1, 1), date(2050, 1, 1)), st.integers(0, 3000))
def test_every_day_is_in_one_part(start: date, days: int) -> None:
    """Nothing is counted twice or left out, whatever the period."""
    end = start + timedelta(days=days)
    parts = list(months(start, end))

    assert parts[0][0] == start
    assert parts[-1][1] == end
    assert all(after[0] == before[1] + timedelta(days=1) for before, after in pairwise(parts))
    assert all(first <= last and (first.year, first.month) == (last.year, last.month) for first, last in parts)


def test_the_chart_is_a_picture_with_a_bar_for_each_row() -> None:
    """It is SVG, has the labels and the title, brings no script and asks nothing of other sites."""
    svg = draw_sales([row("Kitchen", 50), row("Garden & <Yard>", 70)], "Sales by category")
    tree = ElementTree.fromstring(svg)
    texts = {node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")}

    assert {"Kitchen", "Garden & <Yard>", "Sales by category"} <= texts
    assert len([node for node in tree.iter("{http://www.w3.org/2000/svg}g") if node.get("class") == "bar"]) == 2
    assert not list(tree.iter("{http://www.w3.org/2000/svg}script"))
    assert b"@import" not in svg


def test_the_chart_of_one_row_is_drawn() -> None:
    """A single bar is a chart as well, of whatever width its label is."""
    for label in ("May", "Enamel watering can, ochre"):
        assert label.encode() in draw_sales([row(label)], "Sales")


def test_the_table_can_be_read_back() -> None:
    """A spreadsheet finds a header and the rows, in an encoding that it knows by its mark."""
    content = sales_csv([row("Café, bar", 12)])

    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))

    assert content.startswith(b"\xef\xbb\xbf")
    assert rows == [["label", "sales", "quantity", "revenue"], ["Café, bar", "1", "2", "12"]]


def test_no_name_becomes_a_formula() -> None:
    """What was imported as a product's name is text to a spreadsheet."""
    content = sales_csv([row("=HYPERLINK(1)"), row("@cmd"), row("-1"), row("plain")]).decode("utf-8-sig")

    assert [line[0] for line in csv.reader(io.StringIO(content))][1:] == ["'=HYPERLINK(1)", "'@cmd", "'-1", "plain"]

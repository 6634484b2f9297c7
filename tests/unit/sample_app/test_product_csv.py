"""Product files: their columns, their encoding, their rows and line numbers."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_app.shop.csv_encoding import CsvEncoding
from sample_app.shop.product_csv import Rejection, count_rows, read_layout, read_products
from sample_app.shop.product_rows import ProductRow
from strawberry_tasks import TaskError

HEADER = "sku,name,category,price,stock\n"
ROW = "P-1,Café table,Tables,12.50,3\n"
PRODUCT = ProductRow(sku="P-1", name="Café table", category="Tables", price=Decimal("12.50"), stock=3)


def read(content: str | bytes, encoding: CsvEncoding = CsvEncoding.AUTO) -> list[ProductRow | Rejection]:
    """Read a file as the task does: count first."""
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    count = count_rows(file, encoding)
    items = list(read_products(file, encoding))
    assert len(items) == count
    return items


def refusal(content: str | bytes, encoding: CsvEncoding = CsvEncoding.AUTO) -> TaskError:
    """Read a file that must be refused as a whole, for good."""
    with pytest.raises(TaskError) as refused:
        read(content, encoding)
    assert not refused.value.retry
    return refused.value


def rejections(content: str) -> list[tuple[int, str]]:
    """Return line and reason of each row that is not imported."""
    return [(item.line, item.reason) for item in read(content) if isinstance(item, Rejection)]


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ROW).encode(),
        (HEADER + ROW).encode("utf-8-sig"),
        (HEADER + ROW).encode("utf-16"),
        (HEADER + ROW).encode("utf-16-be").join([b"\xfe\xff", b""]),
        (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).replace(",", ";").replace("12.50", "12,50").encode(),
        (HEADER + ROW).replace(",", "\t").encode(),
        f" SKU ,Name,CATEGORY,price,stock\n{ROW}".encode(),
        "stock,price,extra,category,name,sku\n3,12.50,?,Tables,Café table,P-1\n".encode(),
        (HEADER + "\n,,,,\n" + ROW.rstrip()).encode(),
    ],
    ids=["UTF-8", "mark", "UTF-16", "UTF-16 BE", "CRLF", "semicolons", "tabs", "cases", "order", "blank lines"],
)
def test_files_are_taken_as_programs_write_them(content: bytes) -> None:
    """Encodings with a mark, delimiters, line ends, the order of columns and blank lines make no difference."""
    assert read(content) == [PRODUCT]


def test_another_encoding_can_be_chosen() -> None:
    """A Windows-1252 file is read when that is chosen."""
    assert read((HEADER + ROW).encode("cp1252"), CsvEncoding.WINDOWS_1252) == [PRODUCT]


def test_a_byte_that_is_no_utf8_is_located() -> None:
    """The message names the line, the byte and its place in the file, and what to do."""
    content = (HEADER + "P-0,Cup,Cups,1,1\n" + ROW).encode("cp1252")

    error = refusal(content)

    assert error.code == "WRONG_ENCODING"
    assert f"line 3 has the byte 0xE9 (byte {content.index(0xE9) + 1} of the file)" in error.message
    assert "Windows-1252" in error.message


def test_a_bad_byte_far_down_is_located() -> None:
    """The file is checked to its end before anything is imported."""
    rows = "".join(f"P-{number},Cup,Cups,1,1\n" for number in range(20_000))

    error = refusal((HEADER + rows).encode() + b"P,\xff,c,1,1\n")

    assert "line 20002 has the byte 0xFF" in error.message


def test_a_broken_utf16_file_is_refused() -> None:
    """A file that breaks off within a character is no UTF-16."""
    error = refusal((HEADER + ROW).encode("utf-16")[:-1])

    assert error.code == "WRONG_ENCODING"
    assert "not UTF-16" in error.message


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\x89PNG\0\0", "binary zeros"),
        ((HEADER + ROW).encode("utf-16-le"), "UTF-16"),
    ],
    ids=["xlsx", "picture", "UTF-16 without its mark"],
)
def test_what_is_no_text_is_refused(content: bytes, hint: str) -> None:
    """Other files are called what they are."""
    error = refusal(content)

    assert error.code == "NOT_CSV"
    assert hint in error.message


@pytest.mark.parametrize(("content", "what"), [("", "is empty"), ("\n", "is empty"), (HEADER, "no rows")])
def test_a_file_without_rows_is_refused(content: str, what: str) -> None:
    """Nothing to import is no success."""
    error = refusal(content)

    assert error.code == "EMPTY_FILE"
    assert what in error.message


def test_missing_columns_are_listed() -> None:
    """The message has what was expected, what was found, and what is missing."""
    error = refusal("article;name;price\nx;y;1\n")

    assert error.code == "WRONG_COLUMNS"
    assert "Expected the columns sku, name, category, price, stock; found article, name, price" in error.message
    assert "missing: sku, category, stock" in error.message


def test_a_column_that_is_there_twice_is_refused() -> None:
    """Nobody could tell which one counts."""
    error = refusal("sku,name,name,category,price,stock\n")

    assert error.code == "WRONG_COLUMNS"
    assert "twice: name" in error.message


def test_a_long_header_is_cut() -> None:
    """A file of something else does not fill the page with its first line."""
    error = refusal("x" * 100_000 + "\n")

    assert len(error.message) < 500


def test_the_first_of_two_rows_with_one_sku_counts() -> None:
    """The other one is rejected, naming the first one's line."""
    assert rejections(f"{HEADER}{ROW}P-2,Cup,Cups,1,1\n{ROW}") == [(4, "sku “P-1” is already on line 2")]


def test_a_rejected_row_does_not_take_its_sku() -> None:
    """A later row with the SKU of a rejected one is imported."""
    assert rejections(f"{HEADER}P-1,Cup,Cups,cheap,1\n{ROW}") == [(2, "price “cheap” is no amount like 12.50")]


def test_line_numbers_count_lines_and_not_rows() -> None:
    """Line breaks within quotation marks and blank lines count, so that an editor finds the line."""
    content = f'{HEADER}"P-1","two\nlines",Cups,1,1\n\nP-2,Cup,Cups,x,1\n'

    assert [line for line, _ in rejections(content)] == [2, 5]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("P-2,Cup,Cups,1", "it has 4 values, the header has 5"),
        ("P-2,Cup,Cups,1,1,1", "it has 6 values, the header has 5"),
        ('"P-2"x,Cup,Cups,1,1', "a quotation mark stands in the midst of a value"),
    ],
)
def test_a_row_of_another_shape_stops_no_other(row: str, reason: str) -> None:
    """It is rejected, and the next one is read."""
    assert read(f"{HEADER}{row}\n{ROW}")[1:] == [PRODUCT]
    assert rejections(f"{HEADER}{row}\n{ROW}") == [(2, reason)]


def test_a_quotation_mark_that_is_never_closed_is_told() -> None:
    """What it swallows is one rejected row, at the line where it was opened."""
    assert rejections(f'{HEADER}{ROW}P-2,"Cup,Cups,1,1\n{ROW}') == [(3, "a quotation mark is opened and never closed")]


def test_a_quotation_mark_that_swallows_too_much_is_told() -> None:
    """A value beyond all measure is a rejected row, and ends nothing."""
    found = rejections(f'{HEADER}"P-2{"x" * 200_000}",Cup,Cups,1,1\n{ROW}')

    assert found[0] == (2, "a value is far too long; a quotation mark may not be closed")


def test_the_content_of_a_rejected_row_is_cut() -> None:
    """A report stays small."""
    (item,) = read(f"{HEADER}P-1,{'x' * 5000},Cups,1,1\n")

    assert isinstance(item, Rejection)
    assert len(item.content) == 200


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_the_header_has_most(delimiter: str) -> None:
    """Other delimiters within names do not mislead."""
    header = delimiter.join(["sku", "name", "category", "price", "stock", '"a,b"' if delimiter != "," else '"a;b"'])

    assert read_layout(header).delimiter == delimiter


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    st.lists(st.lists(texts, min_size=1, max_size=6), max_size=10), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
)
def test_every_row_is_accounted_for(rows: list[list[str]], encoding: str) -> None:
    """Whatever rows a program writes, each one is imported or rejected, and the count is right."""
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.strip().split(","), *rows])
    file = io.BytesIO(text.getvalue().encode(encoding))
    wanted = sum(any(row) for row in rows)

    try:
        count = count_rows(file)
    except TaskError as error:
        count, refusal_code = 0, error.code
    else:
        refusal_code = None

    assert refusal_code == (None if wanted else "EMPTY_FILE")
    assert count == wanted
    assert sum(1 for _ in read_products(file)) == wanted


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Whatever is uploaded, the outcome is a count of rows or a message for a person."""
    for start in (b"", HEADER.encode(), HEADER.encode("utf-16")):
        assert outcome(start + content) in {"READ", "EMPTY_FILE", "NOT_CSV", "WRONG_COLUMNS", "WRONG_ENCODING"}


def outcome(content: bytes) -> str:
    """Read a file, and tell how it went."""
    try:
        return "READ" if count_rows(io.BytesIO(content)) else "nothing was read"
    except TaskError as error:
        return error.code

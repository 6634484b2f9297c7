"""Reads a product file: its header, how many rows it has, and each row with its line number."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from strawberry_tasks import TaskError

from .csv_encoding import CsvEncoding, open_text
from .product_rows import COLUMNS, ProductRow, RowError, parse_row

CONTENT = 200
"""How many characters of a rejected row are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A row that is not imported."""

    line: int
    """Where it begins; 1 is the header."""

    reason: str
    """All that is wrong with it."""

    content: str
    """How it begins."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file's rows are to be read."""

    delimiter: str
    """What stands between the values."""

    columns: tuple[str, ...]
    """The header's names, in lower case."""

    @property
    def places(self) -> dict[str, int]:
        """Where each needed column stands."""
        return {column: self.columns.index(column) for column in COLUMNS}


def count_rows(file: BinaryIO, encoding: CsvEncoding = CsvEncoding.AUTO) -> int:
    """Read the whole file once, before anything is imported, and return how many rows follow its header.

    Raises:
        TaskError: If it has no rows, the wrong columns, or bytes that are not in its encoding.
    """
    count = sum(1 for _ in _records(file, encoding))
    if not count:
        raise TaskError("The file has a header, but no rows. Nothing was imported.", code="EMPTY_FILE", retry=False)
    return count


def read_products(file: BinaryIO, encoding: CsvEncoding = CsvEncoding.AUTO) -> Iterator[ProductRow | Rejection]:
    """Read the file from its beginning; one item for each row that `count_rows` counts.

    Of several rows with one SKU the first counts, the others are rejected.

    Raises:
        TaskError: As `count_rows` does.
    """
    lines: dict[str, int] = {}
    for line, values, problem in _records(file, encoding):
        try:
            if problem:
                raise RowError(problem)
            row = parse_row(values)
            first = lines.setdefault(row.sku, line)
            if first != line:
                raise RowError(f"sku “{row.sku}” is already on line {first}")
        except RowError as error:
            content = ", ".join(values.values())
            yield Rejection(line=line, reason=str(error), content=content[:CONTENT])
        else:
            yield row


def read_layout(header: str) -> Layout:
    """Find out the delimiter and the columns from the first line.

    Raises:
        TaskError: If a needed column is missing, or there twice.
    """
    if not header.strip():
        raise TaskError("The file is empty. Nothing was imported.", code="EMPTY_FILE", retry=False)
    delimiter = max(",;\t", key=header.count)
    found = next(csv.reader([header], delimiter=delimiter))
    columns = tuple(name.strip().lower() for name in found)
    if any(columns.count(column) != 1 for column in COLUMNS):
        raise TaskError(_wrong_columns(columns), code="WRONG_COLUMNS", retry=False)
    return Layout(delimiter, columns)


def _wrong_columns(columns: tuple[str, ...]) -> str:
    missing = [column for column in COLUMNS if column not in columns]
    doubled = [column for column in COLUMNS if columns.count(column) > 1]
    problems = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"twice: {', '.join(doubled)}"] * bool(doubled)
    found = ", ".join(columns)
    return (
        f"Expected the columns {', '.join(COLUMNS)}; found {found if len(found) <= 200 else found[:199] + '…'} "
        f"({'; '.join(problems)}). Nothing was imported."
    )


def _records(file: BinaryIO, encoding: CsvEncoding) -> Iterator[tuple[int, Mapping[str, str], str | None]]:
    """Yield line number, values and problem of each row that isn't blank."""
    with open_text(file, encoding) as text:
        layout = read_layout(text.readline())
        places, width = layout.places, len(layout.columns)
        for line, fields, broken in _fields(text, layout.delimiter):
            if broken or len(fields) == width:
                values = {column: fields[place] for column, place in places.items()} if fields else {}
                if broken or any(fields):
                    yield line, values, broken
            elif any(fields):
                shown = {str(place): value for place, value in enumerate(fields)}
                yield line, shown, f"it has {len(fields)} values, the header has {width}"


def _fields(text: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 2  # The header is line 1, and the reader has not seen it.
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], _quoting_problem(error)
        else:
            yield line, fields, None


def _quoting_problem(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "a quotation mark is opened and never closed"
    if "field larger than" in message:
        return "a value is far too long; a quotation mark may not be closed"
    return "a quotation mark stands in the midst of a value"

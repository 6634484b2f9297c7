"""Which encoding a CSV file has, and where it is broken."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import BinaryIO

import strawberry

from strawberry_tasks import TaskError

CHUNK = 1024 * 1024


@strawberry.enum(description="How a CSV file is encoded.")
class CsvEncoding(Enum):
    """How a CSV file is encoded."""

    AUTO = strawberry.enum_value("auto", description="UTF-8, or UTF-16 where the file begins with its mark.")
    UTF_8 = strawberry.enum_value("utf-8-sig", description="UTF-8.")
    UTF_16 = strawberry.enum_value("utf-16", description="UTF-16.")
    WINDOWS_1252 = strawberry.enum_value("cp1252", description="What Excel writes as “CSV” in Western Europe.")


@contextmanager
def open_text(file: BinaryIO, encoding: CsvEncoding) -> Iterator[io.TextIOWrapper]:
    """Give a file's text, with its line ends as they are; the file stays open.

    Raises:
        TaskError: If it is no text at all, or reading it comes upon bytes that are not in its encoding.
    """
    name = _codec_name(file, encoding)
    text = io.TextIOWrapper(file, encoding=name, newline="")
    try:
        yield text
    except UnicodeError as error:
        raise _broken(file, name) from error
    finally:
        text.detach()


def _codec_name(file: BinaryIO, encoding: CsvEncoding) -> str:
    file.seek(0)
    start = file.read(CHUNK)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        raise TaskError(
            "This is an Excel workbook, or another zip file. Save it as “CSV UTF-8” and upload that.",
            code="NOT_CSV",
            retry=False,
        )
    if encoding is not CsvEncoding.AUTO:
        return str(encoding.value)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        raise TaskError(
            "This is no CSV file: it has binary zeros in it. If it is UTF-16, choose that encoding.",
            code="NOT_CSV",
            retry=False,
        )
    return "utf-8-sig"


def _broken(file: BinaryIO, codec: str) -> TaskError:
    label = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}[codec]
    hint = (
        " Excel often writes Windows-1252: choose that encoding, or save the file as UTF-8." if label == "UTF-8" else ""
    )
    return TaskError(
        f"The file is not {label}: {_where(file, codec)}.{hint} Nothing was imported.",
        code="WRONG_ENCODING",
        retry=False,
    )


def _where(file: BinaryIO, codec: str) -> str:
    """Say which byte cannot be read; looked for only once it is known that there is one."""
    if codec == "utf-16":  # Its lines cannot be told apart before they are decoded.
        return "it breaks off within a character, or has bytes that stand for none"
    offset = 0
    file.seek(0)
    for number, line in enumerate(file, start=1):
        try:
            line.decode(codec)
        except UnicodeDecodeError as error:
            return f"line {number} has the byte 0x{line[error.start]:02X} (byte {offset + error.start + 1} of the file)"
        offset += len(line)
    return "its bytes stand for no characters"

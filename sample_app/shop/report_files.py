"""Keeps the files that reports offer, for as long as their run's record is kept."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from .results import ReportFile, SalesRow

FOLDER = "reports"


def keep(run_id: str, name: str, content: bytes) -> ReportFile:
    """Keep a file of a run, instead of one of that name that an earlier attempt made.

    Its address is that of `views.report_file`, which gives it to those who may see the run.
    """
    path = f"{FOLDER}/{run_id}/{name}"
    default_storage.delete(path)
    kept = default_storage.save(path, ContentFile(content))
    return ReportFile(url=default_storage.url(kept), name=name, size=len(content))


def read(run_id: str, name: str) -> bytes | None:
    """Return a file of a run, None if there is none of that name."""
    folder = f"{FOLDER}/{run_id}"
    # Not by what the name may mean to a file system.
    if not default_storage.exists(folder) or name not in default_storage.listdir(folder)[1]:
        return None
    with contextlib.suppress(FileNotFoundError), default_storage.open(f"{folder}/{name}") as file:
        content: bytes = file.read()
        return content
    return None


def remove_expired() -> None:
    """Remove the files of runs whose records are gone."""
    if not default_storage.exists(FOLDER):
        return
    limit = timezone.now() - settings.RESULT_TTL
    for folder in default_storage.listdir(FOLDER)[0]:
        # Another worker may remove it at the same moment.
        with contextlib.suppress(FileNotFoundError):
            _remove_before(limit, f"{FOLDER}/{folder}")


def _remove_before(limit: datetime, path: str) -> None:
    files = [f"{path}/{name}" for name in default_storage.listdir(path)[1]]
    # A folder without files is one that another worker is about to put a file in.
    if files and all(default_storage.get_modified_time(file) < limit for file in files):
        for file in [*files, path]:
            default_storage.delete(file)


def sales_csv(rows: Sequence[SalesRow]) -> bytes:
    """Write rows as CSV that a spreadsheet opens by a double click."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["label", "sales", "quantity", "revenue"])
    writer.writerows([_plain(row.label), row.sales, row.quantity, row.revenue] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _plain(label: str) -> str:
    # Names come from uploaded files, and a spreadsheet would run a formula.
    return f"'{label}" if label[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else label

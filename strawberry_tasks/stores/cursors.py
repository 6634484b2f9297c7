"""Where a list of runs goes on: as text, which clients hand back."""

from __future__ import annotations

import base64
import contextlib
from typing import Final

from ..errors import shown
from ..snapshot import Snapshot, to_millis

MAX_CURSOR: Final = 2000
"""How many characters a cursor has at the most."""


def cursor_of(run: Snapshot) -> str:
    """Return the cursor that continues a list after this run, also once the run has expired."""
    return cursor_at(to_millis(run.created_at) if run.created_at else 0, run.id)


def cursor_at(millis: int, run_id: str) -> str:
    """Return the cursor that continues a list after a run that was created so many milliseconds after the epoch."""
    return base64.urlsafe_b64encode(f"{millis} {run_id}".encode("utf-8", "surrogatepass")).decode()


def parse_cursor(cursor: str) -> tuple[int, str]:
    """Return the run that a cursor stands for: when it was created, in milliseconds since the epoch, and its id.

    Raises:
        ValueError: If it is no cursor.
    """
    with contextlib.suppress(ValueError):
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode("utf-8", "surrogatepass")
        millis, separator, run_id = text.partition(" ")
        if separator and run_id and len(millis) < 16 and millis.isascii() and millis.isdigit():
            return int(millis), run_id
    raise ValueError(f"expected the cursor of a page of tasks, got {shown(cursor)}.")

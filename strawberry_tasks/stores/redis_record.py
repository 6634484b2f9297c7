"""How a record in Redis becomes a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from ..snapshot import Snapshot, from_fields
from .base import Record

FIELDS: Final = tuple(field.name for field in fields(Snapshot))
"""The fields of a record that make its snapshot."""

RECORD: Final = (*FIELDS, "arguments")
"""The same, and what the run was started with. The record has a ``result`` besides, which is read alone."""


def snapshot_of(row: Sequence[str | None]) -> Snapshot | None:
    """Build a snapshot from the values of `FIELDS`; ``None`` if there is no record."""
    if row[0] is None:
        return None
    return from_fields({name: text for name, text in zip(FIELDS, row, strict=True) if text})


def record_of(row: Sequence[str | None]) -> Record | None:
    """Build a record from the values of `RECORD`; ``None`` if there is none."""
    *state, arguments = row
    run = snapshot_of(state)
    return None if run is None else Record(snapshot=run, arguments=arguments or "")

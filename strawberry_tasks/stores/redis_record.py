"""How a record in Redis becomes a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from ..snapshot import Failure, Snapshot, from_fields, to_fields
from .base import Record

FIELDS: Final = tuple(field.name for field in fields(Snapshot))
"""The fields of a record that make its snapshot."""

RECORD: Final = (*FIELDS, "arguments")
"""The same, and what the run was started with. The record has a ``result`` besides, which is read alone."""


_SMALL: Final = 1024
"""How many characters an outcome may have that is written however little memory is left."""

_NO_ROOM: Final = Failure(
    code="STORE_FULL", message="The task was performed, but its result is larger than what the task store has room for."
)


def small_failure(values: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Return the failure that takes the place of an outcome for which there is no memory; empty if it is small, or none.

    Args:
        values: A change, as snapshot attributes.
        texts: The same as text fields.
    """
    if "status" not in values or sum(map(len, texts.values())) <= _SMALL:
        return ""
    failure = values.get("failure")
    if failure is None:
        failure = _NO_ROOM
    return to_fields({"failure": replace(failure, message=failure.message[:_SMALL], traceback=None)})["failure"]


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

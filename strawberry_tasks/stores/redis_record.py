"""How a record in Redis becomes a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, NamedTuple

from ..errors import TaskUnreadableError
from ..snapshot import Failure, Snapshot, to_fields
from .base import Record
from .cursors import cursor_at, cursor_of
from .records import Reading, reading_of, snapshot_from, unreadable
from .redis_link import WrongTypeError

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


def reading(run_id: str, row: Sequence[str | None] | Exception) -> Reading:
    """Read the values of `FIELDS`, or the error that came instead.

    Raises:
        StoreUnavailableError: If the error says nothing about the record.
    """
    try:
        texts = {name: text for name, text in zip(FIELDS, answered(run_id, row), strict=True) if text}
    except TaskUnreadableError as error:
        return error
    return reading_of(run_id, texts) if texts else None


def record_in(run_id: str, row: Sequence[str | None] | Exception) -> Record | None:
    """Read the values of `RECORD`, or the error that came instead; ``None`` if there is no record.

    Raises:
        TaskUnreadableError: If it cannot be read.
        StoreUnavailableError: If the error says nothing about the record.
    """
    values = zip(RECORD, answered(run_id, row), strict=True)
    texts = {name: text for name, text in values if text is not None}
    return record_of(texts, run_id) if texts else None


class Listed(NamedTuple):
    """An entry of a list of runs."""

    reading: Reading
    """The run."""

    cursor: str
    """What continues the list after it."""


def listed(row: Sequence[str | None]) -> Listed:
    """Read an entry of a list: a run's id, its place among the others, and the values of `FIELDS`, unless it has none."""
    run_id, place, *values = row
    run = (
        unreadable(str(run_id), "expected a hash with our fields") if not any(values) else reading(str(run_id), values)
    )
    if isinstance(run, Snapshot):
        return Listed(run, cursor_of(run))
    micros = min(max(float(place or 0), 0), 2.0**53)
    return Listed(run, cursor_at(int(micros) // 1000, str(run_id)))


def record_of(texts: Mapping[str, str], run_id: str | None = None) -> Record:
    """Read the fields of a record.

    Args:
        texts: The fields.
        run_id: Whose record it is; ``None`` takes its word for it.

    Raises:
        TaskUnreadableError: If it cannot be read.
    """
    run = snapshot_from(texts.get("id", "?") if run_id is None else run_id, texts)
    if "arguments" not in texts:
        raise unreadable(run.id, "arguments: expected a value, got none", texts)
    return Record(snapshot=run, arguments=texts["arguments"])


def answered(run_id: str, answer: Any) -> Any:
    """Return what a server has answered that was asked about a record.

    Raises:
        TaskUnreadableError: If there is something else in its place.
        StoreUnavailableError: If the server has refused to answer.
    """
    if isinstance(answer, WrongTypeError):
        raise unreadable(run_id, "expected a hash, got a key of another type")
    if isinstance(answer, Exception):
        raise answer
    return answer

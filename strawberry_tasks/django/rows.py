"""Runs as rows, and rows as runs; touches no database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from ..config import MAX_WORD
from ..errors import TaskInputError, TaskUnreadableError
from ..snapshot import JSON, Failure, Snapshot
from ..status import TaskStatus
from ..stores.base import Limit, NewRun, Record, pending
from ..stores.records import unreadable
from .models import TaskExecution

ENDED: Final = tuple(status.value for status in TaskStatus if status.is_terminal)

LIVE: Final = tuple(status.value for status in TaskStatus if not status.is_terminal)

MAX_OWNER: Final = 255
"""How many characters the column of the owner has."""

LOST: Final = Failure(code="WORKER_LOST", message="The task store has lost the task. It may have run, or not.")
"""The failure of a run that was sent, or should have been, and of which the store knows nothing."""

NOT_SENT: Final = Failure(code="QUEUE_UNAVAILABLE", message="The task queue could not be reached. Nothing was started.")
"""The failure of a run whose message could not be sent when its transaction was committed."""

REFUSED: Final = Failure(code="REJECTED", message="The task cannot be sent as it was enqueued.")
"""The failure of a run that no queue takes."""

_CHANGING: Final = (
    "status",
    "version",
    "attempt",
    "given_back",
    "cancel_requested",
    "progress",
    "progress_current",
    "progress_total",
    "progress_message",
    "failure_code",
    "failure_message",
    "failure_exception",
    "failure_traceback",
    "scheduled_for",
    "start_by",
    "started_at",
    "completed_at",
    "expires_at",
)


def new_row(run: NewRun, *, now: datetime, outbox: bool) -> TaskExecution:
    """Make the row of a run that is about to be sent.

    Args:
        run: The run.
        now: When it was enqueued.
        outbox: Whether the row carries what sending takes.

    Raises:
        TaskInputError: If its owner or its key is no text for a database.
    """
    _check(run)
    row = TaskExecution.of(storable(pending(run, now=_whole_millis(now))))
    row.arguments = _storable(json.loads(run.arguments))
    if outbox:
        # As text: the database would write some numbers in another way.
        row.outbox = {"arguments": run.arguments, "limit": run.limit}
    return row


def sendable(row: TaskExecution, *, now: datetime) -> NewRun:
    """Make the run again that a row of the outbox stands for."""
    outbox = row.outbox or {}
    return NewRun(
        id=row.id,
        name=row.name,
        queue=row.queue,
        arguments=outbox["arguments"],
        max_retries=row.max_retries,
        owner=row.owner,
        claims=row.claims,
        delay=_until(row.scheduled_for, now),
        retry_of=row.retry_of,
        expires=_until(row.start_by, now),
        key=row.key,
        tags=tuple(row.tags),
        priority=row.priority,
        limit=Limit(*outbox["limit"]) if outbox["limit"] else None,
    )


def changes(run: Snapshot, *, now: datetime, retention: timedelta | None) -> dict[str, Any]:
    """Return what a row is to have once its run is in this state.

    Args:
        run: The state.
        now: When it is written.
        retention: How long the rows of runs that have ended are kept; ``None`` is for ever.
    """
    if run.completed_at is not None:
        run = replace(run, expires_at=None if retention is None else run.completed_at + retention)
    row = TaskExecution.of(storable(run))
    return {**{name: getattr(row, name) for name in _CHANGING}, "changed_at": now, "outbox": None}


def ended(run: Snapshot, status: TaskStatus, failure: Failure | None, *, now: datetime) -> Snapshot:
    """Return a run as it is once it has ended without the store."""
    return replace(
        run,
        status=status,
        failure=failure,
        version=run.version + 1,
        cancel_requested=run.cancel_requested or status is TaskStatus.CANCELED,
        completed_at=_whole_millis(now),
    )


def fetched(rows: QuerySet[TaskExecution]) -> list[TaskExecution | TaskUnreadableError]:
    """Fetch rows; an error stands for each that the database's own adapter cannot make Python values of."""
    try:
        return list(rows)
    except (TypeError, ValueError):
        # One such row keeps all others from being fetched with it.
        return [_fetched_alone(rows.db, run_id) for run_id in list(rows.values_list("pk", flat=True))]


def _fetched_alone(database: str, run_id: str) -> TaskExecution | TaskUnreadableError:
    try:
        return TaskExecution.objects.using(database).get(pk=run_id)
    except (TypeError, ValueError, ObjectDoesNotExist) as error:
        return unreadable(run_id, str(error))


def reading_of(row: TaskExecution | TaskUnreadableError) -> Snapshot | TaskUnreadableError:
    """Return the run's state, or why it cannot be read."""
    try:
        return row if isinstance(row, TaskUnreadableError) else row.snapshot
    except TaskUnreadableError as error:
        return error


def record_of(row: TaskExecution | TaskUnreadableError) -> Record:
    """Return a row as the store would give its run.

    Raises:
        TaskUnreadableError: If it cannot be read.
    """
    if isinstance(row, TaskUnreadableError):
        raise row
    return Record(row.snapshot, json.dumps(row.arguments))


def storable_result(text: str | None) -> JSON:
    """Return a result, from its JSON text, with only such text as every database takes."""
    return None if text is None else _storable(json.loads(text))


def storable(run: Snapshot) -> Snapshot:
    """Return a run with only such text as every database takes."""
    failure = run.failure
    if failure is not None:
        failure = Failure(
            code=_text(failure.code)[:200],
            message=_text(failure.message),
            exception=failure.exception and _text(failure.exception)[:200],
            traceback=failure.traceback and _text(failure.traceback),
        )
    return replace(
        run,
        failure=failure,
        progress_message=run.progress_message and _text(run.progress_message),
        claims={_text(name): _storable(value) for name, value in run.claims.items()},
        tags=tuple(map(_text, run.tags)),
    )


def _storable(value: JSON) -> JSON:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_text(name): _storable(item) for name, item in value.items()}
    return value


def _check(run: NewRun) -> None:
    """Refuse what says whose run it is, or which, if it cannot be kept as it is: the database would, and end a transaction."""
    for name, text, most in (("owner", run.owner, MAX_OWNER), ("key", run.key, MAX_WORD)):
        if text is not None and not (is_storable(text) and len(text) <= most):
            raise TaskInputError(f"task {run.name!r}: expected the {name} to be up to {most} characters of plain text.")


def is_storable(text: str) -> bool:
    """Tell whether every database takes a text, be it to keep it or to look for it."""
    return _text(text) == text


def _text(text: str) -> str:
    # PostgreSQL takes neither NUL nor lone surrogates.
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _until(moment: datetime | None, now: datetime) -> timedelta | None:
    return None if moment is None else max(moment - now, timedelta(0))


def _whole_millis(moment: datetime) -> datetime:
    # As exact as a cursor.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

"""The database of the log cannot be reached, or has no table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, transaction

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.errors import QueueUnavailableError
from tests.django.stages import tracked_tasks

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = 'connection to server at "10.0.0.7", port 5432 failed: Connection refused\n\tIs the server running?'
"""What PostgreSQL's client says."""


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks that are performed inline."""
    with tracked_tasks(backend="sync") as tasks:
        yield tasks


@pytest.fixture
def performed() -> list[bool]:
    """What the task has noted."""
    return []


@pytest.fixture
def schema(tasks: Tasks, performed: list[bool]) -> Schema:
    """A schema with one task."""

    @tasks.mutation()
    def work() -> None:
        performed.append(True)

    return Schema(extensions=[tasks.extension])


def test_a_client_is_refused(schema: Schema, performed: list[bool], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was started; where the database is stands in one line of the log, and not in the answer."""
    with _away():
        answer = schema.execute_sync("mutation { work { id } }")

    assert answer.errors
    assert answer.errors[0].extensions == {"code": "QUEUE_UNAVAILABLE"}
    assert "10.0.0.7" not in str(answer.errors)
    assert performed == []
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("work was refused: connection to server") is True
    assert "\n" not in line


def test_a_transaction_ends_with_its_own_error(tasks: Tasks) -> None:
    """Django tells by it that the transaction is broken."""

    @tasks.task()
    def note() -> None: ...

    with pytest.raises(OperationalError), transaction.atomic(), _away():
        note.enqueue()


def test_a_worker_tells_once(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """It looks after the log again and again."""
    runtime = tasks.runtime()

    with _away():
        runtime.tend_log()
        runtime.tend_log()
    with caplog.at_level(logging.INFO):
        runtime.tend_log()

    assert [record.levelname for record in caplog.records if "log of runs" in record.getMessage()] == [
        "WARNING",
        "INFO",
    ]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("is_in_transaction", [False, True])
def test_a_table_that_is_not_there(tasks: Tasks, is_in_transaction: bool) -> None:
    """The message says what to do."""

    @tasks.task()
    def note() -> None: ...

    surroundings = transaction.atomic() if is_in_transaction else nullcontext()

    with (
        _without_table(),
        pytest.raises(ImproperlyConfigured, match=r"^STRAWBERRY_TASKS: .* Run `manage\.py migrate`"),
        surroundings,
    ):
        note.enqueue()


def test_code_is_told_what_a_client_is(tasks: Tasks) -> None:
    """The database's own error is the cause."""

    @tasks.task()
    def note() -> None: ...

    with _away(), pytest.raises(QueueUnavailableError) as caught:
        note.enqueue()

    assert isinstance(caught.value.__cause__, OperationalError)


@contextmanager
def _away() -> Iterator[None]:
    def refuse(_execute: Callable[..., Any], *_arguments: object) -> None:
        raise OperationalError(REFUSED)

    with connection.execute_wrapper(refuse):
        yield


@contextmanager
def _without_table() -> Iterator[None]:
    table = TaskExecution._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(TaskExecution, table, f"{table}_put_aside")
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(TaskExecution, f"{table}_put_aside", table)

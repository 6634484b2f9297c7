"""Tasks over Django's database, as a test wants them; and what it asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from strawberry_tasks import Tasks
from strawberry_tasks.django.connections import DatabaseConnections
from strawberry_tasks.django.dispatch import CommitDispatch
from strawberry_tasks.django.log import DatabaseLog
from strawberry_tasks.django.models import TaskExecution


@contextmanager
def tracked_tasks(
    url: str = "memory://",
    *,
    outbox: bool = False,
    retention: timedelta | None = None,
    wait: bool = True,
    **options: Any,
) -> Iterator[Tasks]:
    """Make tasks whose runs have rows, for the block."""
    log = DatabaseLog(outbox=outbox, retention=retention)
    tasks = Tasks(url, log=log, dispatch=CommitDispatch(log, wait=wait), surroundings=DatabaseConnections(), **options)
    yield tasks
    tasks.close()


def row(run_id: str) -> TaskExecution:
    """Return a run's row as it is now."""
    return TaskExecution.objects.get(pk=run_id)


@contextmanager
def counted_writes() -> Iterator[list[str]]:
    """Collect the statements of this thread that write rows of runs."""
    writes: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield writes
    statements = [query["sql"] for query in queries.captured_queries]
    writes += [sql for sql in statements if sql.startswith(("INSERT", "UPDATE", "DELETE"))]

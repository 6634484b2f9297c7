"""Rows of the log, as the store has the runs now."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import StoreUnavailableError
from ..snapshot import Snapshot
from ..status import TaskStatus
from .default import default_tasks
from .models import TaskExecution
from .rows import storable_result


def refresh(rows: Iterable[TaskExecution]) -> bool:
    """Bring rows of runs that have not ended up to date, in one round trip; nothing is saved.

    Returns:
        Whether the store answered; else the rows are as they were.
    """
    live = [row for row in rows if not row.is_terminal]
    if not live:
        return True
    try:
        runs = default_tasks.runtime().store.read([row.id for row in live])
        for row, run in zip(live, runs, strict=True):
            if isinstance(run, Snapshot) and run.version > row.version:
                row.take(run)
                if run.status is TaskStatus.COMPLETED:
                    row.result = storable_result(default_tasks.runtime().read_result(run.id))
    except StoreUnavailableError:
        return False
    return True

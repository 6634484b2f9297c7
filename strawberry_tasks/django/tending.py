"""What workers do for the log: relay its outbox, bring it and the store together, and remove what is old."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from django.db import connections, transaction
from django.db.models import QuerySet

from ..errors import QueueUnavailableError, StoreUnavailableError, StrawberryTasksError
from ..log import Sender
from ..snapshot import Failure, Snapshot
from ..status import TaskStatus
from ..stores.base import Store
from ..stores.records import Reading, legible
from .models import TaskExecution
from .outages import is_outage
from .rows import ENDED, LIVE, LOST, REFUSED, ended, fetched, reading_of, sendable

logger = logging.getLogger(__name__)

RELAY_AFTER: Final = timedelta(seconds=3)
"""How old a row of the outbox is before a worker sends its run: whoever has enqueued it is likely to."""

QUIET: Final = timedelta(seconds=60)
"""How long nobody has written the row of a live run before its state is looked up."""

BATCH: Final = 100
"""How many rows are read at a time."""

PRUNE_BATCH: Final = 1000
"""How many rows are deleted at a time."""


class Written(Protocol):
    """What is needed of the log."""

    database: str

    @property
    def rows(self) -> QuerySet[TaskExecution]:
        """All rows."""

    def write(self, runs: Sequence[Snapshot], store: Store | None = None) -> None:
        """Write the states of runs, and the results that the store has of them."""

    def end(self, run_id: str, status: TaskStatus, failure: Failure | None = None) -> None:
        """Write the end of a run."""


class Tending:
    """Looks after a log.

    Args:
        log: The log.
        retention: How long the row of a run that has ended is kept; ``None`` is for ever.
    """

    def __init__(self, log: Written, *, retention: timedelta | None) -> None:
        self._log = log
        self._retention = retention
        self._missing: frozenset[str] = frozenset()

    def tend(self, store: Store, find: Callable[[str], Sender | None]) -> None:
        """Do all of it once."""
        self.relay(store, find)
        self.reconcile(store)
        if self._retention is not None:
            prune(self._log.rows, datetime.now(UTC) - self._retention)

    def relay(self, store: Store, find: Callable[[str], Sender | None]) -> None:
        """Send the runs of the outbox that were committed, and not sent; in the order in which they were enqueued."""
        features = connections[self._log.database].features
        stuck: set[str] = set()
        while True:
            with transaction.atomic(using=self._log.database):
                before = datetime.now(UTC) - RELAY_AFTER
                waiting = self._log.rows.filter(outbox__isnull=False, changed_at__lt=before).exclude(pk__in=stuck)
                # Another worker may have some; the rows of one that dies are free again.
                waiting = waiting.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
                batch = _readable(waiting.order_by("created_at", "id")[:BATCH])
                sent: set[str] = set()
                is_away = not self._send(batch, store, find, sent)
                self._log.rows.filter(pk__in=sent).update(outbox=None)
            stuck.update(row.id for row in batch if row.id not in sent)
            if is_away or len(batch) < BATCH:
                return

    def _send(
        self, batch: Sequence[TaskExecution], store: Store, find: Callable[[str], Sender | None], sent: set[str]
    ) -> bool:
        """Send what has not begun, add what is known to be sent, and return whether the queue was there."""
        present = dict(zip([row.id for row in batch], store.read([row.id for row in batch]), strict=True))
        for row in batch:
            run, task = present[row.id], find(row.name)
            # The record alone does not tell that there is a message; to send one twice does no harm.
            if row.status in ENDED or _has_begun(run):
                sent.add(row.id)
            elif task is not None:
                try:
                    (started,) = task.send([sendable(row, now=datetime.now(UTC))], undo=False)
                except (QueueUnavailableError, StoreUnavailableError) as error:
                    logger.warning("The outbox waits for the queue: %s", error.__cause__ or error)
                    return False
                except Exception as error:  # noqa: BLE001 - whatever it is, those behind it have to be sent.
                    self._refuse(row, error)
                    continue
                sent.add(row.id)
                logger.info("Relayed run %s (%s).", row.id, row.name)
                if started.id != row.id:  # There is a run of its key by now.
                    self._log.end(row.id, TaskStatus.CANCELED)
        return True

    def reconcile(self, store: Store) -> None:
        """Bring the rows of live runs up to date that nobody has written for a while."""
        missing: set[str] = set()
        last = ""
        while True:
            quiet = self._log.rows.filter(
                status__in=LIVE, outbox__isnull=True, changed_at__lt=datetime.now(UTC) - QUIET, id__gt=last
            )
            batch = _readable(quiet.order_by("id")[:BATCH])
            if not batch:
                break
            last = batch[-1].id
            present = store.read([row.id for row in batch])
            self._write(legible(present), store)
            gone = [row for row, run in zip(batch, present, strict=True) if run is None]
            # One that is sent just now is there the next time.
            self._write(
                [_lost(run) for row in gone if row.id in self._missing and isinstance(run := reading_of(row), Snapshot)]
            )
            missing.update(row.id for row in gone)
        self._missing = frozenset(missing)

    def _refuse(self, row: TaskExecution, error: Exception) -> None:
        """End a run of the outbox that could never be sent; of any other error, only tell."""
        if isinstance(error, (StrawberryTasksError, LookupError, TypeError, ValueError)):
            self._log.end(row.id, TaskStatus.FAILED, REFUSED)
        logger.error("Run %s (%s) of the outbox could not be sent.", row.id, row.name, exc_info=error)

    def _write(self, runs: Sequence[Snapshot], store: Store | None = None) -> None:
        """Write the states of runs; one that the database refuses does not keep the others out."""
        try:
            self._log.write(runs, store)
        except Exception as error:
            if is_outage(error):
                raise
            if len(runs) == 1:
                logger.exception("Run %s could not be written to the log.", runs[0].id)
                return
            for run in runs:
                self._write([run], store)


def prune(rows: QuerySet[TaskExecution], before: datetime) -> int:
    """Delete the rows of runs that ended before some time, and return how many those were."""
    count = 0
    old = rows.filter(status__in=ENDED, completed_at__lt=before).order_by("completed_at")
    while ids := list(old.values_list("pk", flat=True)[:PRUNE_BATCH]):
        count += rows.filter(pk__in=ids).delete()[0]
    return count


def _has_begun(run: Reading) -> bool:
    # One that cannot be read was recorded, and sending it again would only meet that record.
    return run is not None and not (isinstance(run, Snapshot) and run.status is TaskStatus.PENDING)


def _readable(rows: QuerySet[TaskExecution]) -> list[TaskExecution]:
    return [row for row in fetched(rows) if isinstance(row, TaskExecution)]


def _lost(run: Snapshot) -> Snapshot:
    logger.warning("Run %s (%s) is not in the store any more.", run.id, run.name)
    return ended(run, TaskStatus.FAILED, LOST, now=datetime.now(UTC))

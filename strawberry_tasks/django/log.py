"""The log in Django's database: a row for each run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, StrIndex

from ..errors import QueueUnavailableError, TaskUnreadableError
from ..log import Sender, Wanted
from ..outage import Outage
from ..snapshot import Failure, Snapshot, from_millis, to_millis
from ..status import TaskStatus
from ..stores.base import NewRun, Page, Record, Store
from ..stores.cursors import cursor_at, parse_cursor
from ..stores.records import UnreadableLog, legible
from .conf import SETTING
from .models import TaskExecution
from .outages import database_needed, in_one_line, is_outage
from .rows import ENDED, changes, ended, fetched, is_storable, new_row, reading_of, record_of, storable_result
from .tending import Tending
from .writer import MOST, Writer

logger = logging.getLogger(__name__)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class DatabaseLog:
    """Keeps a row of `TaskExecution` for each run, which is written on transitions alone.

    Args:
        database: The alias of the database.
        retention: How long the row of a run that has ended is kept; ``None`` is for ever.
        outbox: Whether rows carry what it takes to send their runs, until those are known to be sent.
    """

    def __init__(self, *, database: str = "default", retention: timedelta | None = None, outbox: bool = False) -> None:
        self.database = database
        self.outbox = outbox
        self._retention = retention
        self._writer = Writer(self._write)
        # The rows of runs that were sent while the database was away, by their ids.
        self._unwritten: dict[str, TaskExecution] = {}
        self._tending = Tending(self, retention=retention)
        self._outage = Outage(logger)
        self._unreadable = UnreadableLog()

    @property
    def rows(self) -> QuerySet[TaskExecution]:
        """All rows."""
        return TaskExecution.objects.using(self.database)

    @property
    def is_in_transaction(self) -> bool:
        """Whether this thread is in a transaction of the database."""
        return connections[self.database].in_atomic_block

    def insert(self, runs: Sequence[NewRun]) -> None:
        """Write the rows of runs that are about to be sent, with one query, in the caller's transaction.

        Raises:
            QueueUnavailableError: If the database cannot be reached. In a transaction its own error is raised, since that ends it.
            ImproperlyConfigured: If the table is not there.
        """
        moment = now()
        try:
            self.rows.bulk_create([new_row(run, now=moment, outbox=self.outbox) for run in runs])
        except (DatabaseError, InterfaceError) as error:
            if TaskExecution._meta.db_table in str(error) and not is_outage(error):
                raise ImproperlyConfigured(
                    f"{SETTING}: expected the table of runs in the database {self.database!r}, got: {str(error).strip()}. "
                    "Run `manage.py migrate`, or set TRACK_IN_DATABASE to False."
                ) from error
            if self.is_in_transaction or not is_outage(error):
                raise
            raise QueueUnavailableError from error

    def note(self, runs: Sequence[NewRun]) -> None:
        """Write the rows of runs that were sent already, unless they are there."""
        moment = now()
        rows = {run.id: new_row(run, now=moment, outbox=False) for run in runs}
        try:
            self.rows.bulk_create(rows.values(), ignore_conflicts=True)
        except Exception as error:
            if not is_outage(error):
                logger.exception("%d runs could not be written to the log.", len(runs))
                return
            logger.warning("%d runs are written to the log later: %s", len(runs), in_one_line(error))
            if len(self._unwritten) < MOST:
                self._unwritten.update(rows)

    def remove(self, run_ids: Iterable[str]) -> None:
        """Delete the rows of runs that were never there for anybody."""
        self.rows.filter(pk__in=list(run_ids)).delete()

    def end(self, run_id: str, status: TaskStatus, failure: Failure | None = None) -> None:
        """Write the end of a run of which the store knows nothing."""
        try:
            row = self.rows.filter(pk=run_id).first()
            if row is not None:
                self.write([ended(row.snapshot, status, failure, now=now())])
        except TaskUnreadableError as error:
            self._unreadable.note(error)
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            logger.warning("The end of run %s waits for the workers to write it: %s", run_id, in_one_line(error))

    def changed(self, run_id: str, store: Store, *, wait: bool) -> None:
        """Have a run's new state written; in the caller's transaction if it has one."""
        if not (wait or self.is_in_transaction):
            self._writer.add(run_id, store)
            return
        try:
            with transaction.atomic(using=self.database):
                self._write(store, [run_id])
        except Exception as error:
            if not is_outage(error):
                logger.exception("Run %s could not be written to the log.", run_id)
                return
            # Once the database is back.
            self._writer.add(run_id, store)

    def write(self, runs: Iterable[Snapshot], store: Store | None = None) -> None:
        """Write the states of runs in one transaction, each unless its row has a newer one or has ended.

        Args:
            runs: The runs.
            store: Where the results are of those that are COMPLETED.
        """
        moment = now()
        with transaction.atomic(using=self.database):
            # In one order everywhere: two processes must not wait for each other.
            for run in sorted(runs, key=lambda run: run.id):
                row = self.rows.filter(pk=run.id, version__lt=run.version).exclude(status__in=ENDED)
                values = changes(run, now=moment, retention=self._retention)
                if store is not None and run.status is TaskStatus.COMPLETED:
                    # One at a time: they may be large.
                    values["result"] = storable_result(store.result(run.id))
                row.update(**values)

    def read(self, run_id: str) -> Record | None:
        """Return a run as it was last written."""
        if not (run_id.isascii() and run_id.isprintable()):
            return None
        with database_needed():
            found = fetched(self.rows.filter(pk=run_id).defer("result"))
        return record_of(found[0]) if found else None

    def result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text."""
        if not (run_id.isascii() and run_id.isprintable()):
            return None
        with database_needed():
            found = list(
                self.rows.filter(pk=run_id, status=TaskStatus.COMPLETED.value).values_list("result", flat=True)
            )
        return json.dumps(found[0]) if found else None

    def list(self, wanted: Wanted, *, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        millis, last = (0, "") if after is None else parse_cursor(after)
        words = [word for word in (wanted.owner, wanted.name, wanted.tag, last) if word is not None]
        if not all(map(is_storable, words)):
            return Page(runs=[], cursor=None)
        rows = self._wanted(wanted)
        if after is not None:
            moment = from_millis(millis)
            rows = rows.filter(Q(created_at__lt=moment) | Q(created_at=moment, id__lt=last))
        with database_needed():
            wanted_rows = rows.defer("result", "arguments").order_by("-created_at", "-id")[: first + 1]
            latest = fetched(wanted_rows)
        readings = [reading_of(row) for row in latest[:first]]
        for reading in readings:
            self._unreadable.note(reading)
        cursor = _cursor_after(latest[:first]) if latest[first:] else None
        damaged = [reading for reading in readings if isinstance(reading, TaskUnreadableError)]
        return Page(runs=legible(readings), cursor=cursor, unreadable=damaged)

    def tend(self, store: Store, find: Callable[[str], Sender | None]) -> None:
        """Relay the outbox, bring rows up to date that nobody has written, and remove old ones."""
        try:
            self._tending.tend(store, find)
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            self._outage.note("The log of runs waits for the database: %s", in_one_line(error))
        else:
            self._outage.end("The log of runs is brought up to date again.")

    def flush(self, patience: timedelta) -> None:
        """Wait until what has changed is written, for so long at the most."""
        self._writer.flush(patience)

    def _write(self, store: Store, run_ids: Sequence[str]) -> None:
        rows = [row for run_id in run_ids if (row := self._unwritten.get(run_id)) is not None]
        if rows:
            self.rows.bulk_create(rows, ignore_conflicts=True)
        self.write(legible(store.read(run_ids)), store)
        for row in rows:
            self._unwritten.pop(row.id, None)

    def _wanted(self, wanted: Wanted) -> QuerySet[TaskExecution]:
        rows = self.rows
        if wanted.owner is not None:
            rows = rows.filter(owner=wanted.owner)
        if wanted.status:
            rows = rows.filter(status__in=[status.value for status in wanted.status])
        if wanted.name is not None:
            rows = rows.filter(name=wanted.name)
        if wanted.tag is None:
            return rows
        if connections[self.database].features.supports_json_field_contains:
            return rows.filter(tags__contains=[wanted.tag])
        place = StrIndex(Cast("tags", TextField()), Value(json.dumps(wanted.tag)))
        return rows.alias(place=place).filter(place__gt=0)


def _cursor_after(rows: Sequence[TaskExecution | TaskUnreadableError]) -> str | None:
    for row in reversed(rows):
        created_at: object = None if isinstance(row, TaskUnreadableError) else row.created_at
        if isinstance(row, TaskExecution) and isinstance(created_at, datetime):
            return cursor_at(to_millis(created_at), row.id)
    return None

"""Runs that wait for transactions, and what becomes of them when one is rolled back."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterable, Sequence

from django.db import connections

from ..log import Sender
from ..snapshot import Snapshot
from ..stores.base import NewRun, Record
from .log import DatabaseLog

logger = logging.getLogger(__name__)


class Ticket:
    """Stands for one transaction; whoever drops it without redeeming it has rolled that back."""

    __slots__ = ("__weakref__", "finalizer")

    finalizer: weakref.finalize[..., object]


class Held:
    """Runs of a task that wait until all their tickets are redeemed.

    Args:
        task: Their task.
        runs: What is to be sent.
        snapshots: What they look like meanwhile.
        log: Where their rows are, in one of the transactions; ``None`` if there are none yet.

    Attributes:
        is_dropped: Whether a transaction was rolled back.
    """

    def __init__(
        self, task: Sender, runs: Sequence[NewRun], snapshots: Iterable[Snapshot], *, log: DatabaseLog | None
    ) -> None:
        self.task = task
        self.runs = runs
        self.snapshots = {run.id: run for run in snapshots}
        self.log = log
        self.is_dropped = False
        self._thread = threading.get_ident()
        self._open = 0
        self._is_redeemed = False

    @property
    def is_here(self) -> bool:
        """Whether this thread has enqueued them, and sees them for that reason."""
        return self._thread == threading.get_ident() and not self.is_dropped

    def record(self, run_id: str) -> Record:
        """Return one of them as it is now."""
        arguments = next(run.arguments for run in self.runs if run.id == run_id)
        return Record(self.snapshots[run_id], arguments)

    def issue(self) -> Ticket:
        """Make the ticket of one more transaction."""
        ticket = Ticket()
        ticket.finalizer = weakref.finalize(ticket, self._drop)
        self._open += 1
        return ticket

    def redeem(self, ticket: Ticket) -> bool:
        """Hear that a transaction was committed; return whether that was the last one."""
        ticket.finalizer.detach()
        self._open -= 1
        self._is_redeemed = True
        return not self._open and not self.is_dropped

    def _drop(self) -> None:
        if self.is_dropped:
            return
        self.is_dropped = True
        if self.log is None or not (self.log.outbox or self._is_redeemed):
            release(self.task, self.runs)
            return
        # Django is in the middle of the rollback, and the connection not fit for a query.
        forget = _remove_committed if self._is_redeemed else _release_unlogged
        threading.Thread(target=forget, args=(self.task, self.runs, self.log), daemon=True).start()


def release(task: Sender, runs: Iterable[NewRun]) -> None:
    """Remove the uploads of runs that are not started."""
    for run in runs:
        try:
            task.release(run.arguments)
        except Exception:
            logger.exception("Run %s was not started, but its uploads could not be removed.", run.id)


def remove_rows(runs: Iterable[NewRun], log: DatabaseLog) -> None:
    """Delete the rows of runs that are not started."""
    try:
        log.remove(run.id for run in runs)
    except Exception:
        logger.exception("Some runs were not started, but their rows are there still.")


def _remove_committed(task: Sender, runs: Sequence[NewRun], log: DatabaseLog) -> None:
    """Forget runs of which another transaction was committed before, maybe the one with their rows."""
    try:
        remove_rows(runs, log)
        release(task, runs)
    finally:
        connections.close_all()


def _release_unlogged(task: Sender, runs: Sequence[NewRun], log: DatabaseLog) -> None:
    """Forget runs, unless another callback has failed after the commit and taken this one's turn: the workers send those."""
    try:
        logged = set(log.rows.filter(pk__in=[run.id for run in runs]).values_list("pk", flat=True))
    except Exception:
        logger.exception("%d runs were not started, but their uploads may be there still.", len(runs))
    else:
        release(task, [run for run in runs if run.id not in logged])
    finally:
        connections.close_all()

"""Ends runs from outside, and starts them again: what is asked of a run whatever its task is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from .dispatch import Dispatch
from .errors import QueueUnavailableError, StoreUnavailableError, TaskNotFoundError, TaskNotRetryableError
from .log import Log
from .snapshot import Snapshot
from .status import TaskStatus
from .stores.base import Record, Store

logger = logging.getLogger(__name__)


class Restartable(Protocol):
    """What is needed of a task."""

    def release(self, arguments: str) -> None:
        """Drop what was kept for a run outside the store, such as uploaded files."""

    def restart(self, record: Record) -> Snapshot:
        """Start a run with the arguments of another one.

        Raises:
            TaskNotRetryableError: If they are not there any more.
            QueueUnavailableError: If the queue cannot be reached.
        """


class Control:
    """Cancels runs, starts them again, and takes them from lost workers.

    Args:
        store: Where the runs are.
        find: Finds a task by its name; ``None`` if this process does not know it.
        hurry: Delivers the message of a run now that was put off; takes its id and its queue.
        dispatch: Knows the runs that are not sent yet.
        log: Knows those that the store does not have any more; ``None`` if nothing does.
        changed: Told of each run whose state was changed.
    """

    def __init__(
        self,
        store: Store,
        find: Callable[[str], Restartable | None],
        *,
        hurry: Callable[[str, str], None],
        dispatch: Dispatch,
        log: Log | None,
        changed: Callable[[str], None],
    ) -> None:
        self._store = store
        self._find = find
        self._hurry = hurry
        self._dispatch = dispatch
        self._log = log
        self._changed = changed

    def cancel(self, run_id: str) -> Snapshot:
        """Ask for a run to stop, and return it as it is now.

        Raises:
            TaskNotFoundError: If there is no such run.
        """
        record = self._store.cancel(run_id)
        if record is None:
            return self._cancel_absent(run_id)
        self._changed(run_id)
        if record.snapshot.status is TaskStatus.CANCELED:
            self._release(record)
            self._drop_message(record.snapshot)
        return record.snapshot

    def retry(self, run_id: str) -> Snapshot:
        """Start a run again that has FAILED or was CANCELED, as a new one.

        Raises:
            TaskNotFoundError: If there is no such run.
            TaskNotRetryableError: If it has not ended like that, or cannot be started again here; says why.
            QueueUnavailableError: If the queue cannot be reached. Nothing was started.
        """
        record = self._store.load(run_id)
        if record is None and self._log is not None:
            record = self._log.read(run_id)
        record = record or self._dispatch.held(run_id)
        if record is None:
            raise TaskNotFoundError(run_id)
        run = record.snapshot
        if run.status not in {TaskStatus.FAILED, TaskStatus.CANCELED}:
            raise TaskNotRetryableError(f"Only a FAILED or CANCELED task can be retried; this one is {run.status}.")
        task = self._find(run.name)
        if task is None:
            raise TaskNotRetryableError(f"There is no task named {run.name!r} here any more.")
        return task.restart(record)

    def wake(self, run_id: str) -> None:
        """Have the runs start that waited for this one to end; they try by themselves, too, but later."""
        try:
            for waiting in self._store.waiting(run_id):
                self._hurry(*waiting)
        except (StoreUnavailableError, QueueUnavailableError) as error:
            logger.warning("The runs that waited for run %s were not told of its end: %s", run_id, error)

    def sweep(self) -> None:
        """Take runs from workers that were lost.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        for record in self._store.sweep():
            logger.warning("Run %s (%s) ended: %s", record.snapshot.id, record.snapshot.name, record.snapshot.error)
            self._changed(record.snapshot.id)
            self._release(record)
            self.wake(record.snapshot.id)

    def _cancel_absent(self, run_id: str) -> Snapshot:
        """Cancel a run that is not sent yet; one that the store has forgotten has ended, and stays as it is."""
        if (run := self._dispatch.cancel(run_id)) is not None:
            return run
        record = None if self._log is None else self._log.read(run_id)
        if record is None or not record.snapshot.is_terminal:
            raise TaskNotFoundError(run_id)
        return record.snapshot

    def _drop_message(self, run: Snapshot) -> None:
        """Have a worker find now that there is nothing to perform, and not when the run would have been due."""
        try:
            self._hurry(run.id, run.queue)
        except QueueUnavailableError:
            logger.info("Run %s is canceled; its message stays in the queue until it is due.", run.id)

    def _release(self, record: Record) -> None:
        task = self._find(record.snapshot.name)
        if task is None:
            return
        try:
            task.release(record.arguments)
        except Exception:
            logger.exception("Run %s has ended, but its uploads could not be removed.", record.snapshot.id)

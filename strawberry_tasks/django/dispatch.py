"""Sends runs once the transactions are committed that they were enqueued in."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import connections, transaction

from ..errors import QueueUnavailableError, StoreUnavailableError
from ..log import Sender
from ..snapshot import Snapshot
from ..status import TaskStatus
from ..stores.base import NewRun, Record, pending
from .held import Held, Ticket, release, remove_rows
from .log import DatabaseLog
from .rows import NOT_SENT, ended

logger = logging.getLogger(__name__)


class CommitDispatch:
    """Holds runs back until every transaction is committed that is open when they are enqueued.

    Whatever rolls one of them back, also to a savepoint, leaves no trace of the run: its row goes with the transaction, its
    uploads are removed, and nothing was sent.

    Args:
        log: Where each run has its row; ``None`` if there is none.
        wait: Whether to wait for transactions; else runs are sent at once.
    """

    def __init__(self, log: DatabaseLog | None, *, wait: bool = True) -> None:
        self._log = log
        self._waits = wait
        # The callbacks of the transactions have the only strong references, and a rollback drops them.
        self._held: weakref.WeakValueDictionary[str, Held] = weakref.WeakValueDictionary()

    def __call__(self, task: Sender, runs: Sequence[NewRun]) -> Sequence[Snapshot]:
        """Send runs, or hold them back."""
        aliases = self._open_transactions() if self._waits else []
        if not aliases:
            return self._send_now(task, runs)
        try:
            return self._hold(task, runs, aliases)
        except BaseException:
            release(task, runs)
            raise

    def held(self, run_id: str) -> Record | None:
        """Return a run that is held back."""
        held = self._held.get(run_id)
        return None if held is None or held.is_dropped else held.record(run_id)

    def cancel(self, run_id: str) -> Snapshot | None:
        """Cancel a run that is held back; it is not sent."""
        held = self._held.get(run_id)
        if held is None or held.is_dropped:
            return None
        run = held.snapshots[run_id]
        if not run.is_terminal:
            run = held.snapshots[run_id] = ended(run, TaskStatus.CANCELED, None, now=datetime.now(UTC))
            if held.log is not None:
                held.log.write([run])
        return run

    def _open_transactions(self) -> list[str]:
        """Return the aliases of the databases that this thread is in a transaction of; the log's comes last."""
        mine = self._log.database if self._log is not None else "default"
        others = [
            connection.alias
            for connection in connections.all(initialized_only=True)
            if connection.alias != mine and _is_in_own_transaction(connection)
        ]
        return [*others, mine] if connections[mine].in_atomic_block else others

    def _send_now(self, task: Sender, runs: Sequence[NewRun]) -> Sequence[Snapshot]:
        log = self._log
        if log is None:
            return task.send(runs)
        try:
            log.insert(runs)
        except BaseException:
            release(task, runs)
            raise
        try:
            started = task.send(runs, undo=not log.outbox)
        except QueueUnavailableError as error:
            if not log.outbox:
                remove_rows(runs, log)
                raise
            return _relayed_later(runs, error)
        except BaseException:
            remove_rows(runs, log)
            raise
        replaced = [run for run, present in zip(runs, started, strict=True) if run.id != present.id]
        if replaced:
            remove_rows(replaced, log)
        return started

    def _hold(self, task: Sender, runs: Sequence[NewRun], aliases: Sequence[str]) -> Sequence[Snapshot]:
        moment = datetime.now(UTC)
        answers: list[Snapshot] = []
        new: list[NewRun] = []
        for run in runs:
            present = None if run.key is None else self._standing(task, run, new)
            if present is None:
                new.append(run)
            else:
                task.release(run.arguments)
            answers.append(present or pending(run, now=moment))
        if not new:
            return answers
        has_rows = self._log is not None and self._log.is_in_transaction
        if self._log is not None and has_rows:
            self._log.insert(new)
        ids = {run.id for run in new}
        held = Held(task, new, [run for run in answers if run.id in ids], log=self._log if has_rows else None)
        for alias in aliases:
            transaction.on_commit(partial(self._redeem, held.issue(), held), using=alias)
        for run in new:
            self._held[run.id] = held
        return answers

    def _standing(self, task: Sender, run: NewRun, new: Iterable[NewRun]) -> Snapshot | None:
        """Return the live run of a key, be it held back or not."""
        for held in list(self._held.values()):
            for other in held.snapshots.values():
                if (other.name, other.key) == (run.name, run.key) and not other.is_terminal and held.is_here:
                    return other
        for one in new:
            if (one.name, one.key) == (run.name, run.key):
                return pending(one, now=datetime.now(UTC))
        try:
            return task.standing(run)
        except StoreUnavailableError as error:
            if self._log is not None and self._log.outbox:
                return None
            raise QueueUnavailableError from error

    def _redeem(self, ticket: Ticket, held: Held) -> None:
        if not held.redeem(ticket):
            if held.is_dropped and held.log is not None:
                remove_rows(held.runs, held.log)
            return
        try:
            self._send_held(held)
        finally:
            # Only now: until then the store may not have them yet.
            for run in held.runs:
                self._held.pop(run.id, None)

    def _send_held(self, held: Held) -> None:
        if self._log is not None and held.log is None:
            try:
                self._log.insert(held.runs)
            except BaseException:
                release(held.task, held.runs)
                raise
            self._log.write([run for run in held.snapshots.values() if run.is_terminal])
        canceled = [run for run in held.runs if held.snapshots[run.id].is_terminal]
        release(held.task, canceled)
        if runs := [run for run in held.runs if run not in canceled]:
            self._send_committed(held.task, runs)

    def _send_committed(self, task: Sender, runs: Sequence[NewRun]) -> None:
        log = self._log
        if log is None:
            task.send(runs)
            return
        try:
            started = task.send(runs, undo=not log.outbox)
        except QueueUnavailableError as error:
            if log.outbox:
                _relayed_later(runs, error)
                return
            for run in runs:
                log.end(run.id, TaskStatus.FAILED, NOT_SENT)
            raise
        for run, present in zip(runs, started, strict=True):
            if run.id != present.id:  # Another run of its key was started in between.
                log.end(run.id, TaskStatus.CANCELED)


def _is_in_own_transaction(connection: Any) -> bool:
    """Tell whether there is a transaction beside the one that `TestCase` puts around each test."""
    return any(not block._from_testcase for block in connection.atomic_blocks)


def _relayed_later(runs: Sequence[NewRun], error: QueueUnavailableError) -> Sequence[Snapshot]:
    logger.warning("%d runs wait in the outbox for a worker to send them: %s", len(runs), error.__cause__ or error)
    return [pending(run, now=datetime.now(UTC)) for run in runs]

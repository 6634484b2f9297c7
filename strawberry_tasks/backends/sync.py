"""Runs everything inline, before `enqueue` returns: for tests."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from ..lifecycle import Work
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from ..stores.records import present
from .base import Perform
from .start import record_and_send

logger = logging.getLogger(__name__)


class SyncBackend:
    """Performs a run in the thread that enqueues it. Delays and the waits between attempts are skipped."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def register(self, work: Work) -> None:
        """Nothing to prepare."""

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record and perform runs one after the other, and return how they ended."""
        started = record_and_send(store, runs, lambda run: self.send(work, run.id, queue=run.queue, delay=run.delay))
        ended = store.read([run.id for run in started])
        return [present(after) or before for before, after in zip(started, ended, strict=True)]

    def is_atomic(self, store: Store) -> bool:
        """Tell that it is not: to repeat it would perform the run."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Perform the run, with all its attempts."""
        while (verdict := self._perform(work, run_id)).retry_in is not None:
            if verdict.is_busy:
                # Whoever has it performs it to its end. One that waits for others would wait for its own caller.
                logger.warning(
                    "Run %s (%s) is not performed: another attempt, or run, has its place.", run_id, work.name
                )
                return
        if verdict.error is not None:
            logger.error("Run %s (%s) failed.", run_id, work.name, exc_info=verdict.error)

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def close(self) -> None:
        """Nothing to stop."""

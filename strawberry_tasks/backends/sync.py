"""Runs everything inline, before `enqueue` returns: for tests."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from ..lifecycle import Work
from ..outcome import Verdict
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
        while (verdict := self._attempt(work, run_id)).retry_in is not None:
            if verdict.is_busy:
                # Whoever has it performs it to its end. One that waits for others would wait for its own caller.
                logger.warning(
                    "Run %s (%s) is not performed: another attempt, or run, has its place.", run_id, work.name
                )
                return
        if verdict.error is not None:
            logger.error("Run %s (%s) failed.", run_id, work.name, exc_info=verdict.error)

    def _attempt(self, work: Work, run_id: str) -> Verdict:
        with _interrupts() as interrupts:
            verdict = self._perform(work, run_id)
        if interrupts:
            # Meant for the program, and not for the run, which has ended by it.
            raise KeyboardInterrupt
        return verdict

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def close(self) -> None:
        """Nothing to stop."""


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note each Ctrl-C of the block; a `KeyboardInterrupt` does not tell whether it comes from the keyboard."""
    noted: list[int] = []
    default = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not default:
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        default(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, default)

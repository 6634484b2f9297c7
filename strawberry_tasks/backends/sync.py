"""Runs everything inline, before `enqueue` returns: for tests."""

from __future__ import annotations

import logging
from datetime import timedelta

from ..lifecycle import Work
from .base import Perform

logger = logging.getLogger(__name__)


class SyncBackend:
    """Performs a run in the thread that enqueues it. Delays and the waits between attempts are skipped."""

    inline = True

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def register(self, work: Work) -> None:
        """Nothing to prepare."""

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Perform the run, with all its attempts."""
        while (verdict := self._perform(work, run_id)).retry_in is not None:
            pass
        if verdict.error is not None:
            logger.error("Run %s (%s) failed.", run_id, work.name, exc_info=verdict.error)

    def close(self) -> None:
        """Nothing to stop."""

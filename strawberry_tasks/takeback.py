"""Removes the records of runs whose messages were not sent, also while the store is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from .errors import StoreUnavailableError
from .stores.base import Store

logger = logging.getLogger(__name__)

FOREGROUND = timedelta(milliseconds=500)
"""How long the caller waits for the records to be gone; an enqueue must fail within two seconds in all."""

PATIENCE = timedelta(minutes=5)
"""How long the removal is tried in the background, while the store is away."""


def take_back(store: Store, run_ids: Sequence[str]) -> None:
    """Discard runs that no message announces; returns at the latest after `FOREGROUND`, and goes on in the background."""
    thread = threading.Thread(
        target=_discard, args=(store, list(run_ids)), name="strawberry-tasks-take-back", daemon=True
    )
    thread.start()
    thread.join(FOREGROUND.total_seconds())


def _discard(store: Store, run_ids: list[str]) -> None:
    give_up = time.monotonic() + PATIENCE.total_seconds()
    pause = 0.1
    while True:
        try:
            while run_ids:
                store.discard(run_ids[0])
                del run_ids[0]
            return
        except StoreUnavailableError as error:
            if time.monotonic() + pause > give_up:
                logger.error("Runs %s were not started, but their records may be there still: %s", run_ids, error)
                return
        time.sleep(pause)
        pause = min(pause * 2, 10.0)

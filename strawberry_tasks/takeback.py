"""Removes the record of a run whose message was not sent, also while the store is away."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from .errors import StoreUnavailableError
from .stores.base import Store

logger = logging.getLogger(__name__)

FOREGROUND = timedelta(milliseconds=500)
"""How long the caller waits for the record to be gone; an enqueue must fail within two seconds in all."""

PATIENCE = timedelta(minutes=5)
"""How long the removal is tried in the background, while the store is away."""


def take_back(store: Store, run_id: str) -> None:
    """Discard a run that no message announces; returns at the latest after `FOREGROUND`, and goes on in the background."""
    thread = threading.Thread(target=_discard, args=(store, run_id), name="strawberry-tasks-take-back", daemon=True)
    thread.start()
    thread.join(FOREGROUND.total_seconds())


def _discard(store: Store, run_id: str) -> None:
    give_up = time.monotonic() + PATIENCE.total_seconds()
    pause = 0.1
    while True:
        try:
            return store.discard(run_id)
        except StoreUnavailableError as error:
            if time.monotonic() + pause > give_up:
                return logger.error("Run %s was not started, but its record may be there still: %s", run_id, error)
        time.sleep(pause)
        pause = min(pause * 2, 10.0)

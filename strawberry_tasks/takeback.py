"""Removes the records of runs whose message was not sent, also while the store is away."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from datetime import timedelta

from .errors import StoreUnavailableError
from .stores.base import Store

logger = logging.getLogger(__name__)

FOREGROUND = timedelta(milliseconds=500)
"""How long a caller waits for a record to be gone; an enqueue must fail within two seconds in all."""

PATIENCE = timedelta(minutes=5)
"""How long a removal is tried while the store is away."""

LONGEST_PAUSE = timedelta(seconds=2)
"""The longest wait between two tries."""


class TakeBack:
    """Discards records, one after the other, on one thread however many there are; it ends with the last one.

    Args:
        store: Where the records are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._removals: deque[_Removal] = deque()
        self._thread: threading.Thread | None = None

    def discard(self, run_id: str, *, wait: bool) -> None:
        """Discard a run that no message announces; goes on in the background where the store does not answer.

        Args:
            run_id: Which run.
            wait: Whether to return only once the record is gone, though at the latest after `FOREGROUND`.
        """
        removal = _Removal(run_id)
        with self._lock:
            self._removals.append(removal)
            if self._thread is None or not self._thread.is_alive():  # A forked child has the object, not the thread.
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-take-back", daemon=True)
                self._thread.start()
        if wait:
            removal.done.wait(FOREGROUND.total_seconds())

    def _run(self) -> None:
        pause = 0.1
        while (removal := self._next()) is not None:
            if removal.perform(self._store):
                self._removals.popleft()
                pause = 0.1
            else:
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE.total_seconds())

    def _next(self) -> _Removal | None:
        with self._lock:
            if not self._removals:
                self._thread = None
                return None
            return self._removals[0]


class _Removal:
    """A record that has to go."""

    def __init__(self, run_id: str) -> None:
        self.done = threading.Event()
        self._run_id = run_id
        self._give_up = time.monotonic() + PATIENCE.total_seconds()

    def perform(self, store: Store) -> bool:
        """Try once; return whether there is nothing more to do."""
        try:
            store.discard(self._run_id)
        except StoreUnavailableError as error:
            if time.monotonic() < self._give_up:
                return False
            logger.error("Run %s was not started, but its record may be there still: %s", self._run_id, error)
        except Exception:
            # The thread's boundary: the other removals must not wait for this one for ever.
            logger.exception("Run %s was not started, but its record may be there still.", self._run_id)
        self.done.set()
        return True

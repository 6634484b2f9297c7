"""One thread per process that writes what has changed to the database, also once that is back."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from django.db import connections

from ..outage import Outage
from ..stores.base import Store
from .outages import in_one_line, is_outage

logger = logging.getLogger(__name__)

GATHER: Final = 0.02
"""Seconds between a change and its writing: what follows at once is written along with it."""

BATCH: Final = 200
"""How many runs are written in one transaction."""

LINGER: Final = 2.0
"""Seconds that the thread, and its connection, stay when there is nothing to write."""

LAST_PAUSE: Final = 5.0
"""The longest pause between two tries while the database or the store is away, in seconds."""

MOST: Final = 100_000
"""How many runs may wait; the oldest are left to the workers' reconciliation then."""

Write = Callable[[Store, Sequence[str]], None]
"""Reads the state of runs from a store, and writes it to the database."""


class Writer:
    """Remembers which runs have changed, and has them written; knows no states, so that it is never out of date.

    Args:
        write: Writes some runs.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._dirty: dict[str, Store] = {}
        self._hurries = False
        self._thread: threading.Thread | None = None
        self._outage = Outage(logger)

    def add(self, run_id: str, store: Store) -> None:
        """Have a run written soon."""
        if (
            self._pid != os.getpid()
        ):  # A forked child has the object, not the thread, and the parent writes what was there.
            self._reset()
        with self._changed:
            self._dirty[run_id] = store
            if len(self._dirty) > MOST:
                del self._dirty[next(iter(self._dirty))]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-log", daemon=True)
                self._thread.start()
                atexit.unregister(self._flush_at_exit)
                atexit.register(self._flush_at_exit)
            self._changed.notify_all()

    def flush(self, patience: timedelta) -> None:
        """Wait until all is written and the thread has given its connection back, for so long at the most."""
        if self._pid != os.getpid():
            return
        with self._changed:
            self._hurries = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(lambda: self._thread is None, patience.total_seconds())
            self._hurries = False
        if not is_done:
            logger.warning("Some runs are not in the log yet; the workers will see to it.")

    def _flush_at_exit(self) -> None:
        self.flush(timedelta(seconds=5))

    def _run(self) -> None:
        pause = 0.0
        while (batch := self._next_batch(pause)) is not None:
            left = self._write_batch(batch)
            with self._changed:
                self._dirty = {**left, **self._dirty}
            pause = min(max(pause * 2, 0.1), LAST_PAUSE) if left else 0.0
            if left:
                connections.close_all()

    def _next_batch(self, pause: float) -> dict[str, Store] | None:
        """Wait for something to write; ``None`` tells the thread to end."""
        if pause:
            time.sleep(pause)
        with self._changed:
            if not self._changed.wait_for(lambda: self._dirty or self._hurries, LINGER) or not self._dirty:
                connections.close_all()
                self._thread = None
                self._changed.notify_all()
                return None
            if len(self._dirty) < BATCH:
                self._changed.wait_for(lambda: self._hurries, GATHER)
            return {run_id: self._dirty.pop(run_id) for run_id in list(self._dirty)[:BATCH]}

    def _write_batch(self, batch: dict[str, Store]) -> dict[str, Store]:
        """Write runs, and return those that have to be tried again."""
        left: dict[str, Store] = {}
        for store in set(batch.values()):
            ids = [run_id for run_id, place in batch.items() if place is store]
            left.update(dict.fromkeys(self._try(store, ids), store))
        return left

    def _try(self, store: Store, ids: Sequence[str]) -> Sequence[str]:
        try:
            self._write(store, ids)
        except Exception as error:
            if is_outage(error):
                self._outage.note("%d runs wait to be written to the log: %s", len(ids), in_one_line(error))
                return ids
            if len(ids) == 1:
                logger.exception("Run %s could not be written to the log.", ids[0])
            # One that the database refuses must not keep the others out.
            return [] if len(ids) == 1 else [run_id for one in ids for run_id in self._try(store, [one])]
        self._outage.end("Runs are written to the log again.")
        return []

"""Finds out what became of runs whose enqueue heard no answer, and takes them back unless a worker has begun them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from .errors import QueueUnavailableError, StoreUnavailableError
from .snapshot import Snapshot
from .stores.base import NewRun, Store

logger = logging.getLogger(__name__)

FOREGROUND = timedelta(milliseconds=500)
"""How long a caller waits to learn what became of its runs; an enqueue must fail within two seconds in all."""

PATIENCE = timedelta(minutes=5)
"""How long it is tried to take runs back while the store is away."""

LONGEST_PAUSE = timedelta(seconds=2)
"""The longest wait between two tries."""

_UNKNOWN: Final = "It is unknown whether these runs were started, and their files are kept: %s."

Again = Callable[[], Sequence[Snapshot]]
"""Enqueues runs once more, those that were enqueued before excepted, and returns all; raises `QueueUnavailableError`."""

Drop = Callable[[NewRun], None]
"""Drops what was kept for a run outside the store."""


class TakeBack:
    """Decides one case after the other, on one thread however many there are; it ends with the last one.

    Args:
        store: Where the records are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._cases: deque[_Case] = deque()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def resolve(self, runs: Sequence[NewRun], *, again: Again | None, drop: Drop) -> Sequence[Snapshot]:
        """Return runs that were started after all; take them back otherwise, in the background where the store is away.

        Args:
            runs: Runs that were enqueued together, and may or may not have been.
            again: Enqueues them in one step with their records, so that the store answers if it does; tried as long as the
                caller waits, which is `FOREGROUND`.
            drop: Called for each run that is gone for sure.

        Raises:
            QueueUnavailableError: If not all of them were started; it tells of which that is not known yet.
        """
        case = _Case(runs, again, drop)
        with self._lock:
            self._cases.append(case)
            if self._thread is None or not self._thread.is_alive():  # A forked child has the object, not the thread.
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-take-back", daemon=True)
                self._thread.start()
        return case.wait()

    def close(self) -> None:
        """Try once more, and give up what cannot be decided."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        pause = 0.1
        while (case := self._next()) is not None:
            is_last_try = self._closed.is_set()
            if case.decide(self._store):
                self._cases.popleft()
                pause = 0.1
            elif is_last_try or case.is_hopeless():
                self._cases.popleft().give_up()
            else:
                self._closed.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE.total_seconds())

    def _next(self) -> _Case | None:
        with self._lock:
            if not self._cases:
                self._thread = None
                return None
            return self._cases[0]


class _Case:
    """Runs of which nobody knows whether they were started."""

    def __init__(self, runs: Sequence[NewRun], again: Again | None, drop: Drop) -> None:
        self._runs = runs
        self._again = again
        self._drop = drop
        self._gone: set[str] = set()
        self._begun: dict[str, Snapshot] = {}
        self._started: Sequence[Snapshot] | None = None
        self._end = time.monotonic() + PATIENCE.total_seconds()
        self._lock = threading.Lock()
        self._is_awaited = True
        self._is_decided = threading.Event()

    def wait(self) -> Sequence[Snapshot]:
        """Return the runs once it is known that they were started.

        Raises:
            QueueUnavailableError: If they were not, or it is not known in time.
        """
        self._is_decided.wait(FOREGROUND.total_seconds())
        with self._lock:
            self._is_awaited = False
            if self._started is not None:
                return self._started
            raise QueueUnavailableError(unsettled=tuple(run.id for run in self._runs if run.id not in self._gone))

    def decide(self, store: Store) -> bool:
        """Try once; return whether there is nothing more to do."""
        try:
            if not self._enqueue_again():
                self._take_back(store)
        except StoreUnavailableError:
            return False
        except Exception:
            # The thread's boundary: the other cases must not wait for this one for ever.
            logger.exception(_UNKNOWN, self._names())
        self._is_decided.set()
        return True

    def is_hopeless(self) -> bool:
        """Tell whether it was tried for long enough."""
        return time.monotonic() > self._end

    def give_up(self) -> None:
        """Leave it at that."""
        logger.error(_UNKNOWN, self._names())
        self._is_decided.set()

    def _enqueue_again(self) -> bool:
        if self._again is None or not self._is_awaited:
            return False
        try:
            started = self._again()
        except QueueUnavailableError:
            return False
        return self._tell(started)

    def _take_back(self, store: Store) -> None:
        for run in self._unknown():
            present = store.discard(run.id)
            if present is not None:
                self._begun[run.id] = present
            else:
                self._drop(run)
                self._gone.add(run.id)
        if self._gone or not self._tell([self._begun[run.id] for run in self._runs]):
            for run_id in self._begun:
                logger.warning("Run %s was refused, but a worker had begun it; it goes on.", run_id)

    def _tell(self, started: Sequence[Snapshot]) -> bool:
        """Give the caller the runs; return whether it still waits for them."""
        with self._lock:
            if self._is_awaited:
                self._started = started
            return self._is_awaited

    def _unknown(self) -> list[NewRun]:
        return [run for run in self._runs if run.id not in self._gone and run.id not in self._begun]

    def _names(self) -> str:
        return ", ".join(f"{run.id} ({run.name})" for run in self._unknown())

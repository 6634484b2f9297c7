"""Runs Dramatiq's own worker threads inside this process, over its in-memory broker."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import timedelta

from dramatiq import Middleware, Worker
from dramatiq.brokers.stub import StubBroker

from ..lifecycle import Work
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from .base import Perform
from .dramatiq import DramatiqBackend, middleware

THREADS = 8
"""How many runs one process performs at a time."""


class ThreadBackend:
    """Same actors, retries and middleware as with worker processes; what is queued ends with the process."""

    def __init__(self, perform: Perform, more_middleware: Sequence[Middleware] = ()) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._worker_pid = 0
        self._actors = DramatiqBackend(StubBroker(middleware=[*middleware(), *more_middleware]), perform)

    def register(self, work: Work) -> None:
        """Declare the task's actor."""
        self._actors.register(work)

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs and send their messages; the first one starts the threads."""
        started = self._actors.start(work, runs, store=store)
        self._start()
        return started

    def is_atomic(self, store: Store) -> bool:
        """Tell that it takes two steps: the record comes first."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Enqueue the run's message; the first one starts the threads."""
        self._actors.send(work, run_id, queue=queue, delay=delay)
        self._start()

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def close(self) -> None:
        """Stop the threads once the attempts that are running have ended."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
                self._worker = None

    def _start(self) -> None:
        with self._lock:
            if self._worker is None or self._worker_pid != os.getpid():  # Threads do not survive a fork.
                self._worker = Worker(self._actors.broker, worker_timeout=200, worker_threads=THREADS)
                self._worker_pid = os.getpid()
                self._worker.start()

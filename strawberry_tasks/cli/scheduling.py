"""A scheduler inside a worker process."""

from __future__ import annotations

import threading

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from ..scheduler import Schedules


class Scheduling(Middleware):
    """Runs a scheduler on a thread for as long as the worker takes work."""

    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules
        self._stopped = threading.Event()

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start it."""
        threading.Thread(
            target=self._schedules.run, args=(self._stopped,), name="strawberry-tasks-scheduler", daemon=True
        ).start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Stop it."""
        self._stopped.set()

"""What a worker does beside performing runs: it has something looked after now and then, for as long as it works."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

logger = logging.getLogger(__name__)

FIRST: Final = (0.0, 1.0)
"""Seconds from a worker's start until the first time, at random: workers start together."""

PAUSE: Final = (10.0, 20.0)
"""Seconds between two times, at random."""


class Upkeep(Middleware):
    """Calls a function on a thread of its own while a worker works.

    Args:
        tend: Called now and then; may block.
        leave: Called once the worker has ended its runs.
    """

    def __init__(self, tend: Callable[[], None], leave: Callable[[], None]) -> None:
        self._tend = tend
        self._leave = leave
        self._ended = threading.Event()

    def begin(self) -> None:
        """Begin in the worker of this process."""
        # One that a stopped worker has left behind must not begin again with the next one.
        self._ended = ended = threading.Event()
        threading.Thread(target=self._run, args=(ended,), name="strawberry-tasks-upkeep", daemon=True).start()

    def end(self) -> None:
        """Come to an end with the worker."""
        self._ended.set()
        self._leave()

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Begin."""
        self.begin()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Begin nothing more."""
        self._ended.set()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Come to an end."""
        self.end()

    def _run(self, ended: threading.Event) -> None:
        pause = FIRST
        while not ended.wait(random.uniform(*pause)):  # noqa: S311 - spreads load, keeps no secret
            try:
                self._tend()
            except Exception:
                # The thread's boundary; the next time may go better.
                logger.exception("The worker could not look after its runs.")
            pause = PAUSE

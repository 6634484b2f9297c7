"""What a worker does beside performing runs: it looks for lost ones, and has the log looked after, for as long as it works."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

logger = logging.getLogger(__name__)

FIRST: Final = (0.0, 1.0)
"""Seconds from a worker's start until the first time, at random: workers start together."""

PAUSE: Final = (10.0, 20.0)
"""Seconds between two times that the log is looked after, at random; sweeps are no further apart."""

SHORTEST: Final = 0.5
"""Seconds between two sweeps at least, as with those who watch: a renewal that comes late after a blip still counts."""


class Upkeep(Middleware):
    """Looks after the runs of all workers, on a thread of its own while one works.

    An idle worker sweeps as well, several times in each lease. So a lease that lapses is noticed in time though nobody watches, and
    the silence of the worker that is lost is not taken for one of the server.

    Args:
        sweep: Takes runs from lost workers; may block.
        tend: Looks after the log; may block.
        leave: Called once the worker has ended its runs.
        lease: How long an attempt is leased.
    """

    def __init__(
        self, *, sweep: Callable[[], None], tend: Callable[[], None], leave: Callable[[], None], lease: timedelta
    ) -> None:
        self._sweep = sweep
        self._tend = tend
        self._leave = leave
        self._lease = lease.total_seconds()
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
        pause, next_tending = FIRST, 0.0
        while not ended.wait(random.uniform(*pause)):  # noqa: S311 - spreads load, keeps no secret
            self._try(self._sweep)
            if time.monotonic() >= next_tending:
                self._try(self._tend)
                next_tending = time.monotonic() + random.uniform(*PAUSE)  # noqa: S311 - likewise
            pause = self._between_sweeps()

    def _between_sweeps(self) -> tuple[float, float]:
        soonest, latest = min(PAUSE[0], self._lease / 8), min(PAUSE[1], self._lease / 4)
        return max(soonest, SHORTEST), max(latest, SHORTEST)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            # The thread's boundary; the next time may go better.
            logger.exception("The worker could not look after its runs.")

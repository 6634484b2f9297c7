"""Reports a worker for as long as it works: where it is, what it consumes, and what it performs."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.common import q_name
from dramatiq.middleware import Middleware

from ..errors import StoreUnavailableError
from ..keeper import Keeper
from ..stores.workers import Roll, WorkerInfo

logger = logging.getLogger(__name__)

LONGEST_PAUSE: Final = timedelta(seconds=2)
"""How old the runs of a report may be."""


class Presence(Middleware):
    """Reports the worker of this process, on a thread of its own.

    Args:
        roll: Where reports go.
        lease: How long a report counts; there is one each third of that, or each `LONGEST_PAUSE`.
        keeper: Returns what knows the runs that this process performs.
    """

    def __init__(self, roll: Roll, *, lease: timedelta, keeper: Callable[[], Keeper]) -> None:
        self._roll = roll
        self._pause = min(lease / 3, LONGEST_PAUSE).total_seconds()
        self._keeper = keeper
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Begin."""
        # One that a stopped worker has left behind must not begin again with the next one.
        self._ended = ended = threading.Event()
        target, name = self._report, "strawberry-tasks-presence"
        self._thread = threading.Thread(target=target, args=(worker, ended), name=name, daemon=True)
        self._thread.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Leave: what still runs comes to its end, and nothing new begins."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _report(self, worker: Worker, ended: threading.Event) -> None:
        worker_id, started_at, host = str(uuid4()), datetime.now(UTC), socket.gethostname()
        while True:
            report = WorkerInfo(
                id=worker_id,
                host=host,
                pid=os.getpid(),
                # Dramatiq's stock brokers have one more of each, for delayed messages.
                queues=sorted({q_name(queue) for queue in list(worker.consumers)}),
                threads=worker.worker_threads,
                started_at=started_at,
                runs=self._keeper().runs(),
            )
            self._try(partial(self._roll.note, report))
            if ended.wait(self._pause):
                break
        self._try(partial(self._roll.forget, worker_id))
        self._roll.close()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreUnavailableError as error:
            # Those who fetch messages warn of it.
            logger.debug("The worker could not be reported: %s", error)
        except Exception:
            # The thread's boundary; the next time may go better.
            logger.exception("The worker could not be reported.")

"""Ends a worker promptly: it begins nothing more from the moment it is told to end, and it ends with its parent.

The main loop of Dramatiq's worker processes sleeps for a second at a time, and their threads go on beginning messages until it
wakes up. A master that is killed leaves its processes to themselves, and they go on for ever.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, PriorityQueue
from types import FrameType
from typing import Any, Final

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

logger = logging.getLogger(__name__)

_SIGNALS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""What Dramatiq ends its worker processes with."""

_PARENT_CHECK: Final = 0.5
"""Seconds between two looks at whether the parent is there."""


class WorkQueue(PriorityQueue[Any]):
    """A worker's queue of fetched messages, which its threads find empty once it is closed."""

    is_closed = False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the next message; of a closed queue only to those who do not wait, as Dramatiq does to give messages back."""
        item = super().get(block, timeout)
        if block and self.is_closed:
            self.put(item)
            self.task_done()
            # A moment's rest, or the thread would take the same message again and again.
            threading.Event().wait(0.1)
            raise Empty
        return item


class PromptEnd(Middleware):
    """Closes a worker's queue with the very signal that ends its process, and sends that signal when the parent is gone.

    Args:
        stop: Called with the signal, on a thread of its own, to give back at once what waits.
    """

    def __init__(self, stop: Callable[[Worker], None]) -> None:
        self._stop = stop

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Give the worker a queue that can be closed."""
        if not isinstance(worker.work_queue, WorkQueue):
            worker.work_queue = WorkQueue()

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Stand before Dramatiq's handlers; only in a process that Dramatiq has started for its worker."""
        if multiprocessing.parent_process() is None or threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            former = signal.getsignal(number)
            if callable(former):
                signal.signal(number, partial(self._end, worker, former))
        threading.Thread(target=_end_with_parent, name="strawberry-tasks-parent", daemon=True).start()

    def _end(
        self, worker: Worker, former: Callable[[int, FrameType | None], Any], number: int, frame: FrameType | None
    ) -> None:
        queue: Any = worker.work_queue
        if not queue.is_closed:
            queue.is_closed = True
            threading.Thread(target=self._stop, args=(worker,), name="strawberry-tasks-end", daemon=True).start()
        former(number, frame)


def _end_with_parent() -> None:
    parent = os.getppid()
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_PARENT_CHECK)
    logger.warning("The process that started this worker is gone; the worker ends, too.")
    os.kill(os.getpid(), signal.SIGTERM)

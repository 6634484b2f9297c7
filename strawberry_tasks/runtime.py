"""What one process uses to enqueue, perform and watch runs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from dramatiq.asyncio import EventLoopThread

from .backends.base import Backend
from .config import IO_THREADS, MAX_IO_WAIT
from .control import Control
from .errors import QueueUnavailableError, StoreUnavailableError
from .hub import Hub
from .keeper import Keeper
from .progress import ProgressFlusher
from .stores.base import Store
from .takeback import TakeBack

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class CoroutineThread:
    """One event loop on a thread of its own, on which a process runs its async tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: EventLoopThread | None = None

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop, and wait for its result."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = EventLoopThread(logger)
                self._thread.daemon = True
                self._thread.start()
        return self._thread.run_coroutine(coroutine)

    def close(self) -> None:
        """Stop the loop."""
        with self._lock:
            if self._thread is not None:
                self._thread.stop()  # type: ignore[no-untyped-call]
                self._thread = None


class IoThreads:
    """A few threads for calls that do I/O. In an outage, who waited for one fails without waiting once more."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(IO_THREADS, thread_name_prefix="strawberry-tasks-io")
        self._last_outage = 0.0

    async def call(self, function: Callable[[], R]) -> R:
        """Call a function in a thread; the running event loop goes on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._call, time.monotonic(), function)

    def close(self) -> None:
        """Stop the threads once they have nothing to do."""
        self._executor.shutdown(wait=True)

    def _call(self, asked: float, function: Callable[[], R]) -> R:
        if self._last_outage > asked and time.monotonic() - asked > MAX_IO_WAIT.total_seconds():
            raise StoreUnavailableError(
                "The task store or the queue does not answer, nor did it answer others just now."
            )
        try:
            return function()
        except (StoreUnavailableError, QueueUnavailableError):
            self._last_outage = time.monotonic()
            raise


class Runtime:
    """The parts that carry a run, as `Tasks` or a test has put them together.

    Attributes:
        store: Keeps the snapshots.
        backend: Carries runs to their functions.
        hub: Fans the store's changes out.
        flusher: Writes progress.
        keeper: Keeps the leases of what runs.
        control: Ends runs from outside, and starts them again.
        take_back: Removes the records of runs that could not be sent.
        coroutines: Runs async tasks.
        io: Keeps the calls to the store and the queue off the event loops.
    """

    __slots__ = ("backend", "control", "coroutines", "flusher", "hub", "io", "keeper", "store", "take_back")

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend,
        hub: Hub,
        flusher: ProgressFlusher,
        keeper: Keeper,
        control: Control,
    ) -> None:
        self.store = store
        self.backend = backend
        self.hub = hub
        self.flusher = flusher
        self.keeper = keeper
        self.control = control
        self.take_back = TakeBack(store)
        self.coroutines = CoroutineThread()
        self.io = IoThreads()

    async def off_loop(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that does I/O without blocking the running event loop; context variables are passed on.

        Raises:
            StoreUnavailableError: If the call waited for others that found the store or the queue away.
        """
        context = contextvars.copy_context()
        return await self.io.call(lambda: context.run(function, *args, **kwargs))

    def close(self) -> None:
        """Stop what runs inside this process, and give back connections."""
        self.backend.close()
        self.keeper.close()
        self.flusher.close()
        self.hub.close()
        self.coroutines.close()
        self.io.close()
        self.store.close()

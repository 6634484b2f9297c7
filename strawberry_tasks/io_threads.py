"""Keeps calls that do I/O off the event loops, on a few threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .config import IO_THREADS, MAX_IO_WAIT
from .errors import QueueUnavailableError, StoreUnavailableError, lacks_memory
from .surroundings import Surroundings, entered

R = TypeVar("R")


class IoThreads:
    """A few threads for calls that do I/O. In an outage, who waited for one fails without waiting once more.

    Args:
        surroundings: Surround each call.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._executor = ThreadPoolExecutor(IO_THREADS, thread_name_prefix="strawberry-tasks-io")
        self._last_outage = 0.0

    async def call(self, function: Callable[[], R]) -> R:
        """Call a function in a thread; the running event loop goes on meanwhile.

        Raises:
            StoreUnavailableError: If it waited for a thread while others found the store or the queue away.
        """
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
            with entered(self._surroundings) as trouble:
                if trouble is not None:
                    raise trouble
                return function()
        except (StoreUnavailableError, QueueUnavailableError) as error:
            # One that has no memory for more answers all the same, and at once.
            if not lacks_memory(error):
                self._last_outage = time.monotonic()
            raise

"""What one process uses to enqueue, perform and watch runs."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .async_attempts import AsyncAttempts
from .backends.base import Backend
from .control import Control
from .coroutines import CoroutineThread
from .hub import Hub
from .io_threads import IoThreads
from .keeper import Keeper
from .progress import ProgressFlusher
from .stores.base import Store
from .takeback import TakeBack

P = ParamSpec("P")
R = TypeVar("R")


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
        async_attempts: Performs async tasks that hold no thread each.
        io: Keeps the calls to the store and the queue off the event loops.
    """

    __slots__ = (
        "async_attempts",
        "backend",
        "control",
        "coroutines",
        "flusher",
        "hub",
        "io",
        "keeper",
        "store",
        "take_back",
    )

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend,
        hub: Hub,
        flusher: ProgressFlusher,
        keeper: Keeper,
        control: Control,
        async_concurrency: int,
    ) -> None:
        self.store = store
        self.backend = backend
        self.hub = hub
        self.flusher = flusher
        self.keeper = keeper
        self.control = control
        self.take_back = TakeBack(store)
        self.coroutines = CoroutineThread()
        self.async_attempts = AsyncAttempts(self, concurrency=async_concurrency)
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
        self.async_attempts.close()
        self.keeper.close()
        self.flusher.close()
        self.hub.close()
        self.coroutines.close()
        self.io.close()
        self.store.close()

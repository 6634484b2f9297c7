"""What a framework wants done around the code that runs in threads and on loops which are not its own."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol, TypeVar

R = TypeVar("R")


class Surroundings(Protocol):
    """Keeps what belongs to a thread in order, such as its connections to a database."""

    def in_thread(self) -> AbstractContextManager[None]:
        """Surround what one thread does for a run: an attempt of a sync task, or a part of one of an async task."""

    def on_loop(self) -> AbstractAsyncContextManager[None]:
        """Surround an attempt of an async task, on the event loop that it shares with others."""

    async def off_loop(self, function: Callable[[], R], otherwise: Callable[[Callable[[], R]], Awaitable[R]]) -> R:
        """Call a function that does I/O for the code that awaits it.

        Args:
            function: What to call.
            otherwise: Calls it in one of the package's own threads, for want of a better one.
        """


class PlainSurroundings:
    """Does nothing."""

    def in_thread(self) -> AbstractContextManager[None]:
        """Surround nothing."""
        return contextlib.nullcontext()

    def on_loop(self) -> AbstractAsyncContextManager[None]:
        """Surround nothing."""
        return contextlib.nullcontext()

    async def off_loop(self, function: Callable[[], R], otherwise: Callable[[Callable[[], R]], Awaitable[R]]) -> R:
        """Leave it to the package's own threads."""
        return await otherwise(function)

"""What a framework wants done around the code that runs in threads and on loops which are not its own."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final, Protocol, TypeVar

logger = logging.getLogger(__name__)

R = TypeVar("R")

_LEFT_IN_DISORDER: Final = "The surroundings of an attempt, or of a call, could not be left in order."


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


@contextmanager
def entered(surroundings: Surroundings) -> Iterator[BaseException | None]:
    """Stand in the surroundings of a thread for the block.

    Yields:
        What entering them has raised, if it has; leaving them hurts nothing, since what stood in them is done by then.
    """
    try:
        around = surroundings.in_thread()
        around.__enter__()
    except BaseException as error:  # noqa: BLE001 - for who stands in them to end with
        yield error
        return
    try:
        yield None
    finally:
        try:
            around.__exit__(*sys.exc_info())
        except Exception:
            logger.exception(_LEFT_IN_DISORDER)


@asynccontextmanager
async def entered_on_loop(surroundings: Surroundings) -> AsyncIterator[None]:
    """Stand in the surroundings of an event loop for the block; leaving them hurts nothing."""
    around = surroundings.on_loop()
    await around.__aenter__()
    try:
        yield
    finally:
        try:
            await around.__aexit__(*sys.exc_info())
        except Exception:
            logger.exception(_LEFT_IN_DISORDER)


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

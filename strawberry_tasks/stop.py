"""Tells an attempt that runs to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .errors import TaskCanceled

R = TypeVar("R")

Listener = Callable[[type[TaskCanceled]], None]
"""Called once, with what is to be raised in the function; from any thread."""


class AttemptLost(TaskCanceled):
    """The attempt's lease has lapsed: the run is given to another one, and whatever this one writes is refused."""


class AttemptGivenBack(TaskCanceled):
    """The worker comes to its end: the run goes on elsewhere, and this attempt uses up no retry."""


class StopSignal:
    """What one attempt hears when it has to stop.

    Attributes:
        is_noticed: Whether its function was told, by an exception of any kind.
        is_over: Whether its function has ended, so that there is nothing to stop any more.
    """

    __slots__ = ("_listener", "_lock", "_reason", "is_noticed", "is_over")

    def __init__(self) -> None:
        self.is_noticed = False
        self.is_over = False
        self._lock = threading.Lock()
        self._reason: type[TaskCanceled] | None = None
        self._listener: Listener | None = None

    @property
    def reason(self) -> type[TaskCanceled] | None:
        """Why it has to stop, ``None`` if it does not."""
        return self._reason

    def send(self, reason: type[TaskCanceled]) -> None:
        """Tell the attempt to stop; told again, it makes a difference only if it was lost since."""
        with self._lock:
            is_first = self._reason is None
            if is_first or issubclass(reason, AttemptLost):
                self._reason = reason
            if is_first and self._listener is not None:
                self._listener(reason)

    def check(self) -> None:
        """Raise if the attempt has to stop.

        Raises:
            TaskCanceled: If it was told so.
        """
        if self._reason is not None:
            self.is_noticed = True
            raise self._reason

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Call a function when the attempt is told to stop during the block, or was before."""
        with self._lock:
            self._listener = listener
            if self._reason is not None:
                listener(self._reason)
        try:
            yield
        finally:
            with self._lock:
                self._listener = None


async def await_unless_stopped(stop: StopSignal, awaitable: Awaitable[R]) -> R:
    """Await; cancel it when the attempt is told to stop.

    Raises:
        TaskCanceled: If it was, and did not finish all the same.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    inside, canceled = True, False

    def cancel() -> None:
        nonlocal canceled
        # Called by the loop, it may come when the function has returned just before.
        if inside and task is not None:
            stop.is_noticed = canceled = True
            task.cancel()

    try:
        with stop.heard_by(lambda _: _call_soon(loop, cancel)):
            return await awaitable
    except asyncio.CancelledError as error:
        if canceled and stop.reason is not None:
            raise stop.reason from error
        raise
    finally:
        inside = False
        if canceled and task is not None:
            task.uncancel()


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(callback)

"""What ends a function before its time: the limit of its attempt, and for a sync one that it was told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Self, TypeVar

from dramatiq.middleware import Interrupt, raise_thread_exception

from .errors import TaskCanceled
from .stop import StopSignal

R = TypeVar("R")


class DeadlineExceeded(Interrupt):
    """The attempt took longer than its task's ``timeout``.

    Not an `Exception`, so that a broad ``except Exception`` in the function does not swallow it.
    """


def call_within(limit: timedelta | None, function: Callable[[], R], *, stop: StopSignal, grace: timedelta | None) -> R:
    """Call a sync function; interrupt it when the limit is over, or some time after it was told to stop.

    The interrupt arrives between two bytecodes: a function that waits in C code notices when that returns.

    Args:
        limit: How long it may take.
        function: What to call.
        stop: Tells it to stop.
        grace: How long it may go on then; ``None`` leaves it to the function.

    Raises:
        DeadlineExceeded: If the function was still running at the limit.
        TaskCanceled: If it was still running when the grace was over.
    """
    if limit is None and grace is None:
        return function()

    def interrupt_later(reason: type[TaskCanceled]) -> None:
        if grace is not None:
            interruption.schedule(grace, lambda: _notice(stop, reason))

    with _Interruption() as interruption, stop.heard_by(interrupt_later):
        if limit is not None:
            interruption.schedule(limit, lambda: DeadlineExceeded)
        return function()


def _notice(stop: StopSignal, reason: type[TaskCanceled]) -> type[TaskCanceled]:
    stop.is_noticed = True
    return reason


async def await_within(
    limit: timedelta | None, awaitable: Awaitable[R], *, stalled: Callable[[], float] = lambda: 0.0
) -> R:
    """Await; cancel it when the limit is over.

    Args:
        limit: How long it may take.
        awaitable: What to await.
        stalled: Returns for how many seconds in all others have held the event loop up; that time does not count.

    Raises:
        DeadlineExceeded: If it was still running at the limit.
    """
    if limit is None:
        return await awaitable
    loop = asyncio.get_running_loop()
    scope = asyncio.timeout(None)
    counted = stalled()
    timer: asyncio.TimerHandle

    def end() -> None:
        nonlocal counted, timer
        before, counted = counted, stalled()
        if counted > before:
            timer = loop.call_later(counted - before, end)
        else:
            scope.reschedule(loop.time())

    timer = loop.call_later(limit.total_seconds(), end)
    try:
        async with scope:
            return await awaitable
    except TimeoutError as error:
        if scope.expired():
            raise DeadlineExceeded from error
        raise
    finally:
        timer.cancel()


class _Interruption:
    """Raises exceptions in the thread that entered it, unless that has left by then."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._inside = True
        self._raised: type[BaseException] | None = None
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> Self:
        return self

    def schedule(self, delay: timedelta, kind: Callable[[], type[BaseException]]) -> None:
        """Raise what a function returns, after so much time."""
        timer = threading.Timer(delay.total_seconds(), self._interrupt, [kind])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            self._inside = False
        for timer in self._timers:
            timer.cancel()
        if self._raised is not None and kind is not self._raised:
            # Set but not delivered yet: it would surface in whatever this thread does next.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def _interrupt(self, kind: Callable[[], type[BaseException]]) -> None:
        with self._lock:
            if self._inside:
                self._raised = kind()
                raise_thread_exception(self._thread, self._raised)  # type: ignore[no-untyped-call]

"""What ends a function before its time: the limit of its attempt, and for a sync one that it was told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from datetime import timedelta
from functools import partial
from typing import Any, Generic, Self, TypeVar

from dramatiq.middleware import Interrupt, raise_thread_exception

from .errors import TaskCanceled, TaskTimeout
from .stop import StopSignal

R = TypeVar("R")


class DeadlineExceeded(Interrupt):
    """The attempt took longer than its task's ``timeout``; what the function was told first is its cause."""


def call_within(limit: timedelta | None, function: Callable[[], R], *, stop: StopSignal, grace: timedelta | None) -> R:
    """Call a sync function; interrupt it when the limit is over, or some time after it was told to stop.

    The interrupt arrives between two bytecodes: a function that waits in C code notices when that returns. It is a `TaskTimeout`
    first, and no `Exception` if the function goes on for as long again.

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

    try:
        with _Interruption() as interruption, stop.heard_by(interrupt_later):
            if limit is not None:
                interruption.schedule(limit, lambda: TaskTimeout, lambda: DeadlineExceeded)
            return function()
    except (TaskTimeout, BaseExceptionGroup) as error:
        if _is_of_limit(error):
            raise DeadlineExceeded from error
        raise


def _is_of_limit(error: BaseException) -> bool:
    """Tell whether the limit alone has ended a function, also where it comes out of a task group."""
    return not isinstance(error, BaseExceptionGroup) or error.split(TaskTimeout)[1] is None


def _notice(stop: StopSignal, reason: type[TaskCanceled]) -> type[TaskCanceled]:
    stop.is_noticed = True
    return reason


async def await_within(
    limit: timedelta | None, awaitable: Awaitable[R], *, stalled: Callable[[], float] = lambda: 0.0
) -> R:
    """Await; raise `TaskTimeout` in what is awaited when the limit is over, and cancel it if it goes on for as long again.

    Args:
        limit: How long it may take.
        awaitable: What to await.
        stalled: Returns for how many seconds in all others have held the event loop up; that time does not count.

    Raises:
        DeadlineExceeded: If it was still running at the limit.
    """
    if limit is None:
        return await awaitable
    interruptible = _Interruptible(awaitable)
    scope = asyncio.timeout(None)
    loop = asyncio.get_running_loop()
    timer = _Timer(limit.total_seconds(), stalled, interruptible.time_out, lambda: scope.reschedule(loop.time()))
    try:
        async with scope:
            return await interruptible
    except (TaskTimeout, BaseExceptionGroup) as error:
        if _is_of_limit(error):
            raise DeadlineExceeded from error
        raise
    except TimeoutError as error:
        if scope.expired():
            raise DeadlineExceeded from error
        raise
    finally:
        timer.cancel()


class _Timer:
    """Calls functions, one each time that so many seconds have passed, those not counted in which the event loop was held up."""

    def __init__(self, seconds: float, stalled: Callable[[], float], *functions: Callable[[], object]) -> None:
        self._seconds = seconds
        self._stalled = stalled
        self._functions = deque(functions)
        self._counted = stalled()
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(seconds, self._end)

    def cancel(self) -> None:
        """Call none of those that are left."""
        self._handle.cancel()

    def _end(self) -> None:
        before, self._counted = self._counted, self._stalled()
        if self._counted > before:
            self._handle = self._loop.call_later(self._counted - before, self._end)
            return
        self._functions.popleft()()
        if self._functions:
            self._handle = self._loop.call_later(self._seconds, self._end)


class _Interruptible(Generic[R]):
    """Awaits in the present asyncio task, and lets `TaskTimeout` be raised where that waits, by way of a cancellation."""

    def __init__(self, awaitable: Awaitable[R]) -> None:
        self._awaitable = awaitable
        self._is_told = False
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that is awaited has one
        self._task = task
        self._cancelling = task.cancelling()

    def time_out(self) -> None:
        """Raise it."""
        self._is_told = True
        self._task.cancel()

    def __await__(self) -> Generator[Any, Any, R]:
        """Pass everything on, but that cancellation."""
        inner = self._awaitable.__await__()
        step: Callable[[], Any] = partial(inner.send, None)
        while True:
            try:
                waiting = step()
            except StopIteration as end:
                value: R = end.value
                return value
            try:
                sent = yield waiting
                step = partial(inner.send, sent)
            except BaseException as error:  # noqa: BLE001 - whatever is raised where it waits
                step = partial(inner.throw, self._told(error))

    def _told(self, error: BaseException) -> BaseException:
        if not (self._is_told and isinstance(error, asyncio.CancelledError)):
            return error
        self._is_told = False
        # Somebody may have cancelled the task at the same time.
        return error if self._task.uncancel() > self._cancelling else TaskTimeout()


class _Interruption:
    """Raises exceptions in the thread that entered it, unless that has left by then."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        # Reentrant: what strikes while the thread leaves has it leave once more.
        self._lock = threading.RLock()
        self._inside = True
        self._raised: type[BaseException] | None = None
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> Self:
        return self

    def schedule(self, delay: timedelta, *kinds: Callable[[], type[BaseException]]) -> None:
        """Raise what each function returns, each time after so much time."""
        timer = threading.Timer(delay.total_seconds(), self._interrupt, [delay, *kinds])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def __exit__(self, *_: object) -> None:
        try:
            self._leave()
        except BaseException:
            # It struck just here.
            self._leave()
            raise

    def _leave(self) -> None:
        with self._lock:
            self._inside = False
        for timer in self._timers:
            timer.cancel()
        if self._raised is not None:
            # Maybe set but not delivered yet: it would surface in whatever this thread does next.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def _interrupt(
        self, delay: timedelta, kind: Callable[[], type[BaseException]], *more: Callable[[], type[BaseException]]
    ) -> None:
        with self._lock:
            if not self._inside:
                return
            self._raised = kind()
            raise_thread_exception(self._thread, self._raised)  # type: ignore[no-untyped-call]
            if more:
                self.schedule(delay, *more)

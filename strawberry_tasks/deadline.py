"""The time limit of one attempt, for sync and for async functions."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from dramatiq.middleware import Interrupt, raise_thread_exception

R = TypeVar("R")


class DeadlineExceeded(Interrupt):
    """The attempt took longer than its task's ``timeout``.

    Not an `Exception`, so that a broad ``except Exception`` in the function does not swallow it.
    """


def call_within(limit: timedelta | None, function: Callable[[], R]) -> R:
    """Call a sync function; interrupt it when the limit is over.

    The interrupt arrives between two bytecodes: a function that waits in C code notices when that returns.

    Raises:
        DeadlineExceeded: If the function was still running at the limit.
    """
    if limit is None:
        return function()
    with _Interruption(limit):
        return function()


async def await_within(limit: timedelta | None, awaitable: Awaitable[R]) -> R:
    """Await; cancel it when the limit is over.

    Raises:
        DeadlineExceeded: If it was still running at the limit.
    """
    scope = asyncio.timeout(None if limit is None else limit.total_seconds())
    try:
        async with scope:
            return await awaitable
    except TimeoutError as error:
        if scope.expired():
            raise DeadlineExceeded from error
        raise


class _Interruption:
    """Raises `DeadlineExceeded` in the thread that entered it, unless that has left by then."""

    def __init__(self, limit: timedelta) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._inside = True
        self._raised = False
        self._timer = threading.Timer(limit.total_seconds(), self._interrupt)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._inside = False
        if self._raised and kind is not DeadlineExceeded:
            # Set but not delivered yet: it would surface in whatever this thread does next.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def _interrupt(self) -> None:
        with self._lock:
            if self._inside:
                self._raised = True
                raise_thread_exception(self._thread, DeadlineExceeded)  # type: ignore[no-untyped-call]

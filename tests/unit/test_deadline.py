"""The time limit of one attempt: it strikes in time, and never afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from strawberry_tasks.deadline import DeadlineExceeded, await_within, call_within
from strawberry_tasks.stop import StopSignal

SHORT, LONG = timedelta(milliseconds=30), timedelta(minutes=1)


def within(limit: timedelta | None, function: Callable[[], Any]) -> Any:
    """Call a function that nobody tells to stop."""
    return call_within(limit, function, stop=StopSignal(), grace=None)


def spin(seconds: float = 10) -> str:
    """Work in Python code for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "done"


@pytest.mark.parametrize("limit", [None, LONG])
def test_function_in_time(limit: timedelta | None) -> None:
    """A function that is done in time returns what it returns, and leaves no timer behind."""
    before = threading.active_count()

    assert within(limit, lambda: 5) == 5

    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline


def test_function_past_its_limit() -> None:
    """A function that goes on is interrupted, long before it is done."""
    started = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        within(SHORT, spin)

    assert time.monotonic() - started < 5


def test_broad_except_does_not_swallow_it() -> None:
    """``except Exception`` in the function lets the interrupt through."""

    def stubborn() -> None:
        try:
            spin()
        except Exception:  # noqa: BLE001
            spin()

    with pytest.raises(DeadlineExceeded):
        within(SHORT, stubborn)


@pytest.mark.parametrize("error", [None, ValueError])
def test_nothing_strikes_afterwards(error: type[Exception] | None) -> None:
    """An interrupt that comes while the function ends, well or badly, does not strike what the thread does next."""

    def ending() -> None:
        if error is not None:
            raise error

    for _ in range(200):
        with contextlib.suppress(DeadlineExceeded, ValueError):
            within(timedelta(microseconds=50), ending)
        try:
            spin(0.0005)
        except DeadlineExceeded:
            pytest.fail("struck after the block")


async def test_awaitable_in_time() -> None:
    """What is done in time gives its result."""

    async def work() -> int:
        return 5

    assert await await_within(LONG, work()) == 5
    assert await await_within(None, work()) == 5


async def test_awaitable_past_its_limit() -> None:
    """What goes on is cancelled, and may clean up."""
    cleaned = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    with pytest.raises(DeadlineExceeded):
        await await_within(SHORT, work())

    assert cleaned.is_set()


async def test_timeout_error_of_its_own() -> None:
    """A `TimeoutError` from inside stays one."""

    async def work() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await await_within(LONG, work())


async def test_cancelled_from_outside() -> None:
    """Whoever cancels the attempt itself sees a cancellation, not a timeout."""
    task = asyncio.ensure_future(await_within(LONG, asyncio.Event().wait()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

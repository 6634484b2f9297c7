"""The time limit of one attempt: it strikes in time, and never afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from strawberry_tasks import TaskTimeout
from strawberry_tasks.deadline import DeadlineExceeded, _Interruptible, await_within, call_within
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


def test_a_function_can_catch_it() -> None:
    """What it returns then counts; and what it raises."""

    def tidy() -> str:
        try:
            spin()
        except TaskTimeout:
            return "half done"
        return "done"

    def give_up() -> None:
        try:
            spin()
        except TimeoutError as error:
            raise ValueError("too large") from error

    assert within(SHORT, tidy) == "half done"
    with pytest.raises(ValueError, match="too large"):
        within(SHORT, give_up)


def test_broad_except_does_not_swallow_it() -> None:
    """What goes on after ``except Exception`` is interrupted once more, by what that lets through."""

    def stubborn() -> None:
        try:
            spin()
        except Exception:  # noqa: BLE001
            spin()

    with pytest.raises(DeadlineExceeded):
        within(SHORT, stubborn)


async def test_a_coroutine_can_catch_it() -> None:
    """Wherever it waits, as deep as may be: in a coroutine, a group, a queue, for another task."""

    async def wait() -> None:
        await asyncio.Event().wait()

    async def for_another() -> None:
        await asyncio.wait_for(wait(), 60)

    async def for_several() -> None:
        await asyncio.gather(wait(), wait())

    async def tidy(waiting: Callable[[], Awaitable[object]]) -> str:
        try:
            await waiting()
        except TaskTimeout:
            await asyncio.sleep(0)
            return "half done"
        return "done"

    before = asyncio.all_tasks()
    for waiting in (wait, for_another, for_several, asyncio.Queue[int]().get, asyncio.Barrier(2).wait):
        assert await await_within(SHORT, tidy(waiting)) == "half done"
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before, waiting


async def test_it_comes_out_of_task_groups() -> None:
    """As the limit, whatever a group makes of it; and as part of a group where more went wrong."""

    async def work(*, fail: bool) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            try:
                await asyncio.Event().wait()
            finally:
                if fail:
                    raise ValueError("while it was cleaned up")

    with pytest.raises(DeadlineExceeded):
        await await_within(SHORT, work(fail=False))
    with pytest.raises(ExceptionGroup):
        await await_within(SHORT, work(fail=True))


async def test_a_coroutine_that_goes_on_is_cancelled() -> None:
    """What goes on after ``except Exception`` has as much time again."""

    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(Exception):
                await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded):
        await await_within(SHORT, stubborn())


async def test_a_coroutine_that_is_canceled_is_not_timed_out() -> None:
    """A cancellation that comes with the limit, or after it was caught, stays one."""
    seen: list[type[BaseException]] = []

    async def note() -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            seen.append(type(error))
            raise

    async def cancel_twice() -> None:
        interruptible = _Interruptible(note())
        interruptible.time_out()
        task.cancel()
        await interruptible

    task = asyncio.create_task(cancel_twice())
    await asyncio.wait([task])

    assert task.cancelled()
    assert seen == [asyncio.CancelledError]


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

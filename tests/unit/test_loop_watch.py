"""A watch on an event loop, and limits that do not count what others have held up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from strawberry_tasks.coroutines import CoroutineThread
from strawberry_tasks.deadline import DeadlineExceeded, await_within
from tests.patience import SECONDS
from tests.processes import wait_until


@pytest.fixture
def coroutines() -> Iterator[CoroutineThread]:
    """A loop on a thread of its own."""
    thread = CoroutineThread()
    yield thread
    thread.close()


def start(coroutines: CoroutineThread, release: threading.Event, label: str) -> None:
    """Block the loop until the event is set."""

    async def block() -> None:
        release.wait(SECONDS)

    coroutines.start(block(), label=label, context=contextvars.copy_context())


def test_who_blocks_is_named_once(coroutines: CoroutineThread, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that does not answer for a second gives one warning, with the label and the stack."""
    release = threading.Event()

    start(coroutines, release, "the culprit")
    wait_until(lambda: caplog.records, "the warning")
    release.set()

    assert coroutines.run(asyncio.sleep(0, "free"), label="next") == "free"
    (record,) = caplog.records
    assert "the culprit has blocked" in record.getMessage()
    assert "release.wait(SECONDS)" in record.getMessage()


def test_a_loop_at_work_is_not_named(coroutines: CoroutineThread, caplog: pytest.LogCaptureFixture) -> None:
    """A coroutine that waits as it should gives no warning, however long it takes."""
    coroutines.run(asyncio.sleep(1.3), label="innocent")

    assert not caplog.records
    assert coroutines.stalled(except_by="nobody") == 0


def test_a_stall_is_charged_to_its_cause(coroutines: CoroutineThread) -> None:
    """Others are credited the time, and the one that caused it is not."""

    def charged() -> float:
        return coroutines.stalled(except_by="bystander") - coroutines.stalled(except_by="culprit")

    async def block() -> float:
        # Where the whole process stands still, it is nobody's fault.
        while not charged():
            began = time.monotonic()
            while time.monotonic() < began + 0.6:
                pass
            await asyncio.sleep(0)
        return charged()

    assert 0.3 < coroutines.run(block(), label="culprit") < 2


async def test_a_limit_ends_what_takes_too_long() -> None:
    """The awaitable is canceled."""
    with pytest.raises(DeadlineExceeded):
        await await_within(timedelta(milliseconds=10), asyncio.Event().wait())


async def test_a_limit_does_not_count_what_others_held_up() -> None:
    """The limit moves by the time that was lost, each second of it once."""
    lost = iter([0.0, 0.05, 0.05])
    began = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        await await_within(timedelta(milliseconds=50), asyncio.Event().wait(), stalled=lambda: next(lost))

    assert time.monotonic() - began >= 0.1


async def test_what_is_in_time_returns() -> None:
    """The value of the awaitable comes back."""
    assert await await_within(timedelta(seconds=10), asyncio.sleep(0, "value")) == "value"


async def test_a_timeout_of_the_function_is_its_own_error() -> None:
    """A `TimeoutError` that the function raises is not taken for the limit."""

    async def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await await_within(timedelta(seconds=10), fail())

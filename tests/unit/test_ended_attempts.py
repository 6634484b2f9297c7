"""Functions that take too long, or leave in ways of their own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from dramatiq.middleware import Shutdown

from strawberry_tasks import TaskContext, TaskStatus, TaskTimeout
from strawberry_tasks.testing import inline
from tests.patience import PATIENCE
from tests.unit.lone_task import declare, end_of


def test_sync_timeout() -> None:
    """A sync function is interrupted at its limit, and in the end past a broad except, and TIMED_OUT says the limit."""
    caught = []

    def work() -> None:
        never = threading.Event()
        while True:
            try:
                never.wait(0.005)
            except Exception as error:  # noqa: BLE001
                caught.append(error)

    run = end_of(*declare(work, timeout=timedelta(milliseconds=50)))

    assert run.failure is not None
    assert (run.status, run.failure.code) == (TaskStatus.FAILED, "TIMED_OUT")
    assert "0.05 seconds" in run.failure.message
    assert [type(error) for error in caught] == [TaskTimeout]


def test_async_timeout() -> None:
    """An async function is cancelled at its limit, and may clean up."""
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    run = end_of(*declare(work, timeout=timedelta(milliseconds=50)))

    assert run.failure is not None
    assert (run.failure.code, cleaned) == ("TIMED_OUT", [True])


def test_timeout_is_retried() -> None:
    """An attempt that timed out counts as one that failed."""

    async def work(task: TaskContext) -> int:
        if task.attempt == 1:
            await asyncio.Event().wait()
        return task.attempt

    run = end_of(*declare(work, timeout=timedelta(milliseconds=50), max_retries=1))

    assert (run.status, run.attempt) == (TaskStatus.COMPLETED, 2)


def test_timeout_error_of_its_own() -> None:
    """A `TimeoutError` that the function raises is none of ours."""

    async def work() -> None:
        raise TimeoutError

    run = end_of(*declare(work, timeout=timedelta(minutes=1)))

    assert run.failure is not None
    assert run.failure.code == "TASK_ERROR"


def leave() -> None:
    sys.exit(3)


async def leave_async() -> None:
    sys.exit(3)


def cancel() -> None:
    raise asyncio.CancelledError


async def cancel_async() -> None:
    raise asyncio.CancelledError


def shut_down() -> None:
    raise Shutdown


@pytest.mark.parametrize("function", [leave, leave_async, cancel, cancel_async, shut_down])
def test_function_that_gives_up(function: Callable[..., Any]) -> None:
    """`sys.exit`, a cancellation from inside and an interrupt of the queue's end the attempt, not the worker, and others go on."""
    tasks, task = declare(function)

    @tasks.task()
    async def other() -> int:
        return 1

    with inline(tasks):
        run = task.enqueue().refresh()
        after = other.enqueue().result(timeout=PATIENCE)

    assert run.status is TaskStatus.FAILED
    assert after == 1

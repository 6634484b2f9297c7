"""The thread backend: Dramatiq's own workers inside this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from strawberry_tasks import TaskContext, TaskError, Tasks, TaskStatus
from strawberry_tasks.errors import TaskFailedError
from tests.patience import PATIENCE, SECONDS


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks whose retries come at once."""
    tasks = Tasks("memory://", max_retries=0, retry_delay=timedelta(0), queues=["other"])
    yield tasks
    tasks.close()


def test_in_another_thread(tasks: Tasks) -> None:
    """`enqueue` returns before the function has run, which runs elsewhere."""
    go_on = threading.Event()

    @tasks.task()
    def work() -> str:
        assert go_on.wait(SECONDS)
        return str(threading.get_ident())

    handle = work.enqueue()
    assert handle.started.status is TaskStatus.PENDING
    go_on.set()

    assert handle.result(PATIENCE) != str(threading.get_ident())


def test_several_at_once(tasks: Tasks) -> None:
    """Runs of one process go on side by side, sync and async."""
    meeting = threading.Barrier(4)

    @tasks.task()
    def work() -> int:
        return meeting.wait(SECONDS)

    handles = [work.enqueue() for _ in range(4)]

    assert sorted(handle.result(PATIENCE) for handle in handles) == [0, 1, 2, 3]


def test_retries(tasks: Tasks) -> None:
    """Dramatiq delivers the next attempt, up to the task's own limit."""

    @tasks.task(max_retries=2)
    def work(task: TaskContext) -> int:
        if task.attempt < 3:
            raise TaskError("Busy.")
        return task.attempt

    assert work.enqueue().result(PATIENCE) == 3


def test_retries_used_up(tasks: Tasks) -> None:
    """After the last attempt the run has failed."""

    @tasks.task(max_retries=1)
    def work() -> None:
        raise TaskError("Busy.")

    handle = work.enqueue()

    with pytest.raises(TaskFailedError):
        handle.result(PATIENCE)
    assert handle.refresh().attempt == 2


def test_queues_and_delays(tasks: Tasks) -> None:
    """A run may wait, and go through another queue."""

    @tasks.task(queue="slow")
    def work(task: TaskContext) -> str:
        return task.queue

    assert work.using(delay=timedelta(milliseconds=20)).enqueue().result(PATIENCE) == "slow"
    assert work.using(queue="other").enqueue().result(PATIENCE) == "other"


def test_close_waits_for_what_runs(tasks: Tasks) -> None:
    """Closing waits for the attempts that are running."""
    started, ended = threading.Event(), threading.Event()

    @tasks.task()
    def work() -> None:
        started.set()
        threading.Event().wait(0.05)
        ended.set()

    work.enqueue()
    assert started.wait(SECONDS)
    tasks.close()

    assert ended.is_set()


async def test_async_task(tasks: Tasks) -> None:
    """Async functions run on a loop of their own, not the caller's."""

    @tasks.task()
    async def work() -> str:
        return str(threading.get_ident())

    assert await (await work.aenqueue()).aresult(PATIENCE) != str(threading.get_ident())

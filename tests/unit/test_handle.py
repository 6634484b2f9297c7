"""Handles: watching a run from Python, and waiting for its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import strawberry

from strawberry_tasks import TaskContext, TaskError, Tasks, TaskStatus
from strawberry_tasks.errors import TaskCanceledError, TaskFailedError, TaskNotFoundError
from strawberry_tasks.stores.base import Change
from strawberry_tasks.testing import inline, recorded
from tests.patience import PATIENCE, SECONDS


@strawberry.type
class Report:
    total: int


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks on threads of this process."""
    tasks = Tasks("memory://", max_retries=0, progress_interval=timedelta(0))
    yield tasks
    tasks.close()


def test_result(tasks: Tasks) -> None:
    """A result comes back as the value that the function returned."""

    @tasks.task()
    def work() -> Report:
        return Report(total=3)

    assert work.enqueue().result(timeout=PATIENCE) == Report(total=3)


async def test_async_result(tasks: Tasks) -> None:
    """`aresult` does the same on an event loop."""

    @tasks.task()
    async def work() -> list[Report]:
        return [Report(total=3)]

    handle = await work.aenqueue()

    assert await handle.aresult(timeout=PATIENCE) == [Report(total=3)]
    assert (await handle.arefresh()).status is TaskStatus.COMPLETED


@pytest.mark.parametrize("wait", ["result", "aresult"])
async def test_seconds_are_no_timeout(tasks: Tasks, wait: str) -> None:
    """Whoever writes seconds reads what to write instead."""

    @tasks.task()
    def work() -> None: ...

    handle = await work.aenqueue()

    with pytest.raises(TypeError, match=r"^timeout: expected a timedelta, got 5\. Write timedelta\(seconds=5\)\.$"):
        await asyncio.to_thread(handle.result, 5) if wait == "result" else await handle.aresult(5)  # type: ignore[arg-type]


def test_failures_are_one_line_of_the_log(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """What a client has sent cannot look like an entry of its own."""

    @tasks.task()
    def work(name: str) -> None:
        raise TaskError(f"There is no {name}.")

    with pytest.raises(TaskFailedError):
        work.enqueue("shop\n[CRITICAL] Out of disk").result(timeout=PATIENCE)

    (line,) = [record.getMessage() for record in caplog.records if " failed: " in record.getMessage()]
    assert line.endswith("failed: There is no shop [CRITICAL] Out of disk.")


def test_failure(tasks: Tasks) -> None:
    """A run that failed raises its message and its code."""

    @tasks.task()
    def work() -> None:
        raise TaskError("No stock.", code="EMPTY")

    handle = work.enqueue()

    with pytest.raises(TaskFailedError, match="No stock") as caught:
        handle.result(timeout=PATIENCE)
    assert (caught.value.code, caught.value.run_id) == ("EMPTY", handle.id)


async def test_cancellation(tasks: Tasks) -> None:
    """A run that was canceled raises so, sync and async."""

    @tasks.task()
    def work() -> None: ...

    with recorded(tasks):
        handle = work.enqueue()
        store = tasks.runtime().store
        store.claim(handle.id)
        store.apply([Change(run_id=handle.id, attempt=1, values={"status": TaskStatus.CANCELED})])

        with pytest.raises(TaskCanceledError):
            await handle.aresult()
        with pytest.raises(TaskCanceledError):
            await asyncio.to_thread(handle.result)


async def test_not_in_time(tasks: Tasks) -> None:
    """A wait that is over raises `TimeoutError`, and the run goes on."""

    @tasks.task()
    def work() -> int:
        return 1

    with recorded(tasks) as recorder:
        handle = work.enqueue()
        with pytest.raises(TimeoutError, match=handle.id):
            await handle.aresult(timeout=timedelta(milliseconds=20))
        with pytest.raises(TimeoutError, match=handle.id):
            await asyncio.to_thread(handle.result, timedelta(milliseconds=20))

        await asyncio.to_thread(recorder.perform, recorder.runs[0])
        assert await handle.aresult() == 1


async def test_run_is_gone(tasks: Tasks) -> None:
    """Once the record has expired, every question says so."""

    @tasks.task()
    def work() -> None: ...

    with recorded(tasks):
        handle = work.enqueue()
        tasks.runtime().store.discard(handle.id)

        with pytest.raises(TaskNotFoundError):
            handle.refresh()
        with pytest.raises(TaskNotFoundError):
            await handle.aresult()
        with pytest.raises(TaskNotFoundError):
            await anext(aiter(handle.updates()))


async def test_updates(tasks: Tasks) -> None:
    """The present state comes first, then newer ones, the terminal one last; then the stream ends."""
    steps = [threading.Event() for _ in range(3)]

    @tasks.task()
    async def work(task: TaskContext) -> None:
        for number in range(3):
            task.progress(number, 3)
            assert await asyncio.to_thread(steps[number].wait, 10)

    handle = await work.aenqueue()
    seen: list[Any] = []
    async with asyncio.timeout(SECONDS):
        async for state in handle.updates():
            seen.append(state)
            if state.progress_current is not None and state.status is TaskStatus.RUNNING:
                steps[int(state.progress_current)].set()

    versions = [state.version for state in seen]
    assert versions == sorted(set(versions))
    assert [state.is_terminal for state in seen] == [False] * (len(seen) - 1) + [True]
    assert {0.0, 1.0, 2.0} <= {state.progress_current for state in seen}


async def test_updates_of_a_run_that_ended(tasks: Tasks) -> None:
    """A late watcher gets the terminal state; one that knows it gets nothing."""

    @tasks.task()
    def work() -> None: ...

    with inline(tasks):
        handle = await work.aenqueue()
        states = [state async for state in handle.updates()]
        newer = [state async for state in handle.updates(after=states[-1].version)]

    assert [state.status for state in states] == [TaskStatus.COMPLETED]
    assert newer == []

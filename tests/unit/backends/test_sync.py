"""The sync backend: everything has happened when `enqueue` returns."""

from __future__ import annotations

import threading

import pytest

from strawberry_tasks import Schema, Tasks, TaskStatus
from tests.operations import execute


def test_in_the_callers_thread() -> None:
    """A sync function runs in the thread that enqueues it, an async one on the loop's."""
    tasks = Tasks("memory://", backend="sync")
    threads = []

    @tasks.task()
    def work() -> None:
        threads.append(threading.current_thread())

    @tasks.task()
    async def awork() -> None:
        threads.append(threading.current_thread())

    work.enqueue()
    awork.enqueue()
    tasks.close()

    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


def test_handle_shows_the_end() -> None:
    """What `enqueue` and the mutation return is the run as it ended."""
    tasks = Tasks("memory://", backend="sync")

    @tasks.mutation()
    def work() -> int:
        return 4

    data = execute(Schema(extensions=[tasks.extension]), "mutation { work { status output } }")

    assert work.enqueue().started.status is TaskStatus.COMPLETED
    assert data == {"work": {"status": "COMPLETED", "output": 4}}
    tasks.close()


def test_unforeseen_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error that no one foresaw stands in the log with its traceback, and does not reach the caller."""
    tasks = Tasks("memory://", backend="sync", max_retries=0)

    @tasks.task()
    def work() -> None:
        raise ValueError("unforeseen")

    handle = work.enqueue()
    tasks.close()

    assert handle.started.status is TaskStatus.FAILED
    assert "ValueError: unforeseen" in caplog.text


async def test_from_an_event_loop() -> None:
    """Async code may use it, too; the loop stays free."""
    tasks = Tasks("memory://", backend="sync")

    @tasks.task()
    async def work() -> int:
        return 1

    assert await (await work.aenqueue()).aresult() == 1
    tasks.close()

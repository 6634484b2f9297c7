"""Runs are ended from outside and started again, whatever their task is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strawberry_tasks import Snapshot, TaskStatus
from strawberry_tasks.control import Control
from strawberry_tasks.dispatch import SendAtOnce
from strawberry_tasks.errors import (
    QueueUnavailableError,
    StoreUnavailableError,
    TaskNotFoundError,
    TaskNotRetryableError,
)
from strawberry_tasks.snapshot import Failure
from strawberry_tasks.stores.base import Change, Limit, NewRun, Record, Waiting
from strawberry_tasks.stores.memory import MemoryStore
from tests.processes import wait_until


class Tasks:
    """One known task, a queue, and notes of what they were asked."""

    def __init__(self, *, away: bool = False, broken: bool = False) -> None:
        self.store = MemoryStore(result_ttl=timedelta(minutes=1))
        self.released: list[str] = []
        self.hurried: list[tuple[str, str]] = []
        self.changed: list[str] = []
        self._away = away
        self._broken = broken
        self.control = Control(
            self.store,
            lambda name: self if name == "known" else None,
            hurry=self.hurry,
            dispatch=SendAtOnce(),
            log=None,
            changed=self.changed.append,
        )

    def add(self, run_id: str = "r", *, name: str = "known", limit: Limit | None = None) -> None:
        """Record a run whose arguments are its id."""
        self.store.create(NewRun(id=run_id, name=name, queue="q", arguments=run_id, limit=limit))

    def end(self, run_id: str = "r", status: TaskStatus = TaskStatus.FAILED) -> None:
        """Perform a run."""
        self.store.claim(run_id)
        failure = Failure(code="ODD", message="odd") if status is TaskStatus.FAILED else None
        self.store.apply([Change(run_id=run_id, attempt=1, values={"status": status, "failure": failure})])

    def release(self, arguments: str) -> None:
        """Note it."""
        if self._broken:
            raise OSError("no such directory")
        self.released.append(arguments)

    def restart(self, record: Record) -> Snapshot:
        """Start a run of that name."""
        return self.store.create(NewRun(id="new", name=record.snapshot.name, queue="q", arguments=record.arguments))

    def hurry(self, run_id: str, queue: str) -> None:
        """Note it."""
        if self._away:
            raise QueueUnavailableError
        self.hurried.append((run_id, queue))


def test_cancel_what_waits() -> None:
    """A run that no worker has is CANCELED at once; its files go, and its message is made due so that it goes as well."""
    tasks = Tasks()
    tasks.add()

    run = tasks.control.cancel("r")

    assert (run.status, tasks.released, tasks.hurried, tasks.changed) == (
        TaskStatus.CANCELED,
        ["r"],
        [("r", "q")],
        ["r"],
    )


def test_cancel_while_the_queue_is_away() -> None:
    """The message stays, and performs nothing when its time comes; the run is CANCELED all the same."""
    tasks = Tasks(away=True)
    tasks.add()

    assert tasks.control.cancel("r").status is TaskStatus.CANCELED


def test_cancel_what_runs() -> None:
    """A worker's run is asked to stop, and keeps what it needs until it does."""
    tasks = Tasks()
    tasks.add()
    tasks.store.claim("r")

    run = tasks.control.cancel("r")

    assert (run.status, run.cancel_requested) == (TaskStatus.RUNNING, True)
    assert (tasks.released, tasks.hurried) == ([], [])


def test_cancel_what_has_ended() -> None:
    """Terminal is final."""
    tasks = Tasks()
    tasks.add()
    tasks.end(status=TaskStatus.COMPLETED)

    assert tasks.control.cancel("r").status is TaskStatus.COMPLETED


def test_files_that_cannot_be_removed(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever cancels is not told of it, but the log is."""
    tasks = Tasks(broken=True)
    tasks.add()

    run = tasks.control.cancel("r")

    assert run.status is TaskStatus.CANCELED
    assert "uploads could not be removed" in caplog.text


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_run_that_is_not_there(action: str) -> None:
    """What does not exist can neither be canceled nor retried."""
    with pytest.raises(TaskNotFoundError):
        getattr(Tasks().control, action)("nobody")


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.CANCELED])
def test_retry(status: TaskStatus) -> None:
    """A run that failed or was canceled is started again, as a new one with its arguments."""
    tasks = Tasks()
    tasks.add()
    tasks.end(status=status)

    run = tasks.control.retry("r")

    record = tasks.store.load("new")
    assert record is not None
    assert (run.id, run.status, record.arguments) == ("new", TaskStatus.PENDING, "r")


def test_retry_of_what_goes_on() -> None:
    """A run that has not failed is not started again; the error says what it is."""
    tasks = Tasks()
    tasks.add()

    with pytest.raises(TaskNotRetryableError, match="PENDING"):
        tasks.control.retry("r")


def test_retry_of_an_unknown_task() -> None:
    """A run whose task is gone cannot be started again; the error names the task."""
    tasks = Tasks()
    tasks.add(name="forgotten")
    tasks.end()

    with pytest.raises(TaskNotRetryableError, match="forgotten"):
        tasks.control.retry("r")


def test_the_next_one_is_woken() -> None:
    """When one of those ends that are limited together, the next one's message is made due."""
    tasks, limit = Tasks(), Limit("group", 1)
    tasks.add(limit=limit)
    tasks.add("next", limit=limit)
    tasks.store.claim("r")
    tasks.store.claim("next")
    tasks.store.apply([Change(run_id="r", attempt=1, values={"status": TaskStatus.COMPLETED})])

    tasks.control.wake("r")

    assert tasks.hurried == [Waiting("next", "q")]


def test_waking_while_the_queue_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """They try by themselves later; whoever ended is not held up."""
    tasks, limit = Tasks(away=True), Limit("group", 1)
    tasks.add(limit=limit)
    tasks.add("next", limit=limit)
    tasks.store.claim("r")
    tasks.store.claim("next")
    tasks.store.apply([Change(run_id="r", attempt=1, values={"status": TaskStatus.COMPLETED})])

    tasks.control.wake("r")

    assert "were not told" in caplog.text


def test_sweeping_ends_what_is_late() -> None:
    """A run that was not started in time has failed, and its files go."""
    tasks = Tasks()
    tasks.store.create(NewRun(id="r", name="known", queue="q", arguments="r", expires=timedelta(0)))

    def ends() -> bool:
        tasks.control.sweep()
        return bool(tasks.released)

    wait_until(ends, "the end of a run whose millisecond has to pass")

    (run,) = tasks.store.read(["r"])
    assert run is not None
    assert run.failure is not None
    assert (run.status, run.failure.code, tasks.released) == (TaskStatus.FAILED, "EXPIRED", ["r"])


def test_sweeping_without_a_store() -> None:
    """Whoever sweeps learns that the store is away, and tries again."""
    tasks = Tasks()

    def away() -> list[Record]:
        raise StoreUnavailableError("The store is away.")

    tasks.store.sweep = away  # type: ignore[method-assign]

    with pytest.raises(StoreUnavailableError):
        tasks.control.sweep()

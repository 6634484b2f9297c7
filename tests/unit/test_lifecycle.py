"""One attempt of a run: how each way of ending looks to those who watch."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import strawberry
from strawberry.file_uploads import Upload

from strawberry_tasks import Schema, TaskContext, TaskError, Tasks, TaskStatus, lifecycle
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.outcome import Verdict
from strawberry_tasks.stores.base import LEASE, WORKER_LOST, Claim, NewRun
from strawberry_tasks.stores.memory import MemoryStore
from strawberry_tasks.testing import inline, recorded
from strawberry_tasks.uploads import DirectoryUploads
from tests.operations import Person, execute
from tests.unit.failing import FlakyStore, away
from tests.unit.lone_task import declare, end_of


@strawberry.type
class Report:
    total: int


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_task_error(is_async: bool) -> None:
    """A `TaskError` shows its message and its code."""

    def fail() -> None:
        raise TaskError("The supplier is closed.", code="CLOSED", retry=False)

    async def afail() -> None:
        fail()

    run = end_of(*declare(afail if is_async else fail, max_retries=5))

    assert run.status is TaskStatus.FAILED
    assert run.failure is not None
    assert (run.failure.code, run.failure.message) == ("CLOSED", "The supplier is closed.")
    assert run.attempt == 1


def test_message_may_be_an_exception() -> None:
    """Whatever stands for the message becomes text, and the run ends."""

    def fail() -> None:
        raise TaskError(ValueError("odd"))  # type: ignore[arg-type]

    assert end_of(*declare(fail)).error == "odd"


@pytest.mark.parametrize("after", [5, timedelta(seconds=-1)])
def test_impossible_wait(after: Any) -> None:
    """A `TaskError` with an impossible wait is an unexpected error, and the run ends."""

    def fail() -> None:
        raise TaskError("Later.", retry_after=after)

    run = end_of(*declare(fail))

    assert run.status is TaskStatus.FAILED
    assert run.failure is not None
    assert run.failure.exception == "ValueError"
    assert "retry_after" in (run.failure.traceback or "")


def test_unexpected_error_leaks_nothing() -> None:
    """Watchers read that something went wrong; what it was is for staff."""
    tasks = Tasks("memory://", max_retries=0)

    @tasks.mutation()
    def work() -> None:
        raise RuntimeError("password=hunter2")

    schema = Schema(extensions=[tasks.extension])
    document = "{ work { taskId status error result failure { code message exception traceback } } }"
    with inline(tasks):
        shown = execute(schema, f"mutation {document}", user=Person())["work"]
        staff = execute(
            schema,
            f'{{ task(id: "{shown["taskId"]}") {{ failure {{ code exception traceback }} }} }}',
            user=Person(pk=2, is_staff=True),
        )["task"]["failure"]

    assert shown["status"] == "FAILED"
    assert shown["error"] == "The task failed with an unexpected error."
    assert shown["failure"] == {"code": "TASK_ERROR", "message": shown["error"], "exception": None, "traceback": None}
    assert staff["exception"] == "RuntimeError"
    assert "hunter2" in staff["traceback"]


def test_retries_are_used_up() -> None:
    """There are as many attempts as one and the retries, and the last failure stays."""
    attempts = []

    def work(task: TaskContext) -> None:
        attempts.append((task.attempt, task.max_retries))
        raise RuntimeError

    run = end_of(*declare(work, max_retries=2))

    assert attempts == [(1, 2), (2, 2), (3, 2)]
    assert (run.status, run.attempt) == (TaskStatus.FAILED, 3)


def test_retry_that_succeeds_forgets_the_failure() -> None:
    """A run that succeeds in the end has no failure."""

    def work(task: TaskContext) -> int:
        if task.attempt == 1:
            raise RuntimeError
        return task.attempt

    run = end_of(*declare(work, max_retries=1))

    assert (run.status, run.attempt, run.failure, run.error) == (TaskStatus.COMPLETED, 2, None, None)


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [(None, 5, 10), (timedelta(seconds=90), 90, 90), (timedelta(0), 0, 0)],
    ids=["backoff", "own", "at-once"],
)
def test_between_retries(after: timedelta | None, least: float, most: float) -> None:
    """Between two attempts a run is RETRYING, with its failure and when it goes on."""
    tasks = Tasks("memory://", max_retries=1, retry_delay=timedelta(seconds=10))

    @tasks.task()
    def work() -> None:
        raise TaskError("Busy.", retry_after=after)

    with recorded(tasks):
        handle = work.enqueue()
        verdict = tasks.perform(work, handle.id)
        run = handle.refresh()

    assert run.status is TaskStatus.RETRYING
    assert run.error == "Busy."
    assert verdict.retry_in is not None
    assert timedelta(seconds=least) <= verdict.retry_in <= timedelta(seconds=most)
    assert run.scheduled_for is not None
    assert run.started_at is not None
    assert run.scheduled_for - run.started_at >= verdict.retry_in - timedelta(milliseconds=2)


def test_result_that_cannot_travel() -> None:
    """A result of another type fails the run at once, and names the task, the field and the type."""

    def work() -> Report:
        return Report(total="many")  # type: ignore[arg-type]

    run = end_of(*declare(work, max_retries=3))

    assert run.failure is not None
    assert (run.status, run.attempt, run.failure.code) == (TaskStatus.FAILED, 1, "TASK_ERROR")
    assert run.failure.message == "task 'work', result: total: expected int, got str"


def test_arguments_that_no_longer_fit() -> None:
    """Arguments from before a change of the declaration end the run as REJECTED, once and for all."""
    tasks = Tasks("memory://", max_retries=3)

    @tasks.task()
    def count(number: int) -> None: ...

    with away(tasks) as store:
        store.create(NewRun(id="r", name="count", queue="default", arguments='{"number": "many"}', max_retries=3))
        verdict = tasks.perform(count, "r")
        (run,) = store.read(["r"])

    assert run is not None
    assert run.failure is not None
    assert (run.status, run.failure.code, verdict.retry_in) == (TaskStatus.FAILED, "REJECTED", None)
    assert "many" not in run.failure.message


def test_arguments_without_a_new_parameter() -> None:
    """Arguments that lack a parameter are REJECTED before the function is called; a new one with a default is fine."""
    tasks = Tasks("memory://", max_retries=3)
    calls: list[tuple[int, int]] = []

    @tasks.task()
    def needs(old: int, new: int) -> None:
        calls.append((old, new))

    @tasks.task()
    def takes(old: int, new: int = 5) -> None:
        calls.append((old, new))

    with away(tasks) as store:
        for task in (needs, takes):
            store.create(NewRun(id=task.name, name=task.name, queue="default", arguments='{"old": 1}', max_retries=3))
            tasks.perform(task, task.name)
        runs = [run for run in store.read(["needs", "takes"]) if run is not None]

    assert [(run.status, run.attempt) for run in runs] == [(TaskStatus.FAILED, 1), (TaskStatus.COMPLETED, 1)]
    assert runs[0].failure is not None
    assert runs[0].failure.code == "REJECTED"
    assert calls == [(1, 5)]


@pytest.mark.parametrize("arguments", ['{"gone": 1}', "[]", "no json"])
def test_arguments_of_a_removed_parameter(arguments: str) -> None:
    """Arguments that no parameter takes are REJECTED, too, and the run's uploads do not keep it from ending."""
    tasks, task = declare(lambda: None)

    with away(tasks) as store:
        store.create(NewRun(id="r", name="work", queue="default", arguments=arguments))
        tasks.perform(task, "r")
        (run,) = store.read(["r"])

    assert run is not None
    assert run.failure is not None
    assert (run.status, run.failure.code) == (TaskStatus.FAILED, "REJECTED")


def test_text_that_utf8_cannot_encode(caplog: pytest.LogCaptureFixture) -> None:
    """Odd bytes in a message or in a progress message do not keep the run from ending, nor from being logged."""

    def work(task: TaskContext) -> None:
        task.progress(1, 2, "file-\udcff")
        raise TaskError("file-\udcff")

    run = end_of(*declare(work))

    assert run.failure is not None
    (run.failure.message + (run.failure.traceback or "") + (run.progress_message or "")).encode()
    assert run.error == "file-\\udcff"
    assert "file-\\udcff" in caplog.text
    caplog.text.encode()


def test_outcome_of_a_superseded_attempt() -> None:
    """An attempt that another one has taken over changes nothing when it ends; its message is delivered once more."""
    tasks = Tasks("memory://")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryStore(result_ttl=timedelta(days=1), clock=lambda: now)

    @tasks.task()
    def work(task: TaskContext) -> int:
        nonlocal now
        task.progress(task.attempt, 4)
        while not isinstance(store.claim(task.id), Claim):
            now += LEASE
        return task.attempt

    with tasks.replaced(tasks.runtime_over(store, SyncBackend(tasks.perform))):
        created = store.create(NewRun(id="r", name=work.name, queue="default", arguments="{}", max_retries=1))
        verdict = tasks.perform(work, created.id)
        (run,) = store.read([created.id])

    assert run is not None
    assert (run.status, run.attempt, store.result("r")) == (TaskStatus.RUNNING, 2, None)
    assert verdict == Verdict(retry_in=timedelta(0), is_busy=True)


def test_outcome_of_a_lost_last_attempt() -> None:
    """A run that was ended when its last attempt lost its lease stays FAILED, whatever that attempt returns."""
    tasks = Tasks("memory://")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryStore(result_ttl=timedelta(days=1), clock=lambda: now)

    @tasks.task()
    def work(task: TaskContext) -> int:
        nonlocal now
        while not store.sweep():
            now += LEASE
        return task.attempt

    with tasks.replaced(tasks.runtime_over(store, SyncBackend(tasks.perform))):
        created = store.create(NewRun(id="r", name=work.name, queue="default", arguments="{}"))
        verdict = tasks.perform(work, created.id)
        (run,) = store.read([created.id])

    assert run is not None
    assert (run.status, run.failure, store.result("r")) == (TaskStatus.FAILED, WORKER_LOST, None)
    assert verdict == Verdict()


def test_run_that_was_given_up(tmp_path: Path) -> None:
    """A run whose message was given up is FAILED with the reason, and its uploads are removed."""
    tasks = Tasks("memory://", uploads=DirectoryUploads(tmp_path))

    @tasks.task()
    def work(file: Upload) -> None:
        file.read()

    with recorded(tasks):
        handle = work.enqueue(file=io.BytesIO(b"content"))
        tasks.fail(handle.id, WORKER_LOST)
        run = handle.refresh()

    assert (run.status, run.failure) == (TaskStatus.FAILED, WORKER_LOST)
    assert not list(tmp_path.iterdir())


def test_message_of_a_run_that_ended() -> None:
    """A second message of a run performs nothing."""
    calls = []
    tasks, task = declare(lambda: calls.append(1))

    with recorded(tasks) as recorder:
        handle = task.enqueue()
        recorder.perform(recorder.runs[0])
        before = handle.refresh()
        verdict = tasks.perform(task, handle.id)

        assert handle.refresh() == before
    assert verdict == Verdict()
    assert calls == [1]


def test_store_is_away_while_settling() -> None:
    """An outcome is kept and written when the store is back."""
    tasks = Tasks("memory://")
    calls = []

    @tasks.task()
    def work() -> int:
        calls.append(1)
        return 7

    with away(tasks, store=FlakyStore(apply=2)):
        result = work.enqueue().result()

    assert (result, calls) == (7, [1])


def test_store_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the patience the attempt gives up, so that its message is delivered again."""
    monkeypatch.setattr(lifecycle, "SETTLE_PATIENCE", timedelta(0))
    tasks, task = declare(lambda: None)

    with recorded(tasks):
        handle = task.enqueue()
        store = FlakyStore(apply=10)
        store.create(NewRun(id=handle.id, name="work", queue="default", arguments="{}"))
        with away(tasks, store=store), pytest.raises(StoreUnavailableError):
            tasks.perform(task, handle.id)

"""The log: a row for each run, written on transitions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from strawberry_tasks import Schema, TaskContext, TaskError, Tasks
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.django.tending import QUIET, prune
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.log import Wanted
from strawberry_tasks.policy import Viewer
from strawberry_tasks.status import TaskStatus
from tests.django.stages import counted_writes, row, tracked_tasks
from tests.patience import SECONDS
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks that are performed inline."""
    with tracked_tasks(backend="sync") as tasks:
        yield tasks


@pytest.fixture
def threaded() -> Iterator[Tasks]:
    """Tasks that threads perform."""
    with tracked_tasks() as tasks:
        yield tasks


def test_a_row_tells_how_a_run_went(tasks: Tasks) -> None:
    """Who, what, the arguments, the times and the outcome are there once it has ended."""

    @tasks.task(queue="reports")
    def double(number: int) -> int:
        return number * 2

    handle = double.using(viewer=Viewer(id="7", claims={"tenant": "a"}), tags=["nightly"]).enqueue(number=4)

    logged = row(handle.id)
    assert (logged.name, logged.queue, logged.status, logged.attempt) == ("double", "reports", "COMPLETED", 1)
    assert (logged.owner, logged.claims, logged.arguments) == ("7", {"tenant": "a"}, {"number": 4})
    assert (logged.result, logged.tags) == (8, ["nightly"])
    assert logged.started_at is not None
    assert logged.completed_at is not None


def test_a_row_keeps_the_failure(tasks: Tasks) -> None:
    """Code, message, exception and traceback of the last attempt are there."""

    @tasks.task(max_retries=1, retry_delay=timedelta(0))
    def fail() -> None:
        raise TaskError("No paper.", code="NO_PAPER")

    handle = fail.enqueue()

    logged = row(handle.id)
    assert (logged.status, logged.attempt, logged.failure_code) == ("FAILED", 2, "NO_PAPER")
    assert logged.failure_message == "No paper."
    assert logged.failure_exception == "TaskError"
    assert "No paper." in (logged.failure_traceback or "")


def test_text_that_databases_refuse_is_kept_as_far_as_it_can(tasks: Tasks) -> None:
    """NUL and lone surrogates are replaced, and the run goes on."""

    @tasks.task()
    def echo(text: str) -> list[str]:
        return [text]

    handle = echo.enqueue(text="a\0b")

    assert row(handle.id).status == "COMPLETED"
    assert row(handle.id).result == ["a\ufffdb"]


def test_progress_costs_no_writes(tasks: Tasks) -> None:
    """However often a task reports progress, its run is written three times: enqueued, started, ended."""

    @tasks.task()
    def busy(task: TaskContext) -> None:
        for done in range(10_000):
            task.progress(done, total=10_000)

    with counted_writes() as writes:
        busy.enqueue()

    assert len(writes) == 3


def test_many_runs_are_logged_with_one_query(threaded: Tasks) -> None:
    """`enqueue_many` adds one query, whatever the number."""

    @threaded.task()
    def nothing(number: int) -> None:
        pass

    with counted_writes() as writes:
        handles = nothing.enqueue_many({"number": number} for number in range(30))

    assert len(writes) == 1
    assert TaskExecution.objects.count() == len(handles)


def test_a_thread_writes_what_workers_do(threaded: Tasks) -> None:
    """Transitions in other threads come into the table without anybody waiting for them."""

    @threaded.task()
    def double(number: int) -> int:
        return number * 2

    handles = double.enqueue_many({"number": number} for number in range(50))

    wait_until(lambda: TaskExecution.objects.filter(status="COMPLETED").count() == 50, "all runs are logged")
    assert [row(handle.id).result for handle in handles] == [number * 2 for number in range(50)]


def test_closing_writes_what_is_left(threaded: Tasks) -> None:
    """A process that ends in good order leaves nothing unwritten."""

    @threaded.task()
    def nothing() -> None:
        pass

    handle = nothing.enqueue()
    handle.result(timedelta(seconds=5))
    threaded.close()

    assert row(handle.id).status == "COMPLETED"


def test_an_older_state_does_not_replace_a_newer_one(tasks: Tasks) -> None:
    """Writers may come late."""

    @tasks.task()
    def nothing() -> None:
        pass

    handle = nothing.enqueue()
    before = handle.started
    TaskExecution.objects.filter(pk=handle.id).update(version=before.version + 5, status="RUNNING")
    log = tasks.runtime().log
    assert log is not None
    log.changed(handle.id, tasks.runtime().store, wait=True)

    assert row(handle.id).status == "RUNNING"


def test_a_row_that_has_ended_stays_as_it_is(threaded: Tasks) -> None:
    """Also where the store has come back from an older copy, and goes on with the run."""

    @threaded.task()
    def later() -> None:
        pass

    handle = later.using(delay=timedelta(hours=1)).enqueue()
    TaskExecution.objects.filter(pk=handle.id).update(version=0, status="COMPLETED")
    log = threaded.runtime().log
    assert log is not None
    log.changed(handle.id, threaded.runtime().store, wait=True)

    assert row(handle.id).status == "COMPLETED"


def test_a_refused_enqueue_leaves_no_row() -> None:
    """Where the queue is away, nothing is left behind."""
    with tracked_tasks("redis://127.0.0.1:1/0") as tasks:

        @tasks.task()
        def nothing() -> None:
            pass

        with pytest.raises(QueueUnavailableError):
            nothing.enqueue()

    assert not TaskExecution.objects.exists()


def test_a_run_that_the_store_forgot_is_read_from_the_log(tasks: Tasks) -> None:
    """`task`, `taskProgress` and handles still know it."""

    @tasks.mutation()
    def double(number: int) -> int:
        return number * 2

    schema = Schema(extensions=[tasks.extension])
    handle = double.enqueue(number=4)
    _forget(tasks)

    answer = schema.execute_sync("query ($id: ID!) { task(id: $id) { status result version } }", {"id": handle.id})

    assert answer.data == {"task": {"status": "COMPLETED", "result": 8, "version": row(handle.id).version}}
    assert handle.refresh().status is TaskStatus.COMPLETED
    assert handle.result(timedelta(seconds=5)) == 8
    assert handle.cancel().status is TaskStatus.COMPLETED


def test_a_failed_run_that_the_store_forgot_can_be_retried(tasks: Tasks) -> None:
    """The row has the arguments."""
    may_work = False

    @tasks.task(max_retries=0)
    def double(number: int) -> int:
        assert may_work
        return number * 2

    handle = double.enqueue(number=4)
    _forget(tasks)
    may_work = True

    again = handle.retry()

    assert again.result(timedelta(seconds=5)) == 8
    assert row(again.id).retry_of == handle.id


def test_runs_are_listed_from_the_log(tasks: Tasks) -> None:
    """Newest first, page by page, by status, name and tag; also those that the store forgot."""

    @tasks.mutation()
    def even(number: int) -> int:
        if number % 2:
            raise TaskError("Odd.", retry=False)
        return number

    schema = Schema(extensions=[tasks.extension])
    viewer = Viewer(id="7")
    ids = [even.using(viewer=viewer, tags=[f"n{number}", 'a"b']).enqueue(number=number).id for number in range(7)]
    even.using(viewer=Viewer(id="8")).enqueue(number=2)
    _forget(tasks)
    context = {"user": type("User", (), {"id": "7"})()}

    def listed(arguments: str) -> list[str]:
        data = schema.execute_sync(f"{{ tasks{arguments} {{ nodes {{ id }} }} }}", context_value=context).data
        assert data is not None
        return [node["id"] for node in data["tasks"]["nodes"]]

    first = schema.execute_sync(
        "{ tasks(first: 3) { nodes { id } pageInfo { endCursor hasNextPage } } }", context_value=context
    ).data["tasks"]
    assert [node["id"] for node in first["nodes"]] == _newest_first(ids)[:3]
    assert first["pageInfo"]["hasNextPage"]
    rest = listed(f'(after: "{first["pageInfo"]["endCursor"]}")')
    assert rest == _newest_first(ids)[3:]
    assert listed("(status: [FAILED])") == [run_id for run_id in _newest_first(ids) if ids.index(run_id) % 2]
    assert listed('(tag: "n3")') == [ids[3]]
    assert listed('(tag: "n")') == []
    assert listed('(name: "odd")') == []


def test_lists_show_the_present_progress(threaded: Tasks) -> None:
    """What the table does not have of a running task, the store has."""
    is_logged, go_on = threading.Event(), threading.Event()

    @threaded.mutation()
    def half(task: TaskContext) -> None:
        is_logged.wait(SECONDS)
        task.progress(1, total=2)
        go_on.wait(SECONDS)

    schema = Schema(extensions=[threaded.extension])
    half.using(viewer=Viewer(id="7")).enqueue()
    context = {"user": type("User", (), {"id": "7"})()}

    def progress() -> float:
        data = schema.execute_sync("{ tasks { nodes { progress } } }", context_value=context).data
        assert data is not None
        found: float = data["tasks"]["nodes"][0]["progress"]
        return found

    try:
        wait_until(lambda: TaskExecution.objects.get().status == "RUNNING", "its start is logged")
        is_logged.set()
        wait_until(lambda: progress() == 50, "the progress is listed")
        assert TaskExecution.objects.get().progress == 0
    finally:
        go_on.set()


def test_a_run_that_the_store_lost_is_failed(threaded: Tasks) -> None:
    """Reconciliation ends it after a second look, and says what is known."""

    @threaded.task()
    def later() -> None:
        pass

    handle = later.using(delay=timedelta(hours=1)).enqueue()
    _forget(threaded)
    _age(handle.id, QUIET)

    threaded.runtime().tend_log()
    assert row(handle.id).status == "PENDING"
    threaded.runtime().tend_log()

    logged = row(handle.id)
    assert (logged.status, logged.failure_code) == ("FAILED", "WORKER_LOST")
    assert "lost" in logged.failure_message
    assert handle.refresh().status is TaskStatus.FAILED


def test_a_row_that_missed_a_transition_is_brought_up_to_date(threaded: Tasks) -> None:
    """Reconciliation writes what nobody else has written."""

    @threaded.task()
    def later() -> None:
        pass

    handle = later.using(delay=timedelta(hours=1)).enqueue()
    threaded.runtime().store.cancel(handle.id)
    _age(handle.id, QUIET)

    threaded.runtime().tend_log()

    assert row(handle.id).status == "CANCELED"


def test_looking_after_the_log_writes_nothing_where_nothing_has_changed(threaded: Tasks) -> None:
    """A run that waits for long costs no writes."""

    @threaded.task()
    def later() -> None:
        pass

    handle = later.using(delay=timedelta(hours=1)).enqueue()
    _age(handle.id, QUIET)
    before = row(handle.id).changed_at

    for _ in range(3):
        threaded.runtime().tend_log()

    assert row(handle.id).changed_at == before


def test_old_rows_are_removed(tasks: Tasks) -> None:
    """Those of runs that ended before some time go, in batches; the others stay."""

    @tasks.task()
    def nothing() -> None:
        pass

    old, young = nothing.enqueue(), nothing.enqueue()
    TaskExecution.objects.filter(pk=old.id).update(completed_at=datetime.now(UTC) - timedelta(days=9))

    removed = prune(TaskExecution.objects.all(), datetime.now(UTC) - timedelta(days=7))

    assert removed == 1
    assert [logged.id for logged in TaskExecution.objects.all()] == [young.id]


def test_a_caller_in_a_transaction_writes_in_it(tasks: Tasks) -> None:
    """A run that is canceled in a transaction that is rolled back has its row as before."""
    log = tasks.runtime().log
    assert log is not None

    @tasks.task()
    def nothing() -> None:
        pass

    handle = nothing.enqueue()
    TaskExecution.objects.filter(pk=handle.id).update(version=1, status="PENDING")
    with transaction.atomic():
        log.changed(handle.id, tasks.runtime().store, wait=False)
        assert row(handle.id).status == "COMPLETED"
        transaction.set_rollback(True)

    assert row(handle.id).status == "PENDING"
    assert list(log.list(Wanted(status=[TaskStatus.PENDING]), first=5).runs) == [row(handle.id).snapshot]


def _forget(tasks: Tasks) -> None:
    """Lose all that the store has."""
    tasks.runtime().store._records.clear()  # type: ignore[attr-defined]


def _age(run_id: str, age: timedelta) -> None:
    TaskExecution.objects.filter(pk=run_id).update(changed_at=datetime.now(UTC) - age - timedelta(seconds=1))


def _newest_first(ids: list[str]) -> list[str]:
    return list(TaskExecution.objects.filter(pk__in=ids).order_by("-created_at", "-id").values_list("pk", flat=True))

"""Commit safety: what is enqueued in a transaction shares its fate."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections, transaction
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import GraphQLView
from strawberry.file_uploads import Upload

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.errors import QueueUnavailableError, TaskNotFoundError
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import NewRun
from strawberry_tasks.uploads import DirectoryUploads
from tests.django.stages import row, tracked_tasks
from tests.patience import PATIENCE, SECONDS
from tests.processes import wait_until

in_transactions = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    """Tasks that threads perform."""
    with tracked_tasks(uploads=DirectoryUploads(tmp_path)) as tasks:
        yield tasks


@pytest.fixture
def double(tasks: Tasks) -> Any:
    """A task."""

    @tasks.task()
    def double(number: int) -> int:
        return number * 2

    return double


@in_transactions
def test_a_run_is_sent_with_the_commit(tasks: Tasks, double: Any) -> None:
    """Its handle is there before, its record and its message after."""
    with transaction.atomic():
        handle = double.enqueue(number=4)

        assert tasks.runtime().store.read([handle.id]) == [None]
        assert handle.refresh().status is TaskStatus.PENDING
        assert row(handle.id).status == "PENDING"

    assert handle.result(PATIENCE) == 8


@in_transactions
def test_a_rollback_leaves_no_trace(tasks: Tasks, double: Any) -> None:
    """No run, no row, and nobody finds it."""
    with transaction.atomic():
        handle = double.enqueue(number=4)
        transaction.set_rollback(True)

    assert tasks.runtime().store.read([handle.id]) == [None]
    assert not TaskExecution.objects.exists()
    with pytest.raises(TaskNotFoundError):
        handle.refresh()


@in_transactions
def test_a_rollback_to_a_savepoint_leaves_no_trace(double: Any) -> None:
    """What was enqueued since is gone, what was enqueued before is sent."""
    with transaction.atomic():
        kept = double.enqueue(number=4)
        with transaction.atomic():
            dropped = double.enqueue(number=5)
            transaction.set_rollback(True)
        with pytest.raises(TaskNotFoundError):
            dropped.refresh()

    assert kept.result(PATIENCE) == 8
    assert [logged.id for logged in TaskExecution.objects.all()] == [kept.id]


@in_transactions
@pytest.mark.parametrize("outbox", [False, True])
def test_a_rollback_removes_uploads(tmp_path: Path, outbox: bool) -> None:
    """The copies of the files are gone."""
    with tracked_tasks(uploads=DirectoryUploads(tmp_path), outbox=outbox) as tasks:

        @tasks.task()
        def read(file: Upload) -> int:
            stream: BinaryIO = file  # type: ignore[assignment]
            return len(stream.read())

        with transaction.atomic():
            read.enqueue(file=BytesIO(b"abc"))  # type: ignore[arg-type]
            assert list(tmp_path.iterdir())
            transaction.set_rollback(True)

        wait_until(lambda: not list(tmp_path.iterdir()), "the uploads are removed")


@in_transactions
def test_uploads_are_there_after_the_commit(tmp_path: Path, tasks: Tasks) -> None:
    """The task reads them, and then they go."""

    @tasks.task()
    def read(file: Upload) -> int:
        stream: BinaryIO = file  # type: ignore[assignment]
        return len(stream.read())

    with transaction.atomic():
        handle = read.enqueue(file=BytesIO(b"abc"))  # type: ignore[arg-type]

    assert handle.result(PATIENCE) == 3


@in_transactions
def test_a_subscriber_before_the_commit_gets_all_of_it(double: Any) -> None:
    """First PENDING, then what comes, then the end."""
    states: list[TaskStatus] = []
    first = threading.Event()

    def watch(handle: Any) -> None:
        async def follow() -> None:
            async for state in handle.updates():
                states.append(state.status)
                first.set()

        asyncio.run(follow())

    with transaction.atomic():
        handle = double.enqueue(number=4)
        watcher = threading.Thread(target=watch, args=(handle,))
        watcher.start()
        assert first.wait(SECONDS)

    watcher.join(SECONDS)
    assert (states[0], states[-1]) == (TaskStatus.PENDING, TaskStatus.COMPLETED)


@in_transactions
def test_a_key_gives_the_run_that_is_live(tasks: Tasks, double: Any) -> None:
    """Be it from before the transaction, or from within it; each has one row."""
    keyed = double.using(key="one", delay=timedelta(hours=1))
    outside = keyed.enqueue(number=1)
    with transaction.atomic():
        assert keyed.enqueue(number=2).id == outside.id
        within = keyed.using(key="two").enqueue(number=3)
        assert keyed.using(key="two").enqueue(number=4).id == within.id

    assert TaskExecution.objects.count() == 2
    assert within.refresh().status is TaskStatus.PENDING


@in_transactions
def test_a_key_that_is_taken_before_the_commit_cancels(tasks: Tasks, double: Any) -> None:
    """Another process was faster: its run stays the only one, and the handle says so."""
    keyed = double.using(key="one", delay=timedelta(hours=1))
    with transaction.atomic():
        mine = keyed.enqueue(number=1)
        tasks.runtime().store.create(NewRun(id="other", name="double", queue="default", arguments="{}", key="one"))

    assert mine.refresh().status is TaskStatus.CANCELED
    assert tasks.runtime().store.read([mine.id]) == [None]


@in_transactions
def test_a_run_can_be_canceled_before_the_commit(tasks: Tasks, double: Any) -> None:
    """It is never sent."""
    with transaction.atomic():
        handle = double.enqueue(number=4)
        assert handle.cancel().status is TaskStatus.CANCELED

    assert handle.refresh().status is TaskStatus.CANCELED
    assert tasks.runtime().store.read([handle.id]) == [None]


@in_transactions
def test_a_queue_that_is_away_at_the_commit_is_told() -> None:
    """Whoever commits gets the error, and the row tells the failure."""
    with tracked_tasks("redis://127.0.0.1:1/0") as tasks:

        @tasks.task()
        def nothing() -> None:
            pass

        with pytest.raises(QueueUnavailableError), transaction.atomic():
            handle = nothing.enqueue()

        assert row(handle.id).failure_code == "QUEUE_UNAVAILABLE"
        assert handle.refresh().status is TaskStatus.FAILED


@in_transactions
def test_without_waiting_it_is_sent_at_once() -> None:
    """`ENQUEUE_ON_COMMIT = False` sends within the transaction."""
    with tracked_tasks(wait=False) as tasks:

        @tasks.task()
        def nothing() -> None:
            pass

        with transaction.atomic():
            handle = nothing.enqueue()
            assert tasks.runtime().store.read([handle.id]) != [None]


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_transactions_of_other_databases_count() -> None:
    """A run waits for all that are open, and goes with the first that is rolled back."""
    with tracked_tasks(backend="sync") as tasks:

        @tasks.task()
        def double(number: int) -> int:
            return number * 2

        with transaction.atomic(using="other"):
            with transaction.atomic():
                sent = double.enqueue(number=1)
            assert tasks.runtime().store.read([sent.id]) == [None]
        assert sent.refresh().status is TaskStatus.COMPLETED

        with transaction.atomic(using="other"):
            dropped = double.enqueue(number=1)
            transaction.set_rollback(True, using="other")
        assert tasks.runtime().store.read([dropped.id]) == [None]
        assert TaskExecution.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
@pytest.mark.parametrize(("outer", "inner"), [("default", "other"), ("other", "default")])
@pytest.mark.parametrize("is_inner", [False, True])
def test_one_rollback_of_two_transactions_is_enough(outer: str, inner: str, is_inner: bool) -> None:
    """Whichever of them it is, and in whatever order they end."""
    with tracked_tasks(backend="sync") as tasks:

        @tasks.task()
        def double(number: int) -> int:
            return number * 2

        with transaction.atomic(using=outer):
            with transaction.atomic(using=inner):
                dropped = double.enqueue(number=1)
                transaction.set_rollback(is_inner, using=inner)
            transaction.set_rollback(not is_inner, using=outer)

        assert tasks.runtime().store.read([dropped.id]) == [None]
        wait_until(lambda: not TaskExecution.objects.exists(), "its row is removed")


@pytest.mark.django_db
def test_a_test_case_captures_what_is_sent(django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    """Inside Django's `TestCase` a run is sent, and performed, when the callbacks are executed."""
    with tracked_tasks(backend="sync") as tasks:

        @tasks.task()
        def double(number: int) -> int:
            return number * 2

        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            handle = double.enqueue(number=4)
            assert handle.refresh().status is TaskStatus.PENDING

        assert len(callbacks) == 1
        assert handle.result(PATIENCE) == 8
        assert row(handle.id).status == "COMPLETED"


@in_transactions
async def test_async_code_enqueues_in_its_own_thread(tasks: Tasks, double: Any) -> None:
    """Outside of a transaction it is sent at once; in a sync function with a transaction, with its commit."""
    handle = await double.aenqueue(number=4)
    assert await handle.aresult(PATIENCE) == 8

    def in_transaction() -> Any:
        with transaction.atomic():
            held = double.enqueue(number=5)
            assert tasks.runtime().store.read([held.id]) == [None]
        return held

    assert await (await sync_to_async(in_transaction)()).aresult(PATIENCE) == 10
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db
def test_async_code_in_a_test_case_uses_its_connection(
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """Its rows are in the transaction of the test, and its runs are sent with the callbacks."""
    with tracked_tasks(backend="sync") as tasks:

        @tasks.task()
        def double(number: int) -> int:
            return number * 2

        with django_capture_on_commit_callbacks(execute=True):
            handle = async_to_sync(double.aenqueue)(number=4)
            assert row(handle.id).status == "PENDING"

        assert row(handle.id).result == 8


@in_transactions
def test_a_mutation_of_an_atomic_request_is_sent_with_it(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """With `ATOMIC_REQUESTS`, the client has the handle when the run has been sent; a view that fails takes it along."""

    @tasks.mutation()
    def triple(number: int) -> int:
        return number * 3

    held: list[Any] = []
    view = GraphQLView.as_view(schema=Schema(extensions=[tasks.extension]))

    def serve(request: HttpRequest) -> Any:
        answer = view(request)
        run_id = json.loads(answer.content)["data"]["triple"]["id"]
        held.append(tasks.runtime().store.read([run_id]))
        if "fail" in request.GET:
            raise ZeroDivisionError
        return answer

    urls = type("Urls", (), {"urlpatterns": [path("graphql", csrf_exempt(serve))]})
    settings.ROOT_URLCONF = urls
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    body = {"query": "mutation { triple(number: 2) { id status } }"}
    client = Client(raise_request_exception=False)

    answer = client.post("/graphql", body, content_type="application/json").json()["data"]["triple"]
    failed = client.post("/graphql?fail", body, content_type="application/json")

    assert (answer["status"], failed.status_code) == ("PENDING", 500)
    assert held == [[None], [None]]
    assert tasks.handle(answer["id"]).result(PATIENCE) == 6
    assert [logged.id for logged in TaskExecution.objects.all()] == [answer["id"]]

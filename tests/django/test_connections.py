"""Database connections of threads that no request closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, connections

from strawberry_tasks import Tasks
from strawberry_tasks.django.connections import DatabaseConnections
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.django.writer import Writer
from strawberry_tasks.stores.base import Store
from strawberry_tasks.stores.memory import MemoryStore
from tests.django.stages import tracked_tasks
from tests.patience import PATIENCE
from tests.processes import wait_until


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks that threads perform."""
    with tracked_tasks() as tasks:
        yield tasks


def in_thread(function: Callable[[], object]) -> None:
    """Call a function in a new thread, and raise what it raises."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
def test_an_attempt_gives_its_connection_back(tasks: Tasks) -> None:
    """The worker thread that has used it closes it at the end."""
    used = []

    @tasks.task()
    def count() -> int:
        used.append(connection._connections[connection._alias])  # type: ignore[attr-defined]
        return TaskExecution.objects.count()

    assert count.enqueue().result(PATIENCE) == 1
    wait_until(lambda: used[0].connection is None, "the connection is closed")


@pytest.mark.django_db(transaction=True)
def test_async_attempts_give_their_connection_back(tasks: Tasks) -> None:
    """It is that of the thread in which `sync_to_async` works."""
    used = []

    def count_rows() -> int:
        used.append(connection._connections[connection._alias])  # type: ignore[attr-defined]
        return TaskExecution.objects.count()

    @tasks.task()
    async def count() -> int:
        return await sync_to_async(count_rows)()

    assert count.enqueue().result(PATIENCE) == 1
    wait_until(lambda: used[0].connection is None, "the connection is closed")


@pytest.mark.django_db(transaction=True)
def test_a_connection_is_kept_for_its_maximal_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CONN_MAX_AGE` holds in workers, too."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 60)

    def attempt() -> None:
        with DatabaseConnections().in_thread():
            TaskExecution.objects.count()
        assert connections["default"].connection is not None

    in_thread(attempt)


@pytest.mark.django_db(transaction=True)
def test_a_broken_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt after the one that met the error has another one."""
    if connection.vendor != "postgresql":
        pytest.skip("needs a database with a server; see test_postgres.py")
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", None)
    surroundings = DatabaseConnections()

    def attempts() -> None:
        with surroundings.in_thread(), connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        in_thread(lambda: connections["default"].cursor().execute("SELECT pg_terminate_backend(%s)", [pid]))
        with surroundings.in_thread(), pytest.raises(OperationalError):
            TaskExecution.objects.count()
        with surroundings.in_thread():
            TaskExecution.objects.count()

    in_thread(attempts)


@pytest.mark.django_db
def test_the_connection_of_a_test_is_left_alone() -> None:
    """Inside a transaction nothing is closed."""
    with DatabaseConnections().in_thread():
        TaskExecution.objects.count()

    assert connection.in_atomic_block
    assert connection.connection is not None


def test_a_database_that_is_away_loses_no_outcome() -> None:
    """What could not be written is written when it is back, with what has come since."""
    away = threading.Event()
    written: list[str] = []
    tries: list[Sequence[str]] = []

    def write(store: Store, run_ids: Sequence[str]) -> None:
        tries.append(run_ids)
        if not away.is_set():
            raise OperationalError("the server closed the connection unexpectedly")
        written.extend(run_ids)

    writer, store = Writer(write), MemoryStore(result_ttl=timedelta(minutes=1))
    writer.add("a", store)
    wait_until(lambda: len(tries) > 1, "a second try")
    writer.add("b", store)
    away.set()
    writer.flush(PATIENCE)

    assert sorted(written) == ["a", "b"]


def test_a_row_that_cannot_be_written_does_not_stop_others() -> None:
    """The others of its batch are written one by one."""
    written: list[str] = []

    def write(store: Store, run_ids: Sequence[str]) -> None:
        if "bad" in run_ids:
            raise ValueError("no such text")
        written.extend(run_ids)

    writer, store = Writer(write), MemoryStore(result_ttl=timedelta(minutes=1))
    for run_id in ("a", "bad", "b"):
        writer.add(run_id, store)
    writer.flush(PATIENCE)

    assert sorted(written) == ["a", "b"]

"""A database that takes no writes, as after a failover: an outage like any other, after which all is written that it refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections
from django.db.backends.signals import connection_created

from strawberry_tasks import Handle, Schema, Tasks
from strawberry_tasks.django.log import DatabaseLog
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.django.outages import is_outage
from strawberry_tasks.django.rows import new_row
from strawberry_tasks.django.tending import QUIET, RELAY_AFTER
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError, TaskInputError
from strawberry_tasks.log import Wanted
from strawberry_tasks.policy import Viewer
from strawberry_tasks.stores.base import NewRun
from tests.django.stages import row, tracked_tasks
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
}
"""What makes a connection refuse writes, and what ends that, by the database."""


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


@pytest.fixture
def later(threaded: Tasks) -> Callable[[], Handle[None]]:
    """Enqueue a run that waits."""

    @threaded.task()
    def work() -> None: ...

    return work.using(delay=timedelta(hours=1)).enqueue


def test_a_client_is_refused_with_a_code(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """It reads nothing of the statement; the log tells what the matter is."""

    @tasks.mutation()
    def work() -> None: ...

    with _read_only():
        answer = Schema(extensions=[tasks.extension]).execute_sync("mutation { work { id } }")

    assert answer.errors
    assert answer.errors[0].extensions == {"code": "QUEUE_UNAVAILABLE"}
    assert "INSERT" not in str(answer.errors)
    assert "only" in caplog.text.lower()
    assert TaskExecution.objects.count() == 0


def test_what_was_refused_is_written_later(
    threaded: Tasks, later: Callable[[], Handle[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """The runs of the meantime have their last states in the end, be they old, or sent without a row."""
    store, log = threaded.runtime().store, _log(threaded)
    handles = [later() for _ in range(3)]
    sent = NewRun(id="sent", name="work", queue="default", arguments="{}", max_retries=0)
    store.create(sent)

    with _read_only():
        for handle in handles:
            handle.cancel()
        log.note([sent])
        log.changed(sent.id, store, wait=False)
        wait_until(lambda: "wait to be written" in caplog.text, "the log is refused")
        assert {row(handle.id).status for handle in handles} == {"PENDING"}

    wait_until(lambda: {row(handle.id).status for handle in handles} == {"CANCELED"}, "the runs are written")
    wait_until(lambda: TaskExecution.objects.filter(pk="sent").exists(), "so is the one without a row")
    assert "Traceback" not in caplog.text


def test_a_run_that_is_performed_at_once_is_written_later(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """Though it is written where it is performed, and not by the thread that waits for the database."""
    with ExitStack() as stack:

        @tasks.task()
        def work() -> None:
            stack.enter_context(_read_only())

        handle = work.enqueue()
        assert row(handle.id).status == "RUNNING"

    wait_until(lambda: row(handle.id).status == "COMPLETED", "its end is written")
    assert "Traceback" not in caplog.text


def test_a_row_that_is_never_taken_keeps_none_back(
    later: Callable[[], Handle[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the others are written."""
    good, bad = later(), later()

    with _refusing(bad.id):
        good.cancel()
        bad.cancel()
        wait_until(lambda: row(good.id).status == "CANCELED", "the other is written")
        wait_until(lambda: f"Run {bad.id} could not be written" in caplog.text, "this one is told")

    assert row(bad.id).status == "PENDING"


def test_workers_write_past_a_row_that_is_never_taken(
    threaded: Tasks, later: Callable[[], Handle[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """When they bring the log up to date."""
    runtime = threaded.runtime()
    good, bad = sorted([later(), later()], key=lambda handle: handle.id, reverse=True)
    for handle in (good, bad):
        runtime.store.cancel(handle.id)
    TaskExecution.objects.update(changed_at=datetime.now(UTC) - 2 * QUIET)

    with _refusing(bad.id):
        runtime.tend_log()

    assert (row(good.id).status, row(bad.id).status) == ("CANCELED", "PENDING")
    assert f"Run {bad.id} could not be written" in caplog.text


def test_a_run_that_cannot_be_sent_keeps_none_back(caplog: pytest.LogCaptureFixture) -> None:
    """One of the outbox ends, and those behind it are sent."""
    with tracked_tasks(backend="sync", outbox=True) as tasks:

        @tasks.task(name="work")
        def work() -> None: ...

        for name in ("bad", "good"):
            run = NewRun(id=name, name="work", queue="default", arguments="{}", max_retries=0)
            new_row(run, now=datetime.now(UTC), outbox=True).save()
        TaskExecution.objects.filter(pk="bad").update(outbox={"odd": 1})
        TaskExecution.objects.update(changed_at=datetime.now(UTC) - 2 * RELAY_AFTER)

        tasks.runtime().tend_log()

    assert (row("bad").status, row("bad").failure_code) == ("FAILED", "REJECTED")
    assert row("good").status == "COMPLETED"
    assert "Run bad (work) of the outbox could not be sent" in caplog.text


def test_workers_tell_once(
    threaded: Tasks, later: Callable[[], Handle[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """And go on when it takes writes again."""
    handle = later()
    threaded.runtime().store.cancel(handle.id)
    TaskExecution.objects.update(changed_at=datetime.now(UTC) - 2 * QUIET)

    with _read_only():
        for _ in range(3):
            threaded.runtime().tend_log()
    threaded.runtime().tend_log()

    assert row(handle.id).status == "CANCELED"
    assert caplog.text.count("waits for the database") == 1
    assert "Traceback" not in caplog.text


def test_looking_for_a_run_ends_with_a_code(tasks: Tasks) -> None:
    """Where the database cannot be read, whoever asks for a run that only it may have learns that."""
    schema = Schema(extensions=[tasks.extension])

    with _failing(OperationalError('relation "secrets" is away')):
        answer = schema.execute_sync('{ task(id: "some") { id } }')
        with pytest.raises(StoreUnavailableError):
            _log(tasks).list(Wanted(), first=10)

    assert answer.errors
    assert answer.errors[0].extensions == {"code": "STORE_UNAVAILABLE"}
    assert "secrets" not in str(answer.errors)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_words_that_no_database_takes_match_nothing(tasks: Tasks, text: str) -> None:
    """They come from clients."""
    log = _log(tasks)

    assert log.list(Wanted(tag=text), first=10).runs == []
    assert log.list(Wanted(name=text), first=10).runs == []


@pytest.mark.parametrize("owner", ["a\0b", "x" * 256])
def test_an_owner_that_no_database_takes_is_refused(tasks: Tasks, owner: str) -> None:
    """Before the database does, which would end a transaction."""

    @tasks.task()
    def work() -> None: ...

    with pytest.raises(TaskInputError, match="owner"):
        work.using(viewer=Viewer(id=owner)).enqueue()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("the server closed the connection unexpectedly"), True),
        (OperationalError(1290, "The MariaDB server is running with the --read-only option"), True),
        (OperationalError(1213, "Deadlock found when trying to get lock"), True),
        (OperationalError(1366, "Incorrect string value"), False),
        (DatabaseError("file is not a database"), True),
        (IntegrityError("duplicate key"), False),
        (ValueError("A string literal cannot contain NUL (0x00) characters."), False),
    ],
)
def test_outages_are_told_by_their_kind(error: Exception, expected: bool) -> None:
    """Not by one or two classes, and not by drivers' words."""
    assert is_outage(error) is expected


def test_a_table_that_is_not_there_is_no_outage() -> None:
    """SQLite has the same class for it as for a full disk."""
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM no_such_table")

    assert not is_outage(caught.value)


def test_code_is_told_that_it_is_an_outage(tasks: Tasks) -> None:
    """With the driver's error as the cause."""

    @tasks.task()
    def work() -> None: ...

    with _read_only(), pytest.raises(QueueUnavailableError) as caught:
        work.enqueue()

    assert is_outage(caught.value.__cause__)  # type: ignore[arg-type]


def _log(tasks: Tasks) -> DatabaseLog:
    log = tasks.runtime().log
    assert isinstance(log, DatabaseLog)
    return log


@contextmanager
def _read_only() -> Iterator[None]:
    """Have every connection refuse writes, in the database's own words."""
    on, off = READ_ONLY[connection.vendor]

    def restrict(sender: object, connection: Any, **_: object) -> None:
        if connection.vendor == connections["default"].vendor:
            with connection.cursor() as cursor:
                cursor.execute(on)

    connection_created.connect(restrict)
    connection.close()
    try:
        yield
    finally:
        connection_created.disconnect(restrict)
        with connection.cursor() as cursor:
            cursor.execute(off)


@contextmanager
def _refusing(run_id: str) -> Iterator[None]:
    """Have the database refuse to write one row, whoever asks."""
    table = TaskExecution._meta.db_table
    if connection.vendor == "sqlite":
        begin = [
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} WHEN OLD.id = '{run_id}' "
            "BEGIN SELECT RAISE(ABORT, 'never'); END"
        ]
        end = ["DROP TRIGGER refuse"]
    else:
        begin = [f"ALTER TABLE {table} ADD CONSTRAINT refuse CHECK (id <> '{run_id}' OR status = 'PENDING')"]
        end = [f"ALTER TABLE {table} DROP CONSTRAINT refuse"]
    with connection.cursor() as cursor:
        for statement in begin:
            cursor.execute(statement)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for statement in end:
                cursor.execute(statement)


@contextmanager
def _failing(error: Exception) -> Iterator[None]:
    def refuse(_execute: Callable[..., Any], *_arguments: object) -> None:
        raise error

    with connection.execute_wrapper(refuse):
        yield

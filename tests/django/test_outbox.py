"""The outbox: what was committed is sent, whatever happens in between."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from strawberry_tasks import Tasks
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.django import tending
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.status import TaskStatus
from tests.django.stages import row, tracked_tasks
from tests.namespaces import fresh_namespace
from tests.processes import wait_until
from tests.programs import PYTHON_PATH, ROOT, Worker
from tests.servers import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis that tests stop."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def tasks(server: RedisServer) -> Iterator[Tasks]:
    """Tasks with an outbox."""
    with fresh_namespace(server.url) as namespace, tracked_tasks(server.url, namespace=namespace, outbox=True) as tasks:
        yield tasks


@pytest.fixture
def note(tasks: Tasks) -> Any:
    """A task."""

    @tasks.task()
    def note(word: str) -> str:
        return word

    return note


@pytest.mark.django_db(transaction=True)
def test_redis_may_be_away_at_the_commit(server: RedisServer, tasks: Tasks, note: Any) -> None:
    """The caller gets its handle, and a worker sends the run when Redis is back; in the order of their creation."""
    server.stop()
    with transaction.atomic():
        handles = [note.using(tags=["a"], priority=5).enqueue(word=word) for word in ("first", "second")]
    handles.append(note.enqueue(word="third"))
    server.start()
    _age()

    tasks.runtime().tend_log()

    store = tasks.runtime().store
    runs = [run for run in store.read([handle.id for handle in handles]) if run is not None]
    assert [(run.status, run.tags) for run in runs] == [
        (TaskStatus.PENDING, ("a",)),
        (TaskStatus.PENDING, ("a",)),
        (TaskStatus.PENDING, ()),
    ]
    moments = [run.created_at for run in runs if run.created_at is not None]
    assert moments == sorted(moments)
    assert not TaskExecution.objects.filter(outbox__isnull=False).exists()
    record = store.load(handles[0].id)
    assert record is not None
    assert record.arguments == '{"word":"first"}'


@pytest.mark.django_db(transaction=True)
def test_what_has_begun_is_not_sent_again(tasks: Tasks, note: Any) -> None:
    """The relay only forgets that it had to be sent."""
    handle = note.enqueue(word="once")
    SyncBackend(tasks.perform).send(note, handle.id, queue="default", delay=None)
    TaskExecution.objects.filter(pk=handle.id).update(outbox={"arguments": "{}", "limit": None})
    _age()

    tasks.runtime().tend_log()

    assert row(handle.id).outbox is None
    assert handle.refresh().attempt == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_ended_is_not_sent_though_the_store_forgot_it(tasks: Tasks, note: Any) -> None:
    """The row's own state is enough."""
    handle = note.enqueue(word="once")
    TaskExecution.objects.filter(pk=handle.id).update(status="COMPLETED")
    tasks.runtime().store.discard(handle.id)
    _age()

    tasks.runtime().tend_log()

    assert tasks.runtime().store.read([handle.id]) == [None]
    assert row(handle.id).outbox is None


@pytest.mark.django_db(transaction=True)
def test_a_task_that_this_worker_does_not_know_waits_for_another(
    tasks: Tasks, note: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row keeps what sending takes, and does not stand in the way of others."""
    monkeypatch.setattr(tending, "BATCH", 1)
    handles = note.enqueue_many({"word": str(number)} for number in range(2))
    for handle in handles:
        tasks.runtime().store.discard(handle.id)
    TaskExecution.objects.filter(pk=handles[0].id).update(name="unknown")
    _age()

    tasks.runtime().tend_log()

    assert row(handles[0].id).outbox is not None
    assert row(handles[1].id).outbox is None
    assert handles[1].refresh().version == 1


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_web_processes_are_killed_between_commit_and_send(server: RedisServer, tmp_path: Path, count: int) -> None:
    """Each of their runs is performed, and none twice; also of those that were killed right after they had sent."""
    journal = tmp_path / "journal"
    with fresh_namespace(server.url) as namespace:
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
            "TEST_PROJECT_DATABASE_URL": f"sqlite:///{tmp_path / 'project.sqlite3'}",
            "TEST_TASKS_URL": server.url,
            "TEST_TASKS_NAMESPACE": namespace,
            "TEST_TASKS_OPTIONS": json.dumps({"OUTBOX": True}),
            "TEST_JOURNAL": str(journal),
        }
        crashing = subprocess.run(
            [sys.executable, "-m", "tests.django.project.crashes", str(count)],
            env={**os.environ, "PYTHONPATH": PYTHON_PATH, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert crashing.returncode == 0, crashing.stderr
        with Worker("tests.django.project.worker", environment=environment, log=tmp_path / "worker.log") as worker:
            wait_until(lambda: len(_words(journal)) >= count, f"the end of {count} runs; {worker.said}")
            worker.send_signal(signal.SIGTERM)
            wait_until(worker.has_ended, "the end of the worker")

        assert Counter(_words(journal)) == Counter(str(number) for number in range(count))
        # A worker that ends in good order leaves nothing unwritten.
        assert _states(tmp_path / "project.sqlite3") == {("COMPLETED", None): count}


def _states(database: Path) -> Counter[tuple[str, object]]:
    with contextlib.closing(sqlite3.connect(database)) as link:
        return Counter(link.execute("SELECT status, outbox FROM strawberry_tasks_taskexecution").fetchall())


def _words(journal: Path) -> list[str]:
    return journal.read_text().split() if journal.exists() else []


def _age() -> None:
    TaskExecution.objects.update(changed_at=datetime.now(UTC) - timedelta(seconds=10))

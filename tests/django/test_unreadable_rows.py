"""Rows that cannot be read: damaged, or of another version. They are told as such, and hurt no other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.django.tending import QUIET
from strawberry_tasks.errors import TaskUnreadableError
from strawberry_tasks.log import Wanted
from strawberry_tasks.policy import Viewer
from tests.django.stages import row, tracked_tasks
from tests.operations import Person

pytestmark = pytest.mark.django_db(transaction=True)

ANN = Person(pk=7)

DAMAGES = {
    "status": "EXPLODED",
    "version": "abc",
    "attempt": "9" * 15,
    "progress": "much",
    "claims": '{"tenant": "a',
    "tags": '"words"',
    "created_at": "2026-13-45 99:00:00",
}
"""A column, and what no version of ours writes there. SQLite takes it all."""


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks that are performed inline."""
    with tracked_tasks(backend="sync") as tasks:
        yield tasks


@pytest.fixture
def ids(tasks: Tasks) -> list[str]:
    """Three runs of Ann's, which the store has forgotten."""

    @tasks.mutation()
    def double(number: int) -> int:
        return number * 2

    ids = [double.using(viewer=Viewer(id="7")).enqueue(number=number).id for number in range(3)]
    _forget(tasks)
    return ids


def _forget(tasks: Tasks) -> None:
    tasks.runtime().store._records.clear()  # type: ignore[attr-defined]


def _damage(run_id: str, column: str, value: str) -> None:
    if connection.vendor != "sqlite" and column != "status":
        pytest.skip("The columns of this database take nothing of another type.")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = 1")
        cursor.execute(f"UPDATE {TaskExecution._meta.db_table} SET {column} = %s WHERE id = %s", [value, run_id])


@pytest.mark.parametrize("column", DAMAGES)
def test_lists_leave_it_out(tasks: Tasks, ids: list[str], column: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log has its id; whoever asks for it reads a code."""
    _damage(ids[1], column, DAMAGES[column])
    schema = Schema(extensions=[tasks.extension])
    context = {"user": ANN}

    for _ in range(2):
        listed = schema.execute_sync("{ tasks { nodes { id status } } }", context_value=context)
        assert not listed.errors
        assert [node["id"] for node in listed.data["tasks"]["nodes"]] == [ids[2], ids[0]]
    asked = schema.execute_sync("query ($id: ID!) { task(id: $id) { id } }", {"id": ids[1]}, context_value=context)
    assert [error.extensions["code"] for error in asked.errors] == ["TASK_UNREADABLE"]

    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([line for line in lines if ids[1] in line]) == 1


def test_pages_go_on_behind_it(tasks: Tasks, ids: list[str]) -> None:
    """Also where a page has nothing else."""
    _damage(ids[2], "status", "EXPLODED")
    log = tasks.runtime().log
    assert log is not None

    first = log.list(Wanted(owner="7"), first=1)
    second = log.list(Wanted(owner="7"), first=1, after=first.cursor)

    assert (list(first.runs), [error.run_id for error in first.unreadable]) == ([], [ids[2]])
    assert [run.id for run in second.runs] == [ids[1]]


@pytest.mark.parametrize("column", [column for column in DAMAGES if column != "status"])
def test_the_log_is_brought_up_to_date_all_the_same(tasks: Tasks, column: str) -> None:
    """Reconciliation ends what the store has lost, and passes over what it cannot read."""

    @tasks.mutation()
    def double(number: int) -> int:
        return number * 2

    with tracked_tasks() as threaded:
        later = threaded.task()(double.function)
        ids = [later.using(delay=timedelta(hours=1)).enqueue(number=number).id for number in range(2)]
        _forget(threaded)
        TaskExecution.objects.filter(pk__in=ids).update(changed_at=datetime.now(UTC) - 2 * QUIET)
        _damage(ids[0], column, DAMAGES[column])

        threaded.runtime().tend_log()
        threaded.runtime().tend_log()

    assert row(ids[1]).status == "FAILED"


def test_the_admin_shows_it_and_lets_it_be_deleted(tasks: Tasks, ids: list[str], boss: Client) -> None:
    """Nothing would come back of it: its state is none of those that go on."""
    _damage(ids[1], "status", "EXPLODED")

    page = boss.get("/admin/strawberry_tasks/taskexecution/")
    assert page.status_code == 200
    assert ids[1] in page.content.decode()
    boss.post(f"/admin/strawberry_tasks/taskexecution/{ids[1]}/delete/", {"post": "yes"})

    assert not TaskExecution.objects.filter(pk=ids[1]).exists()


def test_a_row_tells_what_is_wrong(tasks: Tasks, ids: list[str]) -> None:
    """To whoever asks for its state."""
    _damage(ids[1], "status", "EXPLODED")

    with pytest.raises(TaskUnreadableError) as caught:
        _ = row(ids[1]).snapshot
    assert "EXPLODED" in caught.value.reason

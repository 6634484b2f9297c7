"""Runs in the admin: shown as they are now, controlled by those who may, never edited."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from strawberry_tasks import Failure, Snapshot, TaskStatus
from strawberry_tasks.django import default_tasks
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.stores.base import Change, NewRun
from strawberry_tasks.stores.memory import MemoryStore

LIST = "/admin/strawberry_tasks/taskexecution/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_tasks")]


def staff(client: Client, *permissions: str) -> Client:
    """Sign a staff user in who has these permissions."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def logged(**values: object) -> TaskExecution:
    """Save the row of a run."""
    known = {"id": str(uuid4()), "name": "add", "queue": "default", "created_at": datetime.now(UTC), "version": 1}
    row = TaskExecution.of(Snapshot(**{**known, **values}))  # type: ignore[arg-type]
    row.save()
    return row


def stored(row: TaskExecution) -> None:
    """Put the run into the store, too."""
    default_tasks.runtime().store.create(NewRun(id=row.id, name=row.name, queue=row.queue, arguments="{}"))


def act(client: Client, action: str, *rows: TaskExecution) -> str:
    """Choose an action for runs, and return the page that follows."""
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, form, follow=True).content.decode()


def test_a_running_run_is_shown_as_the_store_has_it(boss: Client) -> None:
    """The row is written on transitions alone; the page shows the progress of this moment."""
    row = logged()
    stored(row)
    store = default_tasks.runtime().store
    store.claim(row.id)
    store.apply([Change(run_id=row.id, attempt=1, values={"progress": 37.0, "progress_message": "Row 37"})])

    listed = boss.get(LIST).content.decode()
    page = boss.get(f"{LIST}{row.pk}/change/").content.decode()

    for text in (listed, page):
        assert 'data-state="running"' in text
        assert "Row 37" in text
        assert 'value="37.0"' in text


def test_a_list_costs_as_many_queries_however_long_it_is(
    boss: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Neither owners nor states are asked for one by one."""
    for number in range(30):
        logged(owner=str(User.objects.create_user(f"user{number}").pk))

    with django_assert_max_num_queries(6):
        text = boss.get(LIST).content.decode()

    assert "user29" in text


def test_the_page_says_so_when_the_store_is_away(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is shown all the same."""

    def away(*_: object) -> list[Snapshot | None]:
        raise StoreUnavailableError("It is away.")

    monkeypatch.setattr(MemoryStore, "read", away)
    logged()

    answer = boss.get(LIST)

    assert answer.status_code == 200
    assert "The store does not answer" in answer.content.decode()


def test_a_page_tells_all_of_a_failed_run(boss: Client) -> None:
    """Times, failure, and traceback."""
    failure = Failure(code="ON_PURPOSE", message="It broke.", exception="ValueError", traceback="Traceback: line 1")
    row = logged(status=TaskStatus.FAILED, failure=failure, attempt=2, completed_at=datetime.now(UTC))

    text = boss.get(f"{LIST}{row.pk}/change/").content.decode()

    assert "ON_PURPOSE: It broke. (ValueError)" in text
    assert "Traceback: line 1" in text
    assert "Enqueued" in text


def test_what_users_wrote_is_no_markup(boss: Client) -> None:
    """Arguments, results, messages and words are escaped."""
    evil = "<script>alert(1)</script>"
    row = logged(status=TaskStatus.COMPLETED, progress_message=evil, tags=(evil,), key=evil, owner=evil)
    TaskExecution.objects.filter(pk=row.pk).update(arguments={"text": evil}, result={"text": evil})

    pages = boss.get(LIST).content.decode() + boss.get(f"{LIST}{row.pk}/change/").content.decode()

    assert "alert(1)" in pages
    assert evil not in pages


@pytest.mark.parametrize("term", ["alice", "nightly", "the-key"])
def test_a_run_is_found(boss: Client, term: str) -> None:
    """By the user's name, a tag, or a key."""
    alice = User.objects.create_user("alice")
    row = logged(owner=str(alice.pk), tags=("nightly",), key="the-key")
    other = logged()

    text = boss.get(LIST, {"q": term}).content.decode()

    assert row.pk in text
    assert other.pk not in text


def test_runs_are_filtered(boss: Client) -> None:
    """By status and task."""
    failed = logged(status=TaskStatus.FAILED)
    other = logged(name="fail", status=TaskStatus.FAILED)

    text = boss.get(LIST, {"status__exact": "FAILED", "name": "add"}).content.decode()

    assert failed.pk in text
    assert other.pk not in text


def test_a_waiting_run_is_canceled(boss: Client) -> None:
    """The action asks the store."""
    row = logged()
    stored(row)

    text = act(boss, "cancel_runs", row)

    assert "1 run was asked to stop" in text
    assert default_tasks.handle(row.pk).refresh().status is TaskStatus.CANCELED


def test_a_canceled_run_is_started_again(boss: Client) -> None:
    """As a new run."""
    row = logged()
    stored(row)
    default_tasks.handle(row.pk).cancel()

    text = act(boss, "retry_runs", row)

    assert "1 run was started again" in text


def test_what_cannot_be_done_is_told_for_each(boss: Client) -> None:
    """A run that the store has no more, and one that goes on."""
    gone, live = logged(), logged()
    stored(live)

    text = act(boss, "retry_runs", gone, live)

    assert "Only a FAILED or CANCELED task can be retried" in text
    assert f"Run {gone.pk}: " in text


def test_a_live_run_is_not_deleted(boss: Client) -> None:
    """Its row would come back; one that has ended goes."""
    live, ended = logged(), logged(status=TaskStatus.COMPLETED)

    refused = boss.post(f"{LIST}{live.pk}/delete/", {"post": "yes"})
    boss.post(f"{LIST}{ended.pk}/delete/", {"post": "yes"})

    assert "cancel it first" in refused.content.decode()
    assert list(TaskExecution.objects.values_list("pk", flat=True)) == [live.pk]


def test_nobody_edits_or_adds_a_run(boss: Client) -> None:
    """Not even a superuser."""
    row = logged()

    assert boss.get(f"{LIST}add/").status_code == 403
    assert boss.post(f"{LIST}{row.pk}/change/", {"name": "other"}).status_code == 403
    assert 'name="_save"' not in boss.get(f"{LIST}{row.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("permissions", "page", "actions"),
    [
        ((), 403, ()),
        (("view_taskexecution",), 200, ()),
        (("view_taskexecution", "control_taskexecution"), 200, ("cancel_runs", "retry_runs")),
        (("view_taskexecution", "delete_taskexecution"), 200, ("delete_selected",)),
    ],
)
def test_staff_does_what_it_may(
    client: Client, permissions: tuple[str, ...], page: int, actions: tuple[str, ...]
) -> None:
    """Looking, controlling and deleting are permissions of their own."""
    row = logged()
    browser = staff(client, *permissions)

    answer = browser.get(LIST)

    assert answer.status_code == page
    for action in ("cancel_runs", "retry_runs", "delete_selected"):
        assert (f'value="{action}"' in answer.content.decode()) is (action in actions)
    if page == 200 and "cancel_runs" not in actions:
        stored(row)
        act(browser, "cancel_runs", row)
        assert default_tasks.handle(row.pk).refresh().status is TaskStatus.PENDING

"""Schedules in the admin: shown as they stand, refused by field, switched and started by those who may."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from strawberry_tasks import Snapshot
from strawberry_tasks.django import default_tasks
from strawberry_tasks.django.models import TaskSchedule
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.stores.memory import MemoryStore

LIST = "/admin/strawberry_tasks/taskschedule/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_tasks")]


def scheduled(name: str = "sum") -> TaskSchedule:
    """Save a schedule."""
    arguments = {"left": 1, "right": 2}
    return TaskSchedule.objects.create(name=name, task="add", arguments=arguments, every=timedelta(hours=1))


def act(client: Client, action: str, *rows: TaskSchedule) -> str:
    """Choose an action for schedules, and return the page that follows."""
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, form, follow=True).content.decode()


def runs() -> list[Snapshot]:
    """Return all runs."""
    return list(default_tasks.runtime().store.list(owner=None, first=100).runs)


def test_a_list_costs_as_many_queries_however_long_it_is(
    boss: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """How schedules stand is not asked for one by one."""
    for number in range(20):
        scheduled(f"sum{number}")

    with django_assert_max_num_queries(7):
        text = boss.get(LIST).content.decode()

    assert text.count('data-state="active"') == 20


def test_schedules_are_shown_as_they_stand(boss: Client) -> None:
    """Active with the next fire, paused, or broken with the reason; one that cannot even be read, too."""
    scheduled()
    for name, change in (("off", {"enabled": False}), ("lost", {"task": "gone"}), ("bad", {"timezone": "Mars"})):
        scheduled(name)
        TaskSchedule.objects.filter(name=name).update(**change)

    text = boss.get(LIST).content.decode()

    assert [text.count(f'data-state="{state}"') for state in ("active", "paused", "broken")] == [1, 1, 2]
    assert "There is no task named &#x27;gone&#x27;." in text
    assert "timezone: expected an IANA name" in text
    coming = re.findall(r'class="field-next_fire[^>]*>([^<]*)<', text)
    assert [fire.endswith(":00:00") for fire in coming] == [False, False, False, True]


def test_what_cannot_be_stands_by_its_field(boss: Client) -> None:
    """And nothing is saved."""
    form = {"name": "two words", "task": "add", "arguments": "{}", "cron": "0 99 * * *", "timezone": "UTC"}

    answer = boss.post(f"{LIST}add/", {**form, "misfire": "once", "overlap": "allow", "jitter": "0", "every": ""})

    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"name", "cron", "arguments"}
    assert "field 2 (hour) of '0 99 * * *' cannot be '99'" in errors["cron"][0]
    assert not TaskSchedule.objects.exists()


def test_what_is_not_there_is_asked_for_once(boss: Client) -> None:
    """Without a second complaint about the same field."""
    answer = boss.post(f"{LIST}add/", {"every": "soon", "timezone": "UTC", "misfire": "once", "overlap": "allow"})

    errors = answer.context["adminform"].form.errors
    assert {field: len(faults) for field, faults in errors.items()}["name"] == 1
    assert {field: len(faults) for field, faults in errors.items()}["task"] == 1


def test_a_schedule_is_paused_and_resumed(boss: Client) -> None:
    """Schedulers see it."""
    row = scheduled()

    assert "1 schedule was paused" in act(boss, "pause", row)
    assert default_tasks.schedules.all()["sum"].is_paused
    assert "1 schedule was resumed" in act(boss, "resume", row)
    assert not default_tasks.schedules.all()["sum"].is_paused


@pytest.mark.django_db(transaction=True)
def test_a_schedule_is_started_now_by_who_asks(boss: Client) -> None:
    """The run is theirs; the page links to it."""
    text = act(boss, "fire_now", scheduled())

    (run,) = runs()
    assert run.owner == str(User.objects.get().pk)
    assert f'<a href="/admin/strawberry_tasks/taskexecution/{run.id}/change/">' in text


def test_a_broken_schedule_is_not_started(boss: Client) -> None:
    """Its reason is told."""
    row = scheduled()
    TaskSchedule.objects.update(task="gone")

    assert "which is not there" in act(boss, "fire_now", row)
    assert runs() == []


def test_who_may_only_look_changes_nothing(client: Client) -> None:
    """Neither the actions nor the buttons are theirs."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_taskschedule"))
    client.force_login(user)
    row = scheduled()

    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    act(client, "pause", row)
    act(client, "fire_now", row)

    assert "Start it now" not in page
    assert "sum" in page
    row.refresh_from_db()
    assert row.enabled
    assert runs() == []


def test_the_pages_stand_while_the_store_is_away(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say so."""

    def away(*_: object) -> None:
        raise StoreUnavailableError("It is away.")

    monkeypatch.setattr(MemoryStore, "schedules", away)
    row = scheduled()

    for path in (LIST, f"{LIST}{row.pk}/change/"):
        text = boss.get(path).content.decode()
        assert "The store does not answer" in text
        assert "sum" in text

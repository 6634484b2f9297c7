"""Schedules in the database: what may stand there, and what schedulers see of it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from strawberry_tasks import Schema, TaskStatus, Viewer
from strawberry_tasks.django import default_tasks
from strawberry_tasks.django.conf import DjangoSettings
from strawberry_tasks.django.models import TaskSchedule
from strawberry_tasks.django.project import make_tasks
from strawberry_tasks.django.schedules import DatabaseSchedules
from strawberry_tasks.schedule import Schedule
from tests.django.project.schema import schema
from tests.processes import wait_until

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_tasks")]


def scheduled(name: str = "sum", **values: Any) -> TaskSchedule:
    """Save a schedule."""
    known = {"task": "add", "arguments": {"left": 1, "right": 2}, **({} if "cron" in values else {"every": MINUTE})}
    return TaskSchedule.objects.create(**{**known, "name": name, **values})


def seen() -> dict[str, Schedule]:
    """Return the schedules that schedulers see."""
    return dict(default_tasks.schedules.all())


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"cron": "0 99 * * *"}, "cron", "cron: field 2 (hour) of '0 99 * * *' cannot be '99'."),
        ({"cron": "0 3 * *"}, "cron", "cron: expected five fields"),
        ({"cron": "0 3 30 2 *"}, "cron", "never fires"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "timezone", "expected an IANA name such as 'Europe/Paris'"),
        ({"every": timedelta(milliseconds=5)}, "every", "expected at least a second"),
        ({"every": None}, "every", "either a cron line or an interval, got both or none"),
        ({"cron": "0 3 * * *", "every": MINUTE}, "cron", "either a cron line or an interval, got both or none"),
        ({"jitter": timedelta(seconds=-1)}, "jitter", "jitter: expected"),
        ({"misfire": "never"}, "misfire", "'never' is not a valid choice"),
        ({"name": "two words"}, "name", "without spaces"),
        ({"task": "gone"}, "task", "There is no task named 'gone'. There are: "),
        ({"arguments": {"left": 1}}, "arguments", "missing a required argument: 'right'"),
        ({"arguments": {"left": 1, "right": "two"}}, "arguments", "parameter 'right': expected int, got str 'two'"),
        ({"arguments": [1, 2]}, "arguments", "expected an object of names and values, got [1, 2]"),
    ],
)
def test_what_cannot_be_is_refused_by_field(values: dict[str, Any], field: str, message: str) -> None:
    """By the rules of a declaration, and nothing is saved."""
    with pytest.raises(ValidationError) as caught:
        scheduled(**values)

    assert set(caught.value.message_dict) == {field}
    assert message.lower() in caught.value.message_dict[field][0].lower()
    assert not TaskSchedule.objects.exists()


def test_all_that_is_wrong_is_told_at_once() -> None:
    """As a form shows it."""
    with pytest.raises(ValidationError) as caught:
        scheduled("two words", cron="x", timezone="Mars", task="gone")

    assert set(caught.value.message_dict) == {"name", "cron", "timezone", "task"}


def test_a_row_is_a_schedule() -> None:
    """With all that a declaration may say."""
    row = scheduled(cron="0 3 * * mon", timezone="Europe/Paris", misfire="skip", overlap="queue", jitter=MINUTE)

    assert seen()["sum"] == Schedule(
        name="sum",
        task="add",
        cron="0 3 * * mon",
        timezone="Europe/Paris",
        misfire="skip",
        overlap="queue",
        jitter=MINUTE,
        arguments={"left": 1, "right": 2},
        key=f"TaskSchedule:{row.pk}",
        after=row.effective_at,
    )


def test_a_look_costs_one_query_while_nothing_changes(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Whatever has changed is read then, however it was written."""
    source = DatabaseSchedules()
    row = scheduled()
    source()

    with django_assert_num_queries(1):
        source()
    row.every = 2 * MINUTE
    row.save()
    assert [schedule.every for schedule in source()] == [2 * MINUTE]
    row.enabled = False
    row.save(update_fields=["enabled"])
    assert [schedule.is_paused for schedule in source()] == [True]
    TaskSchedule.objects.update(every=3 * MINUTE)
    assert [schedule.every for schedule in source()] == [3 * MINUTE]
    scheduled("other")
    assert len(source()) == 2
    row.delete()
    assert [schedule.name for schedule in source()] == ["other"]


def test_a_schedule_is_paused_and_resumed_by_its_name() -> None:
    """In its row, so that everybody sees the same; what it missed is not made up for."""
    row = scheduled(misfire="all", every=SECOND)
    TaskSchedule.objects.update(effective_at=datetime(2020, 1, 1, tzinfo=UTC))

    default_tasks.schedules.pause("sum")
    row.refresh_from_db()
    (view,) = default_tasks.schedules.views()
    assert (row.enabled, view.is_paused, view.next_fire) == (False, True, None)

    default_tasks.schedules.resume("sum")
    row.refresh_from_db()
    (view,) = default_tasks.schedules.views()
    assert (row.enabled, view.is_paused) == (True, False)
    assert view.schedule.due(datetime(2020, 1, 1, tzinfo=UTC), row.effective_at) == []


def test_a_new_timing_makes_up_for_nothing() -> None:
    """A new name or other arguments leave it as it is."""
    row = scheduled()
    TaskSchedule.objects.update(arguments={"left": 3, "right": 4})
    row.refresh_from_db()
    before = row.effective_at

    row.name = "product"
    row.save()
    assert row.effective_at == before
    row.every = SECOND
    row.save()
    assert row.effective_at > before


def test_a_row_that_cannot_be_a_schedule_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """As one that was written past its checks; it is told once."""
    scheduled("good")
    scheduled("bad")
    TaskSchedule.objects.filter(name="bad").update(timezone="Mars")

    with caplog.at_level(logging.ERROR, "strawberry_tasks"):
        assert list(seen()) == ["good"]
        assert list(seen()) == ["good"]

    assert len(caplog.records) == 1
    assert "Schedule bad of the database is left out: timezone: expected an IANA name" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_schedule_whose_task_is_gone_is_shown_as_broken() -> None:
    """The others fire; so is one whose arguments do not fit any more."""
    for name in ("good", "gone", "unfit"):
        scheduled(name, every=SECOND)
    TaskSchedule.objects.filter(name="gone").update(task="lost")
    TaskSchedule.objects.filter(name="unfit").update(arguments={})
    store = default_tasks.runtime().store

    wait_until(lambda: default_tasks.schedules.tick() and store.list(owner=None, first=9).runs, "a fire")

    good, gone, unfit = sorted(default_tasks.schedules.views(), key=lambda view: view.schedule.name != "good")
    assert good.error is None
    assert {gone.error, unfit.error} == {
        "There is no task named 'lost'.",
        "task 'add': missing a required argument: 'left'.",
    }
    assert {run.tags for run in store.list(owner=None, first=9).runs} == {("schedule:good",)}


def test_a_schedule_of_the_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row cannot take its name."""
    monkeypatch.setattr(default_tasks.schedules, "_declared", [Schedule(name="nightly", task="add", cron="0 3 * * *")])

    with pytest.raises(ValidationError, match="The code has a schedule named 'nightly', which counts"):
        scheduled("nightly")


@pytest.mark.django_db(transaction=True)
def test_a_schedule_is_fired_now_for_somebody() -> None:
    """An ordinary run of theirs."""
    scheduled()

    handle = default_tasks.schedules.fire("sum", Viewer(id="7"))

    assert handle.result(timedelta(seconds=10)) == 3
    assert (handle.started.owner, handle.started.status) == ("7", TaskStatus.PENDING)


def test_the_schema_shows_schedules_though_there_are_none_yet() -> None:
    """They may come while it is in use; without the table they cannot."""
    assert "schedules: [TaskSchedule!]!" in schema.as_str()
    with override_settings(STRAWBERRY_TASKS={"URL": "memory://", "TRACK_IN_DATABASE": False}):
        tasks = make_tasks(DjangoSettings.load())
    tasks.mutation(name="work")(_work)

    assert "schedules" not in Schema(extensions=[tasks.extension]).as_str()


def _work() -> None:
    """Work."""

"""Several schedulers over the schedules of a database, while those change: each fire is made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from signal import SIGKILL

import pytest
from django.db import connection

from strawberry_tasks import Tasks
from strawberry_tasks.django.models import TaskSchedule
from tests.processes import wait_until
from tests.programs import Program

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db(transaction=True)


class Scheduler(Program):
    """``manage.py tasks_scheduler`` over this test's database."""

    def __init__(self, url: str, namespace: str, log: Path) -> None:
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
            "TEST_PROJECT_DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
            "TEST_TASKS_URL": url,
            "TEST_TASKS_NAMESPACE": namespace,
        }
        super().__init__(["django", "tasks_scheduler"], environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it has begun."""
        return self.has_said("Scheduling")


@pytest.fixture
def tasks(redis_url: str, namespace: str) -> Iterator[Tasks]:
    """Look into the store of the schedulers."""
    tasks = Tasks(redis_url, namespace=namespace)
    yield tasks
    tasks.close()


@pytest.fixture
def schedulers(redis_url: str, namespace: str, tmp_path: Path) -> Iterator[list[Scheduler]]:
    """Three of them, once there are schedules."""
    with ExitStack() as stack:
        made = [Scheduler(redis_url, namespace, tmp_path / f"{number}.log") for number in range(3)]
        stack.callback(lambda: [scheduler.__exit__() for scheduler in made])
        yield made


def scheduled(name: str) -> TaskSchedule:
    """Save a schedule that fires each second."""
    arguments = {"left": 1, "right": 2}
    return TaskSchedule.objects.create(name=name, task="add", arguments=arguments, every=SECOND, misfire="all")


def made(tasks: Tasks, tag: str | None = None) -> list[str]:
    """Return the ids of the runs with a tag."""
    page = tasks.runtime().store.list(owner=None, first=1000)
    assert page.cursor is None
    return [run.id for run in page.runs if tag is None or tag in run.tags]


def last_fire(tasks: Tasks, row: TaskSchedule) -> datetime:
    """Return the last fire of a schedule."""
    (state,) = tasks.runtime().store.schedules([row.schedule.identity])[1]
    return state.last


def expected(tasks: Tasks, row: TaskSchedule, first: datetime) -> set[str]:
    """Return the ids that the runs of all fires have since a moment."""
    last, schedule = last_fire(tasks, row), row.schedule
    fires = takewhile(lambda fire: fire <= last, schedule.fires_after(first))
    return {schedule.run_id(tasks.config.namespace, fire) for fire in fires}


def test_three_schedulers_make_each_fire_once(tasks: Tasks, schedulers: list[Scheduler]) -> None:
    """Also when one is killed and comes back: nothing is missing, and nothing is there twice."""
    rows = [scheduled(name) for name in ("ant", "bee", "cat")]
    first = {row.pk: last_fire(tasks, row) for row in rows}

    def wait(fires: int) -> None:
        start = min(last_fire(tasks, row) for row in rows)
        wait_until(lambda: all(last_fire(tasks, row) >= start + fires * SECOND for row in rows), f"{fires} fires")

    for scheduler in schedulers:
        scheduler.__enter__()
    wait(3)
    schedulers[0].send_signal(SIGKILL)
    wait(2)
    schedulers[0].restart()
    wait(2)
    for scheduler in schedulers:
        scheduler.__exit__()

    wanted = set().union(*(expected(tasks, row, first[row.pk]) for row in rows))
    assert len(wanted) >= 3 * 7
    assert sorted(made(tasks)) == sorted(wanted)


def test_schedules_change_while_schedulers_run(tasks: Tasks, schedulers: list[Scheduler]) -> None:
    """Added, paused, deleted, renamed: it takes effect soon, and a schedule under its new name makes no fire again."""
    paused, deleted, renamed = (scheduled(name) for name in ("paused", "deleted", "before"))
    first = last_fire(tasks, renamed)
    for scheduler in schedulers:
        scheduler.__enter__()
    wait_until(lambda: made(tasks, "schedule:paused") and made(tasks, "schedule:deleted"), "the first fires")

    added = scheduled("added")
    TaskSchedule.objects.filter(pk=paused.pk).update(enabled=False)
    deleted.delete()
    renamed.name = "after"
    renamed.save()
    wait_until(lambda: made(tasks, "schedule:added"), "a fire of the new one")
    wait_until(lambda: made(tasks, "schedule:after"), "a fire under the new name")
    # By now each scheduler has had its tick.
    start = last_fire(tasks, added)
    wait_until(lambda: last_fire(tasks, added) >= start + 2 * SECOND, "two more fires")
    before = len(made(tasks, "schedule:paused")), len(made(tasks, "schedule:deleted"))
    wait_until(lambda: last_fire(tasks, added) >= start + 5 * SECOND, "five more fires")
    after = len(made(tasks, "schedule:paused")), len(made(tasks, "schedule:deleted"))

    TaskSchedule.objects.filter(pk=paused.pk).update(enabled=True)
    wait_until(lambda: len(made(tasks, "schedule:paused")) > after[0], "a fire after the pause")
    for scheduler in schedulers:
        scheduler.__exit__()

    assert after == before
    # Nothing of the pause, which took more than five fires, was made up for.
    assert len(made(tasks, "schedule:paused")) <= after[0] + 3
    runs = [*made(tasks, "schedule:before"), *made(tasks, "schedule:after")]
    assert sorted(runs) == sorted(expected(tasks, renamed, first))

"""Schedulers that meet what is broken or away: nothing is lost, nothing is made twice, and the log stays readable."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from strawberry_tasks import Tasks, TaskStatus
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.schedule import Schedule
from tests.processes import wait_until
from tests.servers import RedisServer

SECOND = timedelta(seconds=1)


def run_ids(tasks: Tasks) -> list[str]:
    """Return the ids of all runs."""
    return [run.id for run in tasks.runtime().store.list(owner=None, first=1000).runs]


def test_a_fire_that_could_not_be_sent_is_sent_later(redis_url: str, namespace: str) -> None:
    """Its record is there, so that the store does not call it due again; the scheduler itself sends its message, once."""
    with RedisServer() as messages:
        tasks = Tasks(redis_url, broker=messages.url, namespace=namespace)
        tasks.task(name="beat")(lambda: None)
        schedule = Schedule(name="beat", task="beat", every=timedelta(hours=1))
        tasks.schedules.add(lambda: [schedule])
        (view,) = tasks.schedules.views()
        fire = view.last_fire + SECOND
        messages.kill()

        with pytest.raises(QueueUnavailableError):
            tasks.schedules._make(schedule, fire)
        assert run_ids(tasks) == [schedule.run_id(namespace, fire)]
        with pytest.raises(QueueUnavailableError):
            tasks.schedules.tick()
        messages.start()
        for _ in range(3):
            tasks.schedules.tick()

        assert tasks.broker.depth("default").ready == 1  # type: ignore[attr-defined]
        assert run_ids(tasks) == [schedule.run_id(namespace, fire)]
        assert tasks.handle(run_ids(tasks)[0]).started.status is TaskStatus.PENDING
        tasks.close()


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (Schedule(name="broken", task="gone", every=SECOND), "There is no task named 'gone'."),
        (
            Schedule(name="broken", task="greet", every=SECOND, arguments={"name": 3}),
            "task 'greet', parameter 'name': expected str, got int 3",
        ),
        (
            Schedule(name="broken", task="greet", every=SECOND),
            "task 'greet': missing a required argument: 'name'.",
        ),
        (
            Schedule(name="broken", task="greet", every=SECOND, arguments={"name": "you", "age": 3}),
            "task 'greet': got an unexpected keyword argument 'age'.",
        ),
    ],
)
def test_a_broken_schedule_is_told_once(schedule: Schedule, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """Until it changes; it is shown as broken, and the others fire."""
    tasks = Tasks("memory://")

    @tasks.task()
    def greet(name: str) -> str:
        return f"Hello {name}"

    @tasks.periodic(every=SECOND)
    def beat() -> None:
        """Do nothing."""

    schedules = [schedule]
    tasks.schedules.add(lambda: schedules)

    def ticks(fires: int) -> None:
        wanted = len(run_ids(tasks)) + fires
        wait_until(lambda: tasks.schedules.tick() and len(run_ids(tasks)) >= wanted, f"{fires} fires")

    with caplog.at_level(logging.ERROR):
        ticks(2)
        assert [record.message for record in caplog.records] == [f"Schedule broken cannot fire: {why}"]
        schedules[:] = [Schedule(name="broken", task="lost", every=SECOND)]
        ticks(1)
    _, broken = sorted(tasks.schedules.views(), key=lambda view: view.schedule.name)
    tasks.close()

    assert [record.message for record in caplog.records[1:]] == [
        "Schedule broken cannot fire: There is no task named 'lost'."
    ]
    assert broken.error == "There is no task named 'lost'."
    assert broken.next_fire is None


def test_what_a_source_told_last_stands_while_it_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """As when a database is down; it is said once, and again when it is back."""
    tasks = Tasks("memory://")
    tasks.task(name="beat")(lambda: None)
    is_away = [False]

    def source() -> list[Schedule]:
        if is_away[0]:
            raise RuntimeError("The database is away.")
        return [Schedule(name="beat", task="beat", every=SECOND)]

    tasks.schedules.add(source)
    with caplog.at_level(logging.INFO, "strawberry_tasks.sources"):
        tasks.schedules.tick()
        is_away[0] = True
        wait_until(lambda: tasks.schedules.tick() and run_ids(tasks), "a fire")
        is_away[0] = False
        tasks.schedules.tick()
    tasks.close()

    assert [record.message for record in caplog.records] == [
        "Some schedules cannot be read; until they can, those that were last read stand.",
        "All schedules can be read again.",
    ]


def test_a_schedule_may_have_another_name_and_the_same_fires() -> None:
    """What it is known by stays: a scheduler that knows the new name makes none of them again."""
    tasks = Tasks("memory://")
    tasks.task(name="beat")(lambda: None)
    before, after = (Schedule(name=name, task="beat", every=SECOND, key="row 1") for name in ("old", "new"))
    (view,) = tasks.schedules.look([before])

    for schedule in (before, after):
        tasks.schedules._make(schedule, view.last_fire + SECOND)

    assert len(run_ids(tasks)) == 1
    tasks.close()

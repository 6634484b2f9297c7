"""Fires of schedules, made by any number of schedulers, over every kind of store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import strawberry

from strawberry_tasks import Schema, Snapshot, Tasks, TaskStatus
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.errors import ScheduleNotFoundError
from strawberry_tasks.schedule import Schedule
from strawberry_tasks.stores.memory import MemoryStore
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.servers import RedisServer

SECOND = timedelta(seconds=1)
Make = Callable[..., Tasks]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make tasks over each kind of store; over Redis nobody performs them."""
    made: list[Tasks] = []

    def make_tasks(**options: Any) -> Tasks:
        if request.param == "memory":
            made.append(Tasks("memory://", **options))
        else:
            url, namespace = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace")
            made.append(Tasks(url, namespace=namespace, **options))
        return made[-1]

    yield make_tasks
    for tasks in made:
        tasks.close()


@contextmanager
def scheduled(*schedulers: Tasks) -> Iterator[threading.Event]:
    """Run a scheduler for each of these."""
    stopped = threading.Event()
    threads = [threading.Thread(target=tasks.schedules.run, args=(stopped,)) for tasks in schedulers]
    for thread in threads:
        thread.start()
    try:
        yield stopped
    finally:
        stopped.set()
        for thread in threads:
            thread.join(SECONDS)


def runs(tasks: Tasks) -> list[Snapshot]:
    """Return all runs, the oldest first."""
    return list(reversed(tasks.runtime().store.list(owner=None, first=1000).runs))


def beating(make: Make, **options: Any) -> Tasks:
    """Declare a task that fires each second."""
    tasks = make()

    @tasks.periodic(every=SECOND, **options)
    def beat() -> None:
        """Do nothing."""

    return tasks


def test_each_fire_is_made_once(make: Make) -> None:
    """By three schedulers that compete."""
    tasks = beating(make)

    with scheduled(tasks, tasks, tasks):
        wait_until(lambda: len(runs(tasks)) >= 3, "three fires")

    (first, *_), view = runs(tasks), tasks.schedules.views()[0]
    count = len(runs(tasks))
    assert first.created_at is not None
    assert count == round((view.last_fire - first.created_at) / SECOND) + 1
    assert len({run.id for run in runs(tasks)}) == count


def test_a_fire_that_was_made_is_not_made_again(make: Make) -> None:
    """Also when its run is gone, as for a scheduler that was stopped in the middle of it for a day."""
    tasks = beating(make)
    (view,) = tasks.schedules.views()
    tasks.schedules._make(view.schedule, view.last_fire + SECOND)
    tasks.schedules._make(view.schedule, view.last_fire + 2 * SECOND)
    for run in runs(tasks):
        tasks.runtime().store.discard(run.id)
    before = {run.id for run in runs(tasks)}

    tasks.schedules._make(view.schedule, view.last_fire + SECOND)
    tasks.schedules._make(view.schedule, view.last_fire + 2 * SECOND)

    assert {run.id for run in runs(tasks)} == before


def test_schedulers_race_for_one_fire(make: Make) -> None:
    """Whoever comes first makes it; the others find it made."""
    tasks = beating(make)
    (view,) = tasks.schedules.views()
    barrier = threading.Barrier(8)

    def fire() -> None:
        barrier.wait(SECONDS)
        tasks.schedules._make(view.schedule, view.last_fire + SECOND)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(fire) for _ in range(8)]:
            done.result(10)

    assert len(runs(tasks)) == 1


def test_a_fire_is_a_run_like_any_other(make: Make) -> None:
    """It has the id that everybody can tell, a tag, and nobody for an owner; it can be canceled."""
    tasks = make()

    @tasks.periodic(every=SECOND, jitter=timedelta(hours=1), args={"day": 3}, max_retries=7)
    def report(day: int) -> int:
        """Report."""
        return day

    with scheduled(tasks):
        wait_until(lambda: runs(tasks), "a fire")
    run, view = runs(tasks)[0], tasks.schedules.views()[0]

    assert run.name == view.schedule.task == "report"
    assert (run.tags, run.owner, run.max_retries) == (("schedule:report",), None, 7)
    assert run.scheduled_for is not None
    assert tasks.runtime().store.load(run.id).arguments == '{"day": 3}'  # type: ignore[union-attr]
    assert tasks.handle(run.id).cancel().status is TaskStatus.CANCELED


@pytest.mark.parametrize(("overlap", "count"), [("skip", 1), ("allow", 3), ("queue", 3)])
def test_fires_while_an_earlier_one_is_live(make: Make, overlap: str, count: int) -> None:
    """Left out, or started all the same."""
    tasks = beating(make, overlap=overlap, jitter=timedelta(hours=10))
    (view,) = tasks.schedules.views()

    for number in (1, 2, 3):
        tasks.schedules._make(view.schedule, view.last_fire + number * SECOND)

    assert len(runs(tasks)) == count
    assert tasks.schedules.views()[0].last_fire == view.last_fire + 3 * SECOND


def test_queued_fires_run_one_after_the_other() -> None:
    """Each waits for the end of the one before."""
    tasks = Tasks("memory://")
    running, most = [0], [0]

    @tasks.periodic(every=SECOND, overlap="queue")
    def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        threading.Event().wait(0.05)
        running[0] -= 1

    (view,) = tasks.schedules.views()
    for number in (1, 2, 3):
        tasks.schedules._make(view.schedule, view.last_fire + number * SECOND)
    wait_until(lambda: all(run.is_terminal for run in runs(tasks)), "the end of all")
    tasks.close()

    assert most == [1]


def test_a_paused_schedule_does_not_fire_and_makes_up_for_nothing(make: Make) -> None:
    """Whoever pauses it, and whichever scheduler runs."""
    tasks = beating(make, misfire="all")
    before = tasks.schedules.views()[0].last_fire
    tasks.schedules.pause("beat")

    with scheduled(tasks):
        wait_until(lambda: tasks.schedules.views()[0].is_paused, "the pause")
        wait_until(lambda: now(tasks) > before + 2 * SECOND, "two fires are missed")
        assert runs(tasks) == []
        assert tasks.schedules.views()[0].next_fire is None
        tasks.schedules.resume("beat")
        wait_until(lambda: runs(tasks), "the next fire")

    assert len(runs(tasks)) <= 2


def now(tasks: Tasks) -> Any:
    """Return the store's time."""
    return tasks.runtime().store.schedules([])[0]


def test_steps_of_the_clock_double_and_lose_nothing() -> None:
    """The store's clock counts, and a fire is behind it for good."""
    clock = [datetime(2026, 11, 21, 12, 0, 0, 500_000, tzinfo=UTC)]
    tasks = Tasks("memory://")

    @tasks.periodic(every=SECOND)
    def beat() -> None:
        """Do nothing."""

    store = MemoryStore(result_ttl=timedelta(hours=1), clock=lambda: clock[0])
    with tasks.replaced(tasks.runtime_over(store, SyncBackend(tasks.perform))):
        tasks.schedules.tick()
        for step in (3, -10, 4, 4, 20, -1, 2):
            clock[0] += timedelta(seconds=step)
            tasks.schedules.tick()
        (view,) = tasks.schedules.views()
        made = {run.id for run in runs(tasks)}

    start = datetime(2026, 11, 21, 12, tzinfo=UTC)
    wanted = {view.schedule.run_id("strawberry_tasks", start + number * SECOND) for number in range(1, 23)}
    assert made == wanted
    tasks.close()


def test_a_schedule_is_fired_by_hand(make: Make) -> None:
    """Its own fires stay as they are."""
    tasks = beating(make)
    before = tasks.schedules.views()[0].last_fire

    handle = tasks.schedules.fire("beat")

    assert [run.id for run in runs(tasks)] == [handle.id]
    assert tasks.schedules.views()[0].last_fire == before
    with pytest.raises(ScheduleNotFoundError, match=r"no schedule named 'beet'\. There are: beat"):
        tasks.schedules.fire("beet")


def test_a_schedule_whose_task_is_gone_is_shown_as_broken(make: Make) -> None:
    """The others fire."""
    tasks = beating(make)
    tasks.schedules.add(lambda: [Schedule(name="orphan", task="gone", every=SECOND)])

    with scheduled(tasks):
        wait_until(lambda: runs(tasks), "a fire")
    beat, orphan = tasks.schedules.views()

    assert (beat.error, orphan.error) == (None, "There is no task named 'gone'.")
    assert orphan.next_fire is None


def test_a_source_that_fails_keeps_no_other_from_firing(make: Make) -> None:
    """As when a database is away."""
    tasks = beating(make)

    def fail() -> list[Schedule]:
        raise RuntimeError("The database is away.")

    tasks.schedules.add(fail)

    with scheduled(tasks):
        wait_until(lambda: runs(tasks), "a fire")


def test_a_scheduler_waits_while_redis_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, and fires when it is back."""
    with RedisServer() as server:
        tasks = Tasks(server.url)

        @tasks.periodic(every=SECOND)
        def beat() -> None:
            """Do nothing."""

        with scheduled(tasks):
            wait_until(lambda: runs(tasks), "a fire")
            server.kill()
            wait_until(lambda: "The scheduler waits" in caplog.text, "it notices")
            server.start()
            before = len(runs(tasks))
            wait_until(lambda: len(runs(tasks)) > before, "another fire")
        tasks.close()


def test_schedules_are_shown_to_staff(make: Make) -> None:
    """With the run of the last fire; nobody else may ask."""
    tasks = beating(make)

    @strawberry.type
    class Query:
        ok: bool = True

    schema = Schema(query=Query, extensions=[tasks.extension])
    with scheduled(tasks):
        wait_until(lambda: runs(tasks), "a fire")

    document = "{ schedules { name task timing isPaused error nextFireAt lastRun { id tags } } }"
    staff = schema.execute_sync(document, context_value={"user": User(is_staff=True)})
    other = schema.execute_sync(document, context_value={"user": User(is_staff=False)})

    assert staff.errors is None
    assert staff.data is not None
    (shown,) = staff.data["schedules"]
    assert (shown["name"], shown["timing"], shown["isPaused"], shown["error"]) == ("beat", "every 0:00:01", False, None)
    assert shown["lastRun"]["tags"] == ["schedule:beat"]
    assert other.errors is not None
    assert other.errors[0].extensions == {"code": "UNAUTHENTICATED"}


class User:
    """Somebody who is signed in."""

    def __init__(self, *, is_staff: bool) -> None:
        self.id = "1"
        self.is_staff = is_staff


def test_a_schema_without_schedules_has_no_field_for_them(make: Make) -> None:
    """A name of the user's own is not taken for nothing."""
    tasks = make()

    @tasks.mutation()
    def work() -> None:
        """Work."""

    assert "schedules" not in Schema(extensions=[tasks.extension]).as_str()

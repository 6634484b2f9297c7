"""What a run may be started with, and what is refused before anything is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strawberry_tasks import Handle, Schema, Snapshot, Task, TaskError, Tasks, TaskStatus
from strawberry_tasks.errors import ConfigurationError, TaskInputError
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import User
from tests.patience import PATIENCE
from tests.processes import wait_until

HOUR = timedelta(hours=1)
SOON = timedelta(milliseconds=300)


def ended(handle: Handle[object]) -> Snapshot:
    """Wait for the end."""
    wait_until(lambda: handle.refresh().is_terminal, "the run ends", PATIENCE.total_seconds())
    return handle.refresh()


@pytest.fixture
def inline() -> Iterator[Tasks]:
    """Tasks that are performed before `enqueue` returns."""
    tasks = Tasks("memory://", backend="sync", retry_delay=timedelta(0), max_payload=10_000)
    yield tasks
    tasks.close()


class SoldError(Exception):
    """A failure."""


class SoldOutError(SoldError):
    """A worse one."""


@pytest.mark.parametrize(
    ("settings", "error", "attempts"),
    [
        ({"retry_for": [SoldError]}, SoldOutError("no"), 3),
        ({"retry_for": [SoldError]}, RuntimeError("no"), 1),
        ({"no_retry_for": [SoldError]}, SoldOutError("no"), 1),
        ({"no_retry_for": [SoldError]}, RuntimeError("no"), 3),
        ({"retry_for": [SoldError], "no_retry_for": [SoldOutError]}, SoldOutError("no"), 1),
        ({"retry_for": [SoldError]}, TaskError("no"), 3),
        ({"no_retry_for": [TaskError]}, TaskError("no"), 1),
        ({"retry_for": []}, SoldError("no"), 1),
    ],
)
def test_exceptions_decide_over_the_next_attempt(
    inline: Tasks, settings: dict[str, Any], error: Exception, attempts: int
) -> None:
    """A task names what another attempt follows on, and what not; its own `TaskError` decides for itself."""

    @inline.task(max_retries=2, **settings)
    def sell() -> None:
        raise error

    run = sell.enqueue().refresh()

    assert (run.status, run.attempt) == (TaskStatus.FAILED, attempts)


def test_the_wait_between_attempts_is_bounded(controlled: Controlled) -> None:
    """However often it has doubled."""
    options = Tasks("memory://", retry_delay=HOUR, max_retry_delay=SOON).config.defaults

    assert options.backoff(30, jitter=1.0) == SOON


async def test_a_run_that_does_not_start_in_time_expires(controlled: Controlled) -> None:
    """A watcher sees the end in time, without a worker that gets to it."""
    task = controlled.fail
    at_a_time = await task.using(delay=HOUR, expires=datetime.now(UTC) + SOON).aenqueue(text="time")
    started = datetime.now(UTC)

    async with aclosing(at_a_time.updates()) as states:
        *_, last = [state async for state in states]

    assert (last.status, last.attempt, last.failure and last.failure.code) == (TaskStatus.FAILED, 0, "EXPIRED")
    assert datetime.now(UTC) - started < SOON + timedelta(seconds=1)


def test_the_time_counts_from_when_a_run_is_due(controlled: Controlled) -> None:
    """A delay longer than that does not matter."""
    handle = controlled.fail.using(delay=HOUR, expires=SOON).enqueue(text="time")

    run = handle.cancel()

    assert handle.started.start_by == handle.started.scheduled_for + SOON
    assert run.status is TaskStatus.CANCELED


def test_a_key_gives_the_live_run(controlled: Controlled, gate: Gate) -> None:
    """Enqueuing again gives the handle of the run that is there; after its end, a new run."""
    task = controlled.stubborn.using(key=gate.path)
    first = task.enqueue(gate=gate.path)
    wait_until(work_mark(gate).exists, "the function starts")

    second = task.enqueue(gate="elsewhere")
    many = task.enqueue_many([{"gate": "elsewhere"}, {"gate": "elsewhere"}])
    gate.open()

    assert {first.id} == {second.id, *(handle.id for handle in many)}
    assert first.result(PATIENCE) == "finished"
    third = task.enqueue(gate=gate.path)
    assert third.id != first.id
    assert third.result(PATIENCE) == "finished"


def test_what_is_not_started_for_its_key_keeps_no_files(local: Controlled, gate: Gate) -> None:
    """The upload of the second call is removed, the first one's stays."""
    task = local.keep.using(key="file", delay=HOUR)
    first = task.enqueue(gate=gate.path, file=io.BytesIO(b"content"))

    second = task.enqueue(gate=gate.path, file=io.BytesIO(b"other"))

    directory = Path(local.tasks.uploads._directory)
    assert second.id == first.id
    assert len(list(directory.iterdir())) == 1


def test_runs_are_found_by_their_tags(local: Controlled, gate: Gate) -> None:
    """Clients filter by one; a retried run has those of the one that it repeats."""
    tagged = local.stubborn.using(delay=HOUR, tags=["stock", "hourly", "stock"]).enqueue(gate=gate.path)
    local.stubborn.using(delay=HOUR).enqueue(gate=gate.path)
    tagged.cancel()
    again = tagged.retry()
    schema = Schema(extensions=[local.tasks.extension])

    answer = schema.execute_sync(
        '{ tasks(tag: "stock") { nodes { id tags } } }', context_value={"user": User("eve", is_staff=True)}
    )

    expected = [{"id": run_id, "tags": ["stock", "hourly"]} for run_id in (again.id, tagged.id)]
    assert answer.data == {"tasks": {"nodes": expected}}
    again.cancel()


@pytest.mark.parametrize(
    "use",
    [
        lambda task: task.using(delay=-SOON),
        lambda task: task.using(eta=datetime(2030, 1, 1)),  # noqa: DTZ001 - that is what is refused
        lambda task: task.using(expires=datetime(2030, 1, 1)),  # noqa: DTZ001
        lambda task: task.using(expires=-SOON),
        lambda task: task.using(key=""),
        lambda task: task.using(key="k" * 201),
        lambda task: task.using(tags="stock"),
        lambda task: task.using(tags=["t" * 201]),
        lambda task: task.using(tags=[str(number) for number in range(21)]),
        lambda task: task.using(queue="nobodys").enqueue(""),
        lambda task: task.enqueue("x" * 10_000),
        lambda task: task.enqueue_many([("",), ("x" * 10_000,)]),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    inline: Tasks, use: Callable[[Task[..., Any]], object]
) -> None:
    """The caller gets a typed error, and there is no run."""

    @inline.mutation()
    def echo(text: str) -> str:
        return text

    with pytest.raises(TaskInputError) as raised:
        use(echo)

    assert raised.value.extensions == {"code": "BAD_TASK_INPUT"}
    assert not inline.runtime().store.list(owner=None, first=9).runs


def test_a_client_learns_that_its_input_is_too_large(inline: Tasks) -> None:
    """By a code."""

    @inline.mutation()
    def echo(text: str) -> str:
        return text

    answer = Schema(extensions=[inline.extension]).execute_sync(
        "mutation ($text: String!) { echo(text: $text) { id } }", {"text": "x" * 10_000}
    )

    assert [error.extensions for error in answer.errors or []] == [{"code": "BAD_TASK_INPUT"}]


def test_further_queues_can_be_named() -> None:
    """A queue of no task has to be known to the `Tasks`."""
    tasks = Tasks("memory://", backend="sync", queues=["night"])

    @tasks.task()
    def clean() -> int:
        return 1

    assert clean.using(queue="night").enqueue().refresh().queue == "night"
    tasks.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"priority": 1001},
        {"retry_for": RuntimeError},
        {"no_retry_for": ["RuntimeError"]},
        {"expires": 5},
        {"hard_timeout": timedelta(0)},
        {"cancel_grace": -SOON},
        {"max_retry_delay": -SOON},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    """For all tasks and for one, naming the setting."""
    (name,) = settings
    tasks = Tasks("memory://")

    with pytest.raises(ConfigurationError, match=name):
        Tasks("memory://", **settings)
    with pytest.raises(ConfigurationError, match=name):
        tasks.task(**settings)
    if name == "priority":
        with pytest.raises(ConfigurationError, match=name):
            tasks.task()(print_nothing).using(**settings)


def print_nothing() -> None:
    """Do nothing."""


def test_unknown_settings_are_refused() -> None:
    """By their name."""
    with pytest.raises(TypeError, match="max_tries"):
        Tasks("memory://", max_tries=3)  # type: ignore[call-arg]

"""A run takes the same turns on every backend."""

from __future__ import annotations

import hashlib
import io
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strawberry_tasks import TaskStatus, Viewer
from strawberry_tasks.errors import TaskFailedError, TaskNotFoundError
from tests.apps.scenarios import Gate, Measure, Mood, Scenarios, Visit
from tests.patience import PATIENCE
from tests.processes import wait_until

DELAY = timedelta(milliseconds=300)

ROUNDING = timedelta(milliseconds=10)
"""By how much two clocks that count milliseconds may disagree."""


@pytest.mark.parametrize("name", ["add", "add_async"])
def test_a_task_completes_with_a_typed_result(scenarios: Scenarios, name: str) -> None:
    """A sync and an async function give a value of the declared type."""
    handle = getattr(scenarios, name).enqueue(left=2, right=40)

    result = handle.result(PATIENCE)

    assert result.value == 42
    run = handle.refresh()
    assert (run.status, run.attempt, run.progress) == (TaskStatus.COMPLETED, 1, 100.0)
    assert run.created_at <= run.started_at <= run.completed_at < run.expires_at


@pytest.mark.parametrize("name", ["add", "add_async"])
async def test_async_code_starts_and_awaits(scenarios: Scenarios, name: str) -> None:
    """The async twins do what the sync calls do."""
    handle = await getattr(scenarios, name).aenqueue(left=2, right=40)

    result = await handle.aresult(PATIENCE)

    assert result.value == 42
    assert (await handle.arefresh()).status is TaskStatus.COMPLETED


async def test_a_watcher_sees_progress_and_the_end(queued: Scenarios, gate: Gate) -> None:
    """A watcher sees the state when it comes, the progress, and the end as the last state."""
    handle = await queued.count.aenqueue(gate=gate.path)

    seen = []
    async with aclosing(handle.updates()) as states:
        async for state in states:
            seen.append(state)
            if state.progress_current == 2:
                gate.open()

    versions = [state.version for state in seen]
    assert versions == sorted(set(versions))
    assert [state.is_terminal for state in seen] == [*[False] * (len(seen) - 1), True]
    assert 50.0 in [state.progress for state in seen]
    last = seen[-1]
    assert (last.progress, last.progress_current, last.progress_total) == (100.0, 4, 4)
    assert last.progress_message == "step 4"
    assert await handle.aresult(PATIENCE) == 4


async def test_a_watcher_who_comes_late_sees_the_end(scenarios: Scenarios) -> None:
    """A run that has ended yields its terminal state, and that is all."""
    handle = await scenarios.add.aenqueue(left=1, right=1)
    await handle.aresult(PATIENCE)

    async with aclosing(handle.updates()) as states:
        seen = [state.status async for state in states]

    assert seen == [TaskStatus.COMPLETED]


def test_a_failed_attempt_is_followed_by_another(scenarios: Scenarios) -> None:
    """A run whose first attempts fail completes with the one that does not."""
    handle = scenarios.flaky.enqueue(failures=2)

    result = handle.result(PATIENCE)

    assert result == 3
    run = handle.refresh()
    assert (run.attempt, run.failure, run.scheduled_for) == (3, None, None)


def test_a_run_fails_after_its_last_attempt(scenarios: Scenarios) -> None:
    """The last attempt's failure is the run's, in words that leak nothing."""
    handle = scenarios.flaky.enqueue(failures=9)

    with pytest.raises(TaskFailedError, match="unexpected error") as raised:
        handle.result(PATIENCE)

    run = handle.refresh()
    assert raised.value.code == "TASK_ERROR"
    assert "secret" not in str(raised.value)
    assert (run.status, run.attempt) == (TaskStatus.FAILED, 3)
    assert run.failure is not None
    assert run.failure.exception == "RuntimeError"
    assert "secret detail" in (run.failure.traceback or "")


@pytest.mark.parametrize("again", [False, True])
def test_a_task_fails_in_its_own_words(scenarios: Scenarios, again: bool) -> None:
    """A `TaskError` gives the message and the code, and says whether another attempt may follow."""
    handle = scenarios.give_up.enqueue(again=again)

    with pytest.raises(TaskFailedError, match="The shelf is empty") as raised:
        handle.result(PATIENCE)

    assert raised.value.code == "SHELF_EMPTY"
    assert handle.refresh().attempt == (2 if again else 1)


@pytest.mark.parametrize("name", ["hang", "hang_async"])
def test_a_task_is_ended_at_its_limit(scenarios: Scenarios, name: str) -> None:
    """A function that does not end is interrupted, and the run says so."""
    handle = getattr(scenarios, name).enqueue()

    with pytest.raises(TaskFailedError) as raised:
        handle.result(PATIENCE)

    assert raised.value.code == "TIMED_OUT"


def test_a_delayed_run_waits(queued: Scenarios) -> None:
    """A run with a delay is PENDING until then, and starts no sooner."""
    handle = queued.add.using(delay=DELAY).enqueue(left=1, right=1)

    handle.result(PATIENCE)

    run = handle.refresh()
    assert handle.started.status is TaskStatus.PENDING
    assert handle.started.scheduled_for == handle.started.created_at + DELAY
    assert run.started_at >= handle.started.scheduled_for - ROUNDING


async def test_a_run_is_due_at_a_moment(queued: Scenarios) -> None:
    """A run with an eta starts no sooner than then; so does one with a countdown."""
    eta = datetime.now(UTC) + DELAY

    at_eta = await queued.add.using(eta=eta).aenqueue(left=1, right=1)
    counted_down = await queued.add.delay(countdown=DELAY.total_seconds(), left=1, right=1)

    for handle in (at_eta, counted_down):
        await handle.aresult(PATIENCE)
        assert (await handle.arefresh()).started_at >= eta - ROUNDING


def test_a_delay_is_skipped_where_runs_are_performed_at_once(scenarios: Scenarios) -> None:
    """A delayed run completes on every backend, on the inline one without the wait."""
    handle = scenarios.add.using(delay=DELAY).enqueue(left=1, right=1)

    result = handle.result(PATIENCE)

    assert result.value == 2


def test_a_second_message_of_a_finished_run_changes_nothing(scenarios: Scenarios, tmp_path: Path) -> None:
    """A run's message that is delivered again after its end neither runs the function nor touches the record."""
    notes = tmp_path / "notes"
    handle = scenarios.note.enqueue(path=str(notes))
    handle.result(PATIENCE)
    before = handle.refresh()

    _deliver(scenarios, handle.id)
    _deliver_another(scenarios, tmp_path)

    assert len(notes.read_text().splitlines()) == 1
    assert handle.refresh() == before


def test_a_message_without_a_run_is_skipped(scenarios: Scenarios, tmp_path: Path) -> None:
    """A message whose run is not there, as after its expiry, does no harm to the ones behind it."""
    _deliver(scenarios, "no-such-run")

    _deliver_another(scenarios, tmp_path)

    with pytest.raises(TaskNotFoundError):
        scenarios.tasks.handle("no-such-run")


def test_owner_and_claims_reach_the_function(scenarios: Scenarios) -> None:
    """The function sees who started it, with the claims, and the user as the policy makes it again."""
    viewer = Viewer(id="7", claims={"tenant": "acme"})
    handle = scenarios.visit.using(viewer=viewer).enqueue(mood=Mood.WILD)

    result = handle.result(PATIENCE)

    assert result == Visit(owner="7", tenant="acme", user="user 7 of acme", mood=Mood.WILD)


def test_an_uploaded_file_reaches_the_function(scenarios: Scenarios, tmp_path: Path) -> None:
    """The function reads the bytes that were uploaded; they are gone once the run has ended."""
    content = b"sku,stock\n" * 100_000
    upload = io.BytesIO(content)
    upload.name = "stock.csv"

    handle = scenarios.measure.enqueue(file=upload)
    result = handle.result(PATIENCE)

    assert result == Measure(name="stock.csv", size=len(content), digest=hashlib.sha256(content).hexdigest())
    directory = Path(scenarios.tasks.uploads._directory)
    wait_until(lambda: not list(directory.iterdir()), "the removal of the file")


def _deliver(scenarios: Scenarios, run_id: str) -> None:
    backend = scenarios.tasks.runtime().backend
    backend.send(scenarios.note, run_id, queue=scenarios.note.options.queue, delay=None)


def _deliver_another(scenarios: Scenarios, tmp_path: Path) -> None:
    """Perform a run of the same queue; one worker thread or more has then passed whatever came before."""
    for _ in range(3):
        scenarios.note.enqueue(path=str(tmp_path / "others")).result(PATIENCE)

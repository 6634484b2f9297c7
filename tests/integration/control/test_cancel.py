"""A run can be told to stop in every state."""

from __future__ import annotations

import io
import time
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from strawberry_tasks import Handle, Snapshot, TaskStatus
from strawberry_tasks.errors import TaskCanceledError, TaskNotFoundError
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.patience import PATIENCE
from tests.processes import wait_until

HOUR = timedelta(hours=1)


def ended(handle: Handle[object]) -> Snapshot:
    """Wait for the end."""
    wait_until(lambda: handle.refresh().is_terminal, "the run ends", PATIENCE.total_seconds())
    return handle.refresh()


def started(handle: Handle[object], gate: Gate) -> Handle[object]:
    """Wait until the function is at work."""
    wait_until(work_mark(gate).exists, "the function starts", PATIENCE.total_seconds())
    return handle


def test_a_delayed_run_is_canceled_at_once(controlled: Controlled, gate: Gate) -> None:
    """It never starts, and whoever awaits its result learns why."""
    handle = controlled.deaf.using(delay=HOUR).enqueue(gate=gate.path)

    run = handle.cancel()

    assert run == handle.refresh()
    assert (run.status, run.attempt, run.cancel_requested) == (TaskStatus.CANCELED, 0, True)
    with pytest.raises(TaskCanceledError):
        handle.result(PATIENCE)


def test_a_delayed_run_leaves_no_message(remote: Controlled, redis_url: str, gate: Gate) -> None:
    """A worker drops its message soon, and not when it would have been due."""
    handle = remote.deaf.using(delay=HOUR).enqueue(gate=gate.path)
    messages = f"{remote.tasks.config.namespace}:queue:{handle.started.queue}:messages"

    with redis.Redis.from_url(redis_url) as client:
        assert client.hexists(messages, handle.id)
        handle.cancel()
        wait_until(lambda: not client.hexists(messages, handle.id), "the end of its message", PATIENCE.total_seconds())


async def test_a_run_is_canceled_between_its_retries(controlled: Controlled) -> None:
    """It has no further attempt."""
    handle = await controlled.wait_long.aenqueue()
    async with aclosing(handle.updates()) as states:
        async for state in states:
            if state.status is TaskStatus.RETRYING:
                break

    run = await handle.acancel()

    assert (run.status, run.attempt, run.failure, run.scheduled_for) == (TaskStatus.CANCELED, 1, None, None)


@pytest.mark.parametrize("name", ["report", "check", "idle", "deaf", "heed"])
def test_a_running_function_is_stopped(controlled: Controlled, gate: Gate, name: str) -> None:
    """By its progress, by asking, by its event loop, by force after its grace; whatever it makes of that, it is not retried."""
    handle = started(getattr(controlled, name).enqueue(gate=gate.path), gate)

    asked = handle.cancel()

    assert (asked.status, asked.cancel_requested) == (TaskStatus.RUNNING, True)
    run = ended(handle)
    assert (run.status, run.attempt, run.failure) == (TaskStatus.CANCELED, 1, None)
    assert not work_mark(gate).exists()


@pytest.mark.parametrize("name", ["stubborn", "fail_late"])
def test_a_function_that_does_not_notice_ends_as_it_does(controlled: Controlled, gate: Gate, name: str) -> None:
    """What completes all the same has completed; what fails has no other attempt."""
    handle = started(getattr(controlled, name).enqueue(gate=gate.path), gate)
    handle.cancel()

    gate.open()

    run = ended(handle)
    expected = TaskStatus.COMPLETED if name == "stubborn" else TaskStatus.CANCELED
    assert (run.status, run.attempt) == (expected, 1)


def test_what_has_ended_comes_back_unchanged(controlled: Controlled, gate: Gate) -> None:
    """To cancel once more, or too late, does no harm."""
    canceled = controlled.deaf.using(delay=HOUR).enqueue(gate=gate.path)
    canceled.cancel()
    failed = controlled.fail.enqueue(text="luck")
    before = [canceled.refresh(), ended(failed)]

    after = [canceled.cancel(), failed.cancel()]

    assert after == before


async def test_a_watcher_sees_an_async_run_end_soon(controlled: Controlled, gate: Gate) -> None:
    """From the call to the end at the watcher it takes a fraction of a second, the fastest of some tries a tenth at the most."""
    took = []
    for _ in range(5):
        handle = await controlled.idle.aenqueue(gate=gate.path)
        async with aclosing(handle.updates()) as states:
            async for state in states:
                if state.progress and not state.cancel_requested:
                    asked = time.monotonic()
                    await handle.acancel()
        assert state.status is TaskStatus.CANCELED
        took.append(time.monotonic() - asked)

    assert min(took) < 0.1
    assert max(took) < 2


def test_the_files_of_a_canceled_run_are_removed(controlled: Controlled, gate: Gate) -> None:
    """A run that never started leaves no upload behind."""
    handle = controlled.keep.using(delay=HOUR).enqueue(gate=gate.path, file=io.BytesIO(b"content"))

    handle.cancel()

    directory = Path(controlled.tasks.uploads._directory)
    assert not list(directory.iterdir())


def test_a_run_that_is_gone_cannot_be_canceled(controlled: Controlled, gate: Gate) -> None:
    """There is nothing to stop."""
    handle = controlled.deaf.using(delay=HOUR).enqueue(gate=gate.path)
    controlled.tasks.runtime().store.discard(handle.id)

    with pytest.raises(TaskNotFoundError):
        handle.cancel()

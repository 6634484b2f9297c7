"""What every store promises about runs that are to stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strawberry_tasks.snapshot import Failure
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    AttemptId,
    Lease,
    Store,
)
from tests.integration.stores.runs import (
    HOUR,
    apply,
    claim,
    create,
    running,
    state,
    swept,
)

MakeStore = Callable[..., Store]


@pytest.mark.parametrize("between_retries", [False, True])
def test_a_waiting_run_is_canceled_at_once(store: Store, between_retries: bool) -> None:
    """A run that no worker has ends with the call; it can neither be claimed nor canceled otherwise."""
    create(store, delay=HOUR)
    if between_retries:
        attempt = AttemptId("run", claim(store).attempt)
        apply(store, attempt, status=TaskStatus.RETRYING, failure=Failure(code="TASK_ERROR", message="no"))
    version = state(store).version

    record = store.cancel("run")

    run = state(store)
    assert record is not None
    assert (record.snapshot, record.arguments) == (run, '{"a":1}')
    assert (run.status, run.version, run.cancel_requested) == (TaskStatus.CANCELED, version + 1, True)
    assert (run.failure, run.scheduled_for) == (None, None)
    assert run.completed_at is not None
    assert run.expires_at == run.completed_at + HOUR
    assert store.claim("run") is None


def test_a_running_run_is_asked_to_stop(store: Store) -> None:
    """A run that a worker has goes on with the request noted, and its worker learns of it with the next renewal."""
    attempt = running(store)

    first = store.cancel("run")
    second = store.cancel("run")

    assert first == second
    run = state(store)
    assert (run.status, run.version, run.cancel_requested) == (TaskStatus.RUNNING, 3, True)
    assert store.renew([attempt]) == [Lease.CANCELED]


def test_a_canceled_run_is_not_retried(store: Store) -> None:
    """Its attempt may end it in any way, but not have another one."""
    attempt = running(store, max_retries=3)
    store.cancel("run")

    retried = apply(store, attempt, status=TaskStatus.RETRYING)
    canceled = apply(store, attempt, status=TaskStatus.CANCELED)

    assert (retried, canceled) == (None, 4)
    assert state(store).status is TaskStatus.CANCELED


def test_a_canceled_run_may_complete(store: Store) -> None:
    """A function that finishes before it notices has finished."""
    attempt = running(store)
    store.cancel("run")

    apply(store, attempt, status=TaskStatus.COMPLETED)

    assert state(store).status is TaskStatus.COMPLETED


def test_a_canceled_run_whose_worker_is_lost_is_canceled(hasty: Store) -> None:
    """Nobody is left to notice, and no retry follows."""
    running(hasty, max_retries=3)
    hasty.cancel("run")

    run = swept(hasty)

    assert (run.status, run.failure) == (TaskStatus.CANCELED, None)


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.is_terminal])
def test_what_has_ended_is_not_canceled(store: Store, status: TaskStatus) -> None:
    """A terminal run comes back as it is."""
    apply(store, running(store), status=status)
    before = state(store)

    record = store.cancel("run")

    assert record is not None
    assert record.snapshot == before == state(store)


def test_what_is_not_there_cannot_be_canceled(store: Store) -> None:
    """There is nothing to return, and nothing is left behind."""
    assert store.cancel("nobody") is None
    assert store.read(["nobody"]) == [None]


def test_a_run_can_be_read_with_its_arguments(store: Store) -> None:
    """Whoever starts a run again gets what it was started with, and the new one tells which it repeats."""
    create(store)
    create(store, "again", retry_of="run")

    record = store.load("again")

    assert record is not None
    assert (record.snapshot, record.arguments) == (state(store, "again"), '{"a":1}')
    assert record.snapshot.retry_of == "run"
    assert store.load("nobody") is None

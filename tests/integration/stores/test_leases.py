"""What every store promises about attempts whose worker is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from strawberry_tasks.snapshot import Failure
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    MAX_SWEPT,
    AttemptId,
    Busy,
    Claim,
    Lease,
    Store,
)
from tests.integration.stores.runs import (
    CLOCKS_DIFFER,
    HOUR,
    apply,
    claim,
    create,
    running,
    state,
    swept,
    taken_over,
)
from tests.processes import wait_until

MakeStore = Callable[..., Store]


def test_a_leased_run_is_busy(store: Store) -> None:
    """While an attempt is leased, a second claim learns how long at least, and changes nothing."""
    running(store)
    before = state(store)

    busy = store.claim("run")

    assert isinstance(busy, Busy)
    assert timedelta(seconds=25) < busy.retry_in <= timedelta(seconds=30)
    assert state(store) == before


def test_a_claim_may_be_repeated(store: Store) -> None:
    """Whoever did not hear the answer asks again with the same token, and gets the same attempt; anybody else does not."""
    create(store)
    first = claim(store, token="mine")

    second = claim(store, token="mine")

    assert second == first == state(store)
    assert isinstance(store.claim("run", token="yours"), Busy)


def test_a_lapsed_attempt_is_taken_over(hasty: Store) -> None:
    """When the lease has lapsed, a claim starts the next attempt; the one before changes nothing any more."""
    first = running(hasty, max_retries=1)

    run = taken_over(hasty)

    assert (run.status, run.attempt, run.failure) == (TaskStatus.RUNNING, 2, None)
    assert apply(hasty, first, progress=9.0) is None
    assert apply(hasty, first, status=TaskStatus.COMPLETED, result="late") is None
    assert state(hasty) == run


def test_a_claim_ends_a_run_that_has_lost_its_last_attempt(hasty: Store) -> None:
    """A message that comes after the last attempt was lost finds the run ended by that, and its arguments to release."""
    running(hasty)

    run = taken_over(hasty)

    assert (run.status, run.failure and run.failure.code) == (TaskStatus.FAILED, "WORKER_LOST")
    assert run == state(hasty)
    assert hasty.claim("run") is None


def test_a_sweep_takes_the_runs_of_lost_workers(hasty: Store) -> None:
    """A run whose lease has lapsed is RETRYING, due at once, and says why."""
    running(hasty, max_retries=1)

    run = swept(hasty)

    assert (run.status, run.attempt) == (TaskStatus.RETRYING, 1)
    assert run.failure == Failure(code="WORKER_LOST", message="The worker that ran the task was lost.")
    assert run.scheduled_for is not None
    assert abs(run.scheduled_for - datetime.now(UTC)) < CLOCKS_DIFFER
    assert claim(hasty).attempt == 2


def test_a_sweep_ends_what_has_no_retry_left(hasty: Store) -> None:
    """A run that has lost its last attempt is FAILED, dated, and handed to whoever swept it."""
    running(hasty)
    ended = []

    wait_until(lambda: ended.extend(hasty.sweep()) or ended, "the run is swept")

    run = state(hasty)
    assert [(record.snapshot, record.arguments) for record in ended] == [(run, '{"a":1}')]
    assert (run.status, run.failure and run.failure.code) == (TaskStatus.FAILED, "WORKER_LOST")
    assert run.completed_at is not None
    assert run.expires_at == run.completed_at + HOUR
    assert hasty.sweep() == []


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.RETRYING, TaskStatus.FAILED])
@pytest.mark.parametrize("max_retries", [0, 1])
def test_whoever_comes_back_late_writes_nothing(hasty: Store, status: TaskStatus, max_retries: int) -> None:
    """A swept attempt is refused everything, even what would leave the run as it is."""
    attempt = running(hasty, max_retries=max_retries)
    run = swept(hasty)

    outcomes = [apply(hasty, attempt, progress=1.0), apply(hasty, attempt, status=status)]

    assert outcomes == [None, None]
    assert hasty.renew([attempt]) == [Lease.LOST]
    assert state(hasty) == run


def test_a_renewed_lease_does_not_lapse(hasty: Store) -> None:
    """An attempt that is renewed in time is left alone, for longer than a lease."""
    attempt, lost = running(hasty), running(hasty, "lost")

    def is_lost() -> bool:
        assert hasty.renew([attempt]) == [Lease.HELD]
        hasty.sweep()
        return state(hasty, "lost").is_terminal

    wait_until(is_lost, "the other run is swept")

    assert state(hasty).status is TaskStatus.RUNNING
    assert hasty.renew([lost, attempt, AttemptId("nobody", 1)]) == [Lease.LOST, Lease.HELD, Lease.LOST]


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.RETRYING])
def test_what_has_ended_is_not_swept(hasty: Store, status: TaskStatus) -> None:
    """An attempt that has ended in good order is not lost, however long ago that was."""
    attempt = running(hasty)
    running(hasty, "lost")
    apply(hasty, attempt, status=status)
    before = state(hasty)

    swept(hasty, "lost")

    assert state(hasty) == before
    assert hasty.renew([attempt]) == [Lease.LOST]


def test_an_outage_is_forgiven(make_store: MakeStore) -> None:
    """When nobody was heard of for longer than a lease, attempts have another one to renew theirs."""
    lease = timedelta(seconds=1)
    store = make_store(HOUR, lease)
    attempt = running(store)
    store.renew([attempt])
    silent_until = datetime.now(UTC) + lease * 1.1
    wait_until(lambda: datetime.now(UTC) > silent_until, "the lease lapses")

    store.sweep()
    busy = store.claim("run")

    assert isinstance(busy, Busy)
    assert busy.retry_in > lease / 2
    assert store.renew([attempt]) == [Lease.HELD]
    store.sweep()
    assert state(store).status is TaskStatus.RUNNING


def test_a_lone_worker_that_comes_back_late_each_time_gets_the_run(make_store: MakeStore) -> None:
    """Grace is given once: somebody who looks just after it, each time he is told to wait, does not start it anew."""
    lease = timedelta(milliseconds=200)
    store = make_store(HOUR, lease)
    store.renew([running(store, max_retries=1)])

    def claim_when_told(waited: timedelta) -> Claim | Busy | None:
        due = datetime.now(UTC) + waited * 1.5
        wait_until(lambda: datetime.now(UTC) > due, "the wait is over")
        return store.claim("run")

    first = claim_when_told(lease)
    assert isinstance(first, Busy)
    second = claim_when_told(first.retry_in)

    assert isinstance(second, Claim)
    assert second.snapshot.attempt == 2


def test_a_sweep_is_bounded(hasty: Store) -> None:
    """However many runs were lost, each sweep takes some of them, and in the end all are taken."""
    attempts = [running(hasty, str(number)) for number in range(250)]
    hasty.renew(attempts)
    counts: list[int] = []

    wait_until(lambda: counts.append(len(hasty.sweep())) or sum(counts) == 250, "all runs are swept")

    assert max(counts) <= MAX_SWEPT

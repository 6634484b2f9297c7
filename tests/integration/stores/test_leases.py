"""What every store promises about attempts whose worker is gone, and about runs that are to stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from strawberry_tasks.snapshot import Failure, Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    EXPIRED,
    MAX_SWEPT,
    AttemptId,
    Busy,
    Change,
    Claim,
    Lease,
    NewRun,
    Record,
    Store,
)
from tests.processes import wait_until

MakeStore = Callable[..., Store]

SHORT = timedelta(milliseconds=100)
HOUR = timedelta(hours=1)
ROUNDING = timedelta(milliseconds=2)
CLOCKS_DIFFER = timedelta(seconds=2)


@pytest.fixture
def hasty(make_store: MakeStore) -> Store:
    """A store whose leases lapse soon."""
    return make_store(HOUR, SHORT)


def create(store: Store, run_id: str = "run", **more: object) -> None:
    store.create(NewRun(**{"id": run_id, "name": "sync", "queue": "q", "arguments": '{"a":1}', **more}))  # type: ignore[arg-type]


def claim(store: Store, run_id: str = "run", token: str = "") -> Snapshot:
    claimed = store.claim(run_id, token=token)
    assert isinstance(claimed, Claim)
    return claimed.snapshot


def running(store: Store, run_id: str = "run", **more: object) -> AttemptId:
    create(store, run_id, **more)
    return AttemptId(run_id, claim(store, run_id).attempt)


def state(store: Store, run_id: str = "run") -> Snapshot:
    (run,) = store.read([run_id])
    assert run is not None
    return run


def apply(store: Store, attempt: AttemptId, **values: object) -> int | None:
    delay = timedelta() if values.get("status") is TaskStatus.RETRYING else None
    return store.apply([Change(run_id=attempt.run_id, attempt=attempt.attempt, values=values, delay=delay)])[0]


def swept(store: Store, run_id: str = "run") -> Snapshot:
    """Sweep until the run is taken from its attempt."""
    wait_until(lambda: store.sweep() or state(store, run_id).status is not TaskStatus.RUNNING, "the run is swept")
    return state(store, run_id)


def taken_over(store: Store, run_id: str = "run") -> Snapshot:
    """Claim until the lease of the present attempt has lapsed."""
    claims: list[Claim] = []

    def try_again() -> bool:
        claimed = store.claim(run_id)
        assert claimed is not None
        claims.extend([claimed] if isinstance(claimed, Claim) else [])
        return bool(claims)

    wait_until(try_again, "the run can be claimed")
    return claims[0].snapshot


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


def test_a_run_that_is_not_started_in_time_has_failed(hasty: Store) -> None:
    """A sweep ends it, so that its watchers need no worker for that."""
    create(hasty, expires=timedelta(milliseconds=50))
    ended: list[Record] = []

    wait_until(lambda: ended.extend(hasty.sweep()) or ended, "the run is swept")

    run = state(hasty)
    assert ended == [Record(run, '{"a":1}')]
    assert (run.status, run.attempt, run.failure) == (TaskStatus.FAILED, 0, EXPIRED)
    assert run.completed_at is not None
    assert run.expires_at == run.completed_at + HOUR
    assert hasty.claim("run") is None


def test_a_claim_that_comes_too_late_ends_the_run(store: Store) -> None:
    """It comes back ended, and with its arguments to release."""
    created = store.create(NewRun(id="run", name="sync", queue="q", arguments="{}", expires=timedelta()))
    wait_until(lambda: datetime.now(UTC) > state(store).created_at + ROUNDING, "the time is over")

    claimed = store.claim("run")

    assert isinstance(claimed, Claim)
    assert (claimed.snapshot.status, claimed.snapshot.failure) == (TaskStatus.FAILED, EXPIRED)
    assert claimed.snapshot == state(store)
    assert created.start_by == created.created_at


def test_what_was_started_in_time_may_go_on(hasty: Store) -> None:
    """Neither the first attempt nor a later one is bound by it."""
    attempt = running(hasty, expires=SHORT)
    create(hasty, "late", expires=SHORT)
    apply(hasty, attempt, status=TaskStatus.RETRYING)

    wait_until(lambda: hasty.sweep() or state(hasty, "late").is_terminal, "the other run expires")

    assert state(hasty).status is TaskStatus.RETRYING
    assert claim(hasty).attempt == 2


def test_a_key_stands_for_one_live_run(store: Store) -> None:
    """While it lives, creating another one of its task and key gives the first; of another task or key, it does not."""
    first = store.create(NewRun(id="run", name="sync", queue="q", arguments="{}", key="amazon"))
    attempt = AttemptId("run", claim(store).attempt)

    second = store.create(NewRun(id="second", name="sync", queue="q", arguments="{}", key="amazon"))
    other_key = store.create(NewRun(id="third", name="sync", queue="q", arguments="{}", key="ebay"))
    other_task = store.create(NewRun(id="fourth", name="other", queue="q", arguments="{}", key="amazon"))

    assert first.key == "amazon"
    assert second == state(store)
    assert [run and run.id for run in store.read(["second"])] == [None]
    assert (other_key.id, other_task.id) == ("third", "fourth")
    apply(store, attempt, status=TaskStatus.RETRYING)
    assert store.create(NewRun(id="second", name="sync", queue="q", arguments="{}", key="amazon")).id == "run"


@pytest.mark.parametrize("end", ["complete", "cancel", "discard", "lose", "expire"])
def test_a_key_is_free_after_the_end(hasty: Store, end: str) -> None:
    """Whatever has ended the run, the next one of its key starts."""
    create(hasty, key="amazon", expires=SHORT if end == "expire" else HOUR)
    if end == "complete":
        apply(hasty, AttemptId("run", claim(hasty).attempt), status=TaskStatus.COMPLETED)
    elif end == "cancel":
        hasty.cancel("run")
    elif end == "discard":
        hasty.discard("run")
    else:
        if end == "lose":
            claim(hasty)
        wait_until(lambda: hasty.sweep() or state(hasty).is_terminal, "the run is swept")

    again = hasty.create(NewRun(id="again", name="sync", queue="q", arguments="{}", key="amazon"))

    assert again.id == "again"


def test_tags_and_priority_are_kept(store: Store) -> None:
    """They come back as they went in."""
    created = store.create(
        NewRun(id="run", name="sync", queue="q", arguments="{}", tags=("stock", "hourly"), priority=-3)
    )

    run = state(store)

    assert run == created
    assert (run.tags, run.priority) == (("stock", "hourly"), -3)

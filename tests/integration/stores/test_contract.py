"""What every store promises about runs and their changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from strawberry_tasks.snapshot import Failure, Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Change, NewRun, Store
from tests.processes import wait_until

MakeStore = Callable[[timedelta], Store]

DAY = timedelta(days=1)
CLOCKS_DIFFER = timedelta(seconds=2)
"""How far the server's clock may be from ours, and how long a test may be stopped between two lines."""


def new_run(run_id: str = "run", **more: object) -> NewRun:
    return NewRun(**{"id": run_id, "name": "sync", "queue": "inventory", "arguments": '{"a":1}', **more})  # type: ignore[arg-type]


def state(store: Store, run_id: str = "run") -> Snapshot:
    (run,) = store.read([run_id])
    assert run is not None
    return run


def result_of(store: Store, run_id: str = "run") -> object:
    return json.loads(store.result(run_id) or "")


def running(store: Store, run_id: str = "run", **more: object) -> int:
    """Create a run and claim it; return the attempt."""
    store.create(new_run(run_id, **more))
    claim = store.claim(run_id)
    assert claim is not None
    return claim.snapshot.attempt


def change(attempt: int = 1, run_id: str = "run", *, delay: timedelta | None = None, **values: object) -> Change:
    return Change(run_id=run_id, attempt=attempt, values=values, delay=delay)


def is_about(moment: datetime | None, expected: datetime) -> bool:
    return moment is not None and abs(moment - expected) < CLOCKS_DIFFER


def test_a_created_run_is_pending(store: Store) -> None:
    """A new run is PENDING at version 1, with all that was said about it and the time."""
    run = store.create(new_run(owner="ann", claims={"role": "staff"}, max_retries=3))

    assert (run.id, run.name, run.queue, run.owner, run.claims) == (
        "run",
        "sync",
        "inventory",
        "ann",
        {"role": "staff"},
    )
    assert (run.status, run.version, run.attempt, run.max_retries) == (TaskStatus.PENDING, 1, 0, 3)
    assert is_about(run.created_at, datetime.now(UTC))
    assert run.scheduled_for is None
    assert state(store) == run


def test_creating_twice_gives_the_first(store: Store) -> None:
    """A run that is there comes back as it is, whatever the second call says."""
    running(store)

    again = store.create(new_run(queue="other"))

    assert (again.status, again.queue, again.version) == (TaskStatus.RUNNING, "inventory", 2)


def test_a_delay_is_shown_until_the_claim(store: Store) -> None:
    """A delayed run tells when it may start; a claim clears that."""
    run = store.create(new_run(delay=DAY))

    claim = store.claim("run")

    assert is_about(run.scheduled_for, datetime.now(UTC) + DAY)
    assert claim is not None
    assert claim.snapshot.scheduled_for is None


def test_a_claim_starts_an_attempt(store: Store) -> None:
    """A claim hands out the arguments and a RUNNING snapshot, newer than before."""
    store.create(new_run())

    claim = store.claim("run")

    assert claim is not None
    assert claim.arguments == '{"a":1}'
    assert (claim.snapshot.status, claim.snapshot.attempt, claim.snapshot.version) == (TaskStatus.RUNNING, 1, 2)
    assert is_about(claim.snapshot.started_at, datetime.now(UTC))
    assert claim.snapshot == state(store)


def test_a_new_attempt_forgets_the_progress_and_failure_of_the_last(store: Store) -> None:
    """The second attempt starts with nothing reported and no failure."""
    running(store)
    failure = Failure(code="TASK_ERROR", message="no")
    store.apply([change(progress=50.0, progress_current=1.0, progress_total=2.0, progress_message="half")])
    store.apply([change(status=TaskStatus.RETRYING, failure=failure, delay=DAY)])
    retrying = state(store)

    claim = store.claim("run")

    assert (retrying.failure, retrying.progress) == (failure, 50.0)
    assert is_about(retrying.scheduled_for, datetime.now(UTC) + DAY)
    assert claim is not None
    run = claim.snapshot
    assert (run.progress, run.progress_current, run.progress_total, run.progress_message) == (0.0, None, None, None)
    assert (run.attempt, run.failure, run.scheduled_for) == (2, None, None)


def test_nothing_can_be_claimed_that_is_not_there(store: Store) -> None:
    """There is no claim on an unknown run."""
    assert store.claim("nobody") is None


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.is_terminal])
def test_terminal_is_final(store: Store, status: TaskStatus) -> None:
    """A run that has ended can neither be claimed nor changed, not even by the attempt that ended it."""
    running(store)
    store.apply([change(status=status)])
    ended = state(store)
    other_end = TaskStatus.FAILED if status is not TaskStatus.FAILED else TaskStatus.COMPLETED

    refused = store.apply(
        [change(progress=1.0), change(status=TaskStatus.RETRYING, delay=DAY), change(status=other_end)]
    )

    assert refused == [None, None, None]
    assert store.claim("run") is None
    assert state(store) == ended


def test_the_end_is_dated(store: Store) -> None:
    """A terminal state tells when it came and when the record goes; COMPLETED means 100 percent."""
    running(store)

    store.apply([change(status=TaskStatus.COMPLETED, result={"updated": [1, None]}, progress=20.0)])

    run = state(store)
    assert (run.status, run.progress) == (TaskStatus.COMPLETED, 100.0)
    assert is_about(run.completed_at, datetime.now(UTC))
    assert run.completed_at is not None
    assert run.expires_at == run.completed_at + timedelta(hours=1)


@pytest.mark.parametrize("value", [None, "", 0, {"updated": [1, None]}])
def test_a_result_is_read_apart(store: Store, value: object) -> None:
    """What a run has returned comes back as JSON, ``null`` too; no state, list or record has it."""
    running(store)
    store.apply([change(status=TaskStatus.COMPLETED, result=value)])

    assert result_of(store) == value
    record, canceled = store.load("run"), store.cancel("run")
    assert record is not None
    assert record == canceled
    for run in [state(store), record.snapshot, *store.list(owner=None, first=1).runs]:
        assert not hasattr(run, "result")


@pytest.mark.parametrize("status", [None, TaskStatus.RETRYING, TaskStatus.FAILED, TaskStatus.CANCELED])
def test_only_what_has_completed_has_a_result(store: Store, status: TaskStatus | None) -> None:
    """One that runs, or has ended otherwise, has none, and neither has one that is not there."""
    running(store)
    if status is not None:
        store.apply([change(status=status)])

    assert store.result("run") is None
    assert store.result("nobody") is None


@pytest.mark.parametrize("ready", [False, True])
def test_only_a_running_run_is_changed(store: Store, ready: bool) -> None:
    """An attempt that is over, or has not begun, writes nothing."""
    if ready:
        running(store)
        store.apply([change(status=TaskStatus.RETRYING, delay=timedelta())])
    else:
        store.create(new_run())
    before = state(store)

    outcomes = store.apply([change(before.attempt, progress=5.0), change(1, "nobody", progress=5.0)])

    assert outcomes == [None, None]
    assert state(store) == before


@pytest.mark.parametrize("status", [TaskStatus.RETRYING, TaskStatus.FAILED, TaskStatus.COMPLETED])
def test_the_end_of_an_attempt_may_be_told_twice(store: Store, status: TaskStatus) -> None:
    """Whoever did not hear the answer repeats the change, learns that it was applied, and changes nothing by that."""
    running(store)
    told = [change(status=status, delay=DAY if status is TaskStatus.RETRYING else None)]
    first = store.apply(told)
    before = state(store)

    second = store.apply(told)

    assert first == second == [3]
    assert state(store) == before


def test_changes_of_one_call_are_applied_one_by_one(store: Store) -> None:
    """A refused change stops none of the others, and each outcome stands in its place."""
    running(store, "one")
    running(store, "two")

    outcomes = store.apply(
        [
            change(1, "one", progress=1.0),
            change(7, "one", progress=2.0),
            change(1, "two", progress=3.0),
            change(1, "one", progress=4.0),
        ]
    )

    assert outcomes == [3, None, 3, 4]
    assert [state(store, "one").progress, state(store, "two").progress] == [4.0, 3.0]


def test_nothing_to_apply_is_fine(store: Store) -> None:
    """No changes, no reads: empty answers."""
    assert store.apply([]) == []
    assert store.read([]) == []


def test_reading_keeps_the_order(store: Store) -> None:
    """States come in the order of the ids, ``None`` for those that are not there."""
    store.create(new_run("one"))
    store.create(new_run("two"))

    runs = store.read(["two", "nobody", "one", "two"])

    assert [run and run.id for run in runs] == ["two", None, "one", "two"]


def test_text_of_any_kind_survives(store: Store) -> None:
    """Line ends, quotes, other alphabets and even half a surrogate pair come back as they went in."""
    strange = 'a "b"\r\n\0 Zoë 🍓 \ud83c'
    store.create(new_run(strange, owner=strange, claims={"x": strange}, arguments=strange))
    claim = store.claim(strange)

    store.apply([change(1, strange, progress_message=strange, result=[strange])])

    run = state(store, strange)
    assert claim is not None
    assert claim.arguments == strange
    assert (run.id, run.owner, run.claims, run.progress_message, result_of(store, strange)) == (
        strange, strange, {"x": strange}, strange, [strange],
    )  # fmt: skip
    assert [found.id for found in store.list(owner=strange, first=9).runs] == [strange]


def test_only_one_end_wins(store: Store) -> None:
    """Of writers that all want to end a run at once, one does, and its state stays."""
    running(store)
    writers = 8
    start = threading.Barrier(writers)

    def end(writer: int) -> int | None:
        start.wait()
        status = TaskStatus.COMPLETED if writer % 2 else TaskStatus.FAILED
        return store.apply([change(progress_message=str(writer)), change(status=status, result=writer)])[1]

    with ThreadPoolExecutor(writers) as pool:
        outcomes = list(pool.map(end, range(writers)))

    final = state(store)
    winners = [writer for writer, version in enumerate(outcomes) if version == final.version]
    assert result_of(store) in winners
    assert {outcome for outcome in outcomes if outcome is not None} == {final.version}


def test_versions_rise_strictly(store: Store) -> None:
    """No two changes of one run have the same version, whoever writes."""
    running(store)
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda n: store.apply([change(progress=float(n))] * 5), range(20)))

    versions = [version for batch in batches for version in batch if version is not None]

    assert sorted(versions) == list(range(3, 103))
    assert all(batch == sorted(batch, key=lambda version: version or 0) for batch in batches)


def test_an_unclaimed_run_can_be_discarded(store: Store) -> None:
    """A run whose message could not be sent leaves nothing behind, and its id is free again."""
    store.create(new_run(owner="ann"))

    store.discard("run")

    assert store.read(["run"]) == [None]
    assert not store.list(owner=None, first=9).runs
    assert not store.list(owner="ann", first=9).runs
    assert store.create(new_run()).version == 1


def test_a_claimed_run_cannot_be_discarded(store: Store) -> None:
    """What a worker has seen stays, between its attempts too; discarding what is not there is harmless."""
    running(store)
    store.apply([change(status=TaskStatus.RETRYING, delay=DAY)])

    store.discard("run")
    store.discard("nobody")

    assert state(store).status is TaskStatus.RETRYING


def test_an_ended_run_goes_when_its_time_has_come(make_store: MakeStore) -> None:
    """The record vanishes from reads and lists after ``result_ttl``."""
    store = make_store(timedelta(milliseconds=30))
    running(store, owner="ann")
    store.create(new_run("other"))

    store.apply([change(status=TaskStatus.COMPLETED)])

    wait_until(lambda: store.read(["run"]) == [None], "the run expires")
    assert [run.id for run in store.list(owner=None, first=9).runs] == ["other"]
    assert not store.list(owner="ann", first=9).runs
    assert store.claim("run") is None
    assert store.apply([change(progress=1.0)]) == [None]

"""What every store promises about runs of which only so many may be RUNNING at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Busy, Change, Claim, Limit, NewRun, Store, Waiting
from tests.processes import wait_until

MakeStore = Callable[..., Store]

HOUR = timedelta(hours=1)
TWO = Limit("group", 2)


def create(store: Store, *run_ids: str, limit: Limit = TWO, max_retries: int = 1) -> None:
    for run_id in run_ids:
        store.create(
            NewRun(id=run_id, name="sync", queue=f"q-{run_id}", arguments="{}", limit=limit, max_retries=max_retries)
        )


def starts(store: Store, run_id: str) -> bool:
    """Tell whether the run can be claimed, and do it."""
    claim = store.claim(run_id)
    assert isinstance(claim, Claim | Busy)
    return isinstance(claim, Claim)


def end(store: Store, run_id: str, status: TaskStatus = TaskStatus.COMPLETED) -> None:
    (run,) = store.read([run_id])
    assert run is not None
    store.apply([Change(run_id=run_id, attempt=run.attempt, values={"status": status}, delay=timedelta())])


def test_only_so_many_run_at_a_time(store: Store) -> None:
    """What comes beyond that is put off, and stays as it is."""
    create(store, "a", "b", "c")
    create(store, "other", limit=Limit("other", 1))

    outcomes = [starts(store, run_id) for run_id in ("a", "b", "c", "other")]

    assert outcomes == [True, True, False, True]
    (waiting,) = store.read(["c"])
    assert waiting is not None
    assert (waiting.status, waiting.version) == (TaskStatus.PENDING, 1)


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.RETRYING])
def test_the_end_of_an_attempt_gives_its_place_free(store: Store, status: TaskStatus) -> None:
    """However it ends, the next one starts."""
    create(store, "a", "b", "c")
    [starts(store, run_id) for run_id in ("a", "b", "c")]

    end(store, "a", status)

    assert starts(store, "c")


def test_those_that_wait_are_named_in_order(store: Store) -> None:
    """As many as there are places, with their queues; none that has ended meanwhile, or has started."""
    create(store, "a", "b", "c", "d", "e", "f")
    [starts(store, run_id) for run_id in ("a", "b", "c", "d", "e", "f")]
    store.cancel("c")
    none_yet = store.waiting("a")

    end(store, "a")
    one = store.waiting("a")
    end(store, "b")
    two = store.waiting("b")
    assert starts(store, "d")
    rest = store.waiting("b")

    assert none_yet == []
    assert one == [Waiting("d", "q-d")]
    assert two == [Waiting("d", "q-d"), Waiting("e", "q-e")]
    assert rest == [Waiting("e", "q-e")]
    assert store.waiting("nobody") == []


def test_a_lost_attempt_gives_its_place_free(make_store: MakeStore) -> None:
    """A worker that is gone does not stand in the way."""
    store = make_store(HOUR, timedelta(milliseconds=100))
    create(store, "a", "b", limit=Limit("group", 1))
    [starts(store, run_id) for run_id in ("a", "b")]

    def is_swept() -> bool:
        store.sweep()
        (run,) = store.read(["a"])
        return run is not None and run.status is TaskStatus.RETRYING

    wait_until(is_swept, "the run is swept")

    assert starts(store, "b")
    assert not starts(store, "a")

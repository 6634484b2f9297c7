"""What every store promises about the options of a run: when it has to start, its key, its tags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    EXPIRED,
    AttemptId,
    Claim,
    NewRun,
    Record,
    Store,
)
from tests.integration.stores.runs import (
    HOUR,
    ROUNDING,
    SHORT,
    apply,
    claim,
    create,
    running,
    state,
)
from tests.processes import wait_until

MakeStore = Callable[..., Store]


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

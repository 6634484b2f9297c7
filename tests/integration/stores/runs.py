"""Runs in a store, as its tests make and read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    AttemptId,
    Change,
    Claim,
    NewRun,
    Store,
)
from tests.processes import wait_until

MakeStore = Callable[..., Store]

SHORT = timedelta(milliseconds=100)
HOUR = timedelta(hours=1)
ROUNDING = timedelta(milliseconds=2)
CLOCKS_DIFFER = timedelta(seconds=2)


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

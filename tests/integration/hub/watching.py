"""Changes of a run, and what subscribers get of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import timedelta

from strawberry_tasks.snapshot import Failure, Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Change, NewRun, Store
from tests.patience import SECONDS

NEVER = timedelta(hours=1)
"""No test may pass because of the slow re-read."""


@dataclass(frozen=True)
class Place:
    """A store, and what an observer can tell about the links to it."""

    store: Store
    topics: Callable[[], set[str]]
    """The topics that are attached now, by anybody."""


def create(store: Store, run_id: str = "run", owner: str | None = "ann") -> None:
    store.create(NewRun(id=run_id, name="sync", queue="q", arguments="{}", owner=owner, max_retries=1))


def change(store: Store, attempt: int = 1, run_id: str = "run", **values: object) -> None:
    assert store.apply([Change(run_id=run_id, attempt=attempt, values=values)]) != [None]


def end(store: Store, run_id: str = "run") -> None:
    store.claim(run_id)
    change(store, run_id=run_id, status=TaskStatus.COMPLETED)


STEPS: list[Callable[[Store], object]] = [
    create,
    lambda store: store.claim("run"),
    lambda store: change(store, progress=10.0),
    lambda store: change(store, progress=90.0),
    lambda store: change(store, status=TaskStatus.RETRYING, failure=Failure(code="TASK_ERROR", message="no")),
    lambda store: store.claim("run"),
    lambda store: change(store, 2, progress=30.0),
    lambda store: change(store, 2, status=TaskStatus.COMPLETED, result=1),
]
"""The life of a run; step n gives version n + 1."""


async def collect(states: AsyncGenerator[Snapshot, None]) -> list[Snapshot]:
    async with asyncio.timeout(SECONDS), contextlib.aclosing(states):
        return [state async for state in states]


async def take(states: AsyncGenerator[Snapshot, None]) -> Snapshot:
    async with asyncio.timeout(SECONDS):
        return await anext(states)


def hub_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "strawberry-tasks-hub"]

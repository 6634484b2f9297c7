"""A lost worker is seen, its run goes on elsewhere, and what comes back late writes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from strawberry_tasks import Handle, Snapshot, TaskStatus
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import Worker

LEASE = timedelta(seconds=2)

NOTICED_WITHIN = LEASE.total_seconds() + 1
"""Seconds within which a watcher sees that a worker was lost."""


@dataclass(frozen=True)
class Fleet:
    """Tasks and the worker processes that perform them."""

    controlled: Controlled
    workers: list[Worker]

    @property
    def said(self) -> str:
        """All that the workers have printed."""
        return "".join(worker.said for worker in self.workers)


@pytest.fixture
def fleet(redis_url: str, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    """Two workers, whose attempts live two seconds after their last sign of life."""
    settings = Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads", lease=LEASE)
    workers = [
        Worker(
            "tests.apps.controlled_worker", environment=settings.environment, log=tmp_path / f"{number}.log", threads=2
        )
        for number in range(2)
    ]
    with ExitStack() as stack:
        for worker in workers:
            stack.enter_context(worker)
        tasks = settings.make_tasks()
        stack.callback(tasks.close)
        yield Fleet(Controlled(tasks), workers)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What the tasks wait for; opened in the end, so that none stays behind."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()


def worker_of(handle: Handle[int], attempt: int = 1) -> int:
    """Wait until a worker performs this attempt, and return its process."""

    def is_at_work() -> bool:
        run = handle.refresh()
        return run.attempt == attempt and run.progress_message is not None

    wait_until(is_at_work, f"attempt {attempt} starts", PATIENCE.total_seconds())
    return int(handle.refresh().progress_message or 0)


async def watched(handle: Handle[int], *wanted: TaskStatus) -> Snapshot:
    """Watch until the run is in one of these states, or has begun another attempt."""
    async with aclosing(handle.updates()) as states:
        async for state in states:
            if state.status in wanted or state.attempt > 1:
                return state
    raise AssertionError(f"the run ended as {state.status}")


@pytest.mark.parametrize("name", ["report", "idle"])
async def test_a_killed_worker_is_seen_and_replaced(fleet: Fleet, gate: Gate, name: str) -> None:
    """A watcher learns of the loss in time, and another worker performs the next attempt."""
    handle = await getattr(fleet.controlled, name).aenqueue(gate=gate.path)
    first = worker_of(handle)

    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    state = await watched(handle, TaskStatus.RETRYING)
    noticed = time.monotonic() - killed
    second = worker_of(handle, attempt=2)
    gate.open()

    assert await handle.aresult(PATIENCE) == second != first
    # The next attempt may have begun in the same moment.
    assert state.attempt == 2 or (state.failure and state.failure.code == "WORKER_LOST")
    assert noticed < NOTICED_WITHIN


async def test_a_run_that_has_lost_its_last_attempt_fails(fleet: Fleet, gate: Gate) -> None:
    """A run without a retry ends, in time, though nobody performs it any more."""
    handle = await fleet.controlled.check.aenqueue(gate=gate.path)
    report = await fleet.controlled.report.aenqueue(gate=gate.path)
    wait_until(work_mark(gate).exists, "the function starts", PATIENCE.total_seconds())
    await watched(handle, TaskStatus.RUNNING)
    worker_of(report)

    for worker in fleet.workers:
        worker.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    state = await watched(handle, TaskStatus.FAILED)

    assert state.failure is not None
    assert (state.failure.code, state.attempt) == ("WORKER_LOST", 1)
    assert time.monotonic() - killed < NOTICED_WITHIN


async def test_a_worker_that_comes_back_late_writes_nothing(fleet: Fleet, gate: Gate) -> None:
    """A worker that was stopped past its lease finds its run ended by another one, and leaves it as it is."""
    handle = await fleet.controlled.report.aenqueue(gate=gate.path)
    first = worker_of(handle)

    os.kill(first, signal.SIGSTOP)
    try:
        await watched(handle, TaskStatus.RETRYING)
        second = worker_of(handle, attempt=2)
        gate.open()
        assert await handle.aresult(PATIENCE) == second != first
        ended = handle.refresh()
    finally:
        os.kill(first, signal.SIGCONT)
    wait_until(lambda: "came too late" in fleet.said, "the first attempt ends", PATIENCE.total_seconds())

    assert handle.refresh() == ended


async def test_a_worker_that_comes_back_late_stops(fleet: Fleet, gate: Gate) -> None:
    """While the next attempt runs, the lost one is interrupted, and its message taken from nobody."""
    handle = await fleet.controlled.idle.aenqueue(gate=gate.path)
    first = worker_of(handle)

    os.kill(first, signal.SIGSTOP)
    try:
        second = worker_of(handle, attempt=2)
    finally:
        os.kill(first, signal.SIGCONT)
    wait_until(lambda: "came too late" in fleet.said, "the first attempt ends", PATIENCE.total_seconds())
    gate.open()

    assert await handle.aresult(PATIENCE) == second != first
    assert handle.refresh().attempt == 2


async def test_a_canceled_run_whose_worker_is_lost_is_canceled(fleet: Fleet, gate: Gate) -> None:
    """A watcher sees the end in time though nobody is left to notice the request."""
    handle = await fleet.controlled.report.aenqueue(gate=gate.path)
    first = worker_of(handle)

    os.kill(first, signal.SIGSTOP)
    try:
        await handle.acancel()
        state = await watched(handle, TaskStatus.CANCELED)
    finally:
        os.kill(first, signal.SIGCONT)

    assert (state.attempt, state.failure) == (1, None)
